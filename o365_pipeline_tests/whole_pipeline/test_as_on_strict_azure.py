"""A deployment as on Azure with a managed identity and no key, against a strict sandbox that is served over HTTPS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from o365_pipeline.azure import cloud
from o365_pipeline.cli.doctor import connections
from o365_pipeline.consent import activity_feed
from o365_pipeline.consent.approvals import State
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.doctor.examination import examine
from o365_pipeline.sandbox.administrators import Administrators, application_of
from o365_pipeline.sandbox.cloud import CLIENT_ID, HOME_TENANT
from o365_pipeline_tests.conftest import read_decisions
from o365_pipeline_tests.finished_homes import FinishedHomes, data_request_of
from o365_pipeline_tests.served import certificate, serving

DATASETS = ("User_v1",)


@pytest.fixture
def customers(tmp_path: Path) -> Path:
    entry = {
        "tenant_id": HOME_TENANT,
        "subscription_id": "00000000-0000-4000-8000-0000000000d2",
        "resource_group": "rg-o365",
        "factory": "adf-o365",
        "region": "westeurope",
        "storage_account": "sto365contoso",
        "container": "lake",
        "data_request": str(data_request_of(DATASETS, tmp_path)),
        "application_secret": {"key_vault": "https://kv.vault.azure.net/secrets/application"},
        "first_day": "2026-11-16",
    }
    path = tmp_path / "customers.yaml"
    path.write_text(yaml.safe_dump({"customers": {"contoso": entry}}))
    return path


@pytest.fixture
def played(tmp_path: Path, customers: Path, finished_homes: FinishedHomes) -> Deployment:
    """The strict sandbox, in which nobody has done anything."""
    finished_homes.copy_empty_mart(tmp_path / "played")
    return load(
        home=tmp_path / "played",
        customers=customers,
        sandbox_strict=True,
        credential="managed-identity",
        sandbox_seconds=0,
        sandbox_users=5,
    )


@pytest.fixture
def deployment(
    played: Deployment, tmp_path: Path, customers: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Deployment]:
    """The deployment, in a container to which its managed identity was given."""
    files, authority = certificate(tmp_path)
    with serving(played.sandbox_cloud.served, files) as address:
        environment = {
            "REQUESTS_CA_BUNDLE": str(authority),
            "SSL_CERT_FILE": str(authority),
            "AZURE_CLIENT_ID": CLIENT_ID,
            "IDENTITY_ENDPOINT": f"{address}/msi/token",
            "IDENTITY_HEADER": "any",
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        forget_tokens()
        yield load(
            deployment="azure",
            home=tmp_path / "azure",
            customers=customers,
            credential="managed-identity",
            arm_url=address,
            feed_url=address,
            storage_url=f"{address}/blob/{{account}}",
            mart_url=f"sqlite:///{tmp_path / 'played' / 'mart.db'}",
        )


def failures(deployment: Deployment) -> list[str]:
    found = [finding.what for finding in examine(connections(deployment)) if finding.works is False]
    return [what.partition(": ")[2] or what for what in found]


def test_each_grant_is_missed_until_it_is_there_and_then_data_moves_by_tokens_alone(
    played: Deployment, deployment: Deployment
) -> None:
    [customer] = deployment.customers
    people, application_id = Administrators(played.sandbox_cloud), customer.data_request.application_id
    nothing = failures(deployment)
    played.sandbox_cloud.entra.directory.add_managed_identity(CLIENT_ID, HOME_TENANT)
    identity_alone = failures(deployment)
    people.grant_azure(customer)
    people.grant_feed(customer)
    people.portal.register(application_of(customer))
    played.sandbox.decide(customer.tenant_id, application_id, State.APPROVED, "approver@contoso.example")
    forget_tokens()
    read_decisions(deployment, customer)
    [requested], factory = customer.data_request.datasets, deployment.resources["data_factory"]
    factory.deploy(customer, requested)
    window = {"startTime": "2026-11-16T00:00:00Z", "endTime": "2026-11-17T00:00:00Z"}
    run_id = factory.create_run(customer, requested, {"windowKey": "w1", "folder": "raw/contoso/w1", **window})

    assert (len(nothing), nothing[0]) == (2, f"sign-in to tenant {HOME_TENANT}")
    assert [name.partition(" ")[0] for name in identity_alone] == ["activity", "factory", "lake"]
    assert factory.run(customer, run_id).status == "Succeeded"
    lake = deployment.lakes.of(customer)
    landed = lake.objects("raw/contoso/w1")
    assert landed
    assert {path: len(lake.read(path)) for path, _ in landed} == dict(landed)
    assert failures(deployment) == []


def forget_tokens() -> None:
    """Lets an hour pass, after which a token carries what was granted in between."""
    for kept in (cloud._signed_in, activity_feed._client):
        kept.cache_clear()
