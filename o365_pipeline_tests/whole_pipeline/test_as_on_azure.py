"""A deployment configured as on Azure, end to end: real sign-in, HTTPS, a Blob service, and the sandbox behind them."""

from __future__ import annotations

import datetime as dt
import logging
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from o365_pipeline.cli.doctor import connections
from o365_pipeline.consent.approvals import State
from o365_pipeline.customers.configuration import example
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.doctor.examination import examine
from o365_pipeline_tests.azurite import ACCOUNTS, Azurite
from o365_pipeline_tests.conftest import read_decisions
from o365_pipeline_tests.customers.test_configuration import SHIPPED_REQUEST
from o365_pipeline_tests.deploy.services import Postgres
from o365_pipeline_tests.runner import Runner, mart_rows
from o365_pipeline_tests.served import certificate, serving

DATASETS = ("User_v1", "Message_v1", "CalendarView_v0")
APPLICATION_SECRET, CLIENT_SECRET = "canary-of-the-application", "canary-of-the-sign-in"
SANDBOX = {"sandbox_users": 8, "sandbox_seconds": 0}
MAILS = [dg.AssetKey(["raw", "message"]), dg.AssetKey(["curated", "message"])]


@dataclass(frozen=True)
class Site:
    """Where everything is: the customers' file, and the sandbox that plays Azure."""

    folder: Path
    customers: Path
    sandbox: Deployment
    address: str
    azurite: Azurite

    def azure(self, **settings: Any) -> Deployment:
        return load(
            **{
                "deployment": "azure",
                "home": self.folder / "azure",
                "customers": self.customers,
                "credential": "service-principal",
                "arm_url": self.address,
                "feed_url": self.address,
                "storage_url": self.azurite.endpoint,
                "storage_key": self.azurite.key,
                "mart_url": f"sqlite:///{self.folder / 'azure.db'}",
                **settings,
            }
        )


@pytest.fixture
def site(tmp_path: Path, azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The sandbox served over HTTPS; two customers, one with each kind of storage, approved of nothing yet."""
    monkeypatch.setenv("APPLICATION_SECRET", APPLICATION_SECRET)
    customers = customers_file(tmp_path, {account: azurite.make_container(account) for account in ACCOUNTS})
    storage = {"storage_url": azurite.endpoint, "storage_key": azurite.key}
    sandbox = load(home=tmp_path / "played", customers=customers, **storage, **SANDBOX)
    files, authority = certificate(tmp_path)
    with serving(sandbox.sandbox_cloud.served, files) as address:
        environment = {
            "REQUESTS_CA_BUNDLE": str(authority),
            "AZURE_AUTHORITY_HOST": address,
            "AZURE_TENANT_ID": "72f988bf-0000-4000-8000-2d7cd011db47",
            "AZURE_CLIENT_ID": "00000000-0000-4000-8000-0000000000e1",
            "AZURE_CLIENT_SECRET": CLIENT_SECRET,
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield Site(tmp_path, customers, sandbox, address, azurite)


def customers_file(folder: Path, containers: dict[str, str]) -> Path:
    common = {
        **tomllib.loads(example())["customers"]["contoso"],
        "application_secret": {"env": "APPLICATION_SECRET"},
        "data_request": str(shorter_request(folder)),
        "initial_days": 1,
    }
    own = [
        {"storage": "adls-gen2"},
        {
            "storage": "blob",
            "tenant_id": "00000000-0000-4000-8000-0000000000f2",
            "subscription_id": "11111111-0000-4000-8000-000000000002",
            "factory": "adf-fabrikam",
        },
    ]
    entries = {
        name: {**common, **fields, "storage_account": account, "container": container}
        for name, fields, (account, container) in zip(("contoso", "fabrikam"), own, containers.items(), strict=True)
    }
    path = folder / "customers.yaml"
    path.write_text(yaml.safe_dump({"customers": entries}))
    return path


def shorter_request(folder: Path) -> Path:
    """The shipped data request with some of its datasets."""
    head, *datasets = SHIPPED_REQUEST.read_text().split("[[datasets]]")
    kept = [text for text in datasets if any(f'name = "{name}"' in text for name in DATASETS)]
    path = folder / "data_request.toml"
    path.write_text("[[datasets]]".join([head, *kept]))
    return path


def approve(sandbox: Deployment, deployment: Deployment) -> None:
    for customer in deployment.customers:
        sandbox.sandbox.register(customer.tenant_id, customer.data_request, [customer.sink])
        application = customer.data_request.application_id
        sandbox.sandbox.decide(customer.tenant_id, application, State.APPROVED, "approver@contoso.example")
        read_decisions(deployment, customer)


def moved(sandbox: Deployment, deployment: Deployment) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of the mart after everything that the approvals allow has moved."""
    approve(sandbox, deployment)
    with dg.DagsterInstance.ephemeral() as instance:
        Runner(deployment, instance).move()
    return mart_rows(deployment)


@pytest.fixture(scope="module")
def by_default(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Any, ...]]]:
    """The mart's rows of the two customers where everything lies in folders."""
    folder = tmp_path_factory.mktemp("default")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("APPLICATION_SECRET", APPLICATION_SECRET)
        customers = customers_file(folder, dict.fromkeys(ACCOUNTS, "lake"))
        default = load(home=folder / "o365", customers=customers, **SANDBOX)
    return moved(default, default)


@pytest.mark.parametrize("mart", ["sqlite", "postgresql"])
def test_a_deployment_as_on_azure_comes_to_the_same_mart_rows_as_the_default(
    by_default: dict[str, list[tuple[Any, ...]]], site: Site, mart: str, request: pytest.FixtureRequest
) -> None:
    url = {} if mart == "sqlite" else {"mart_url": request.getfixturevalue("postgres_url")}
    deployment = site.azure(**url)

    on_azure = moved(site.sandbox, deployment)

    assert by_default["fact_message"]
    assert {row[0] for row in by_default["fact_message"]} == {"contoso", "fabrikam"}
    for table, rows in by_default.items():
        assert len(on_azure[table]) == len(rows)
        assert set(on_azure[table]) == set(rows), table
    for customer in deployment.customers:
        objects = site.azurite.lakes.of(customer).objects("raw")
        assert [path for path, _ in objects if path.endswith("manifest.json")]


def test_the_doctor_finds_that_everything_works(site: Site) -> None:
    findings = list(examine(connections(site.azure())))

    assert [finding.message for finding in findings if finding.works is False] == []
    assert len(findings) == 2 + 2 * 6 + 1


def test_the_doctor_names_what_does_not_work_and_what_to_do(site: Site) -> None:
    def told(deployment: Deployment, what: str) -> str:
        findings = examine(connections(deployment))
        [finding] = [finding for finding in findings if what in finding.what and finding.works is False]
        return finding.message

    wrong_key = site.azure(storage_key=site.azurite.strangers_key)
    unreachable = site.azure(arm_url="https://127.0.0.1:1")
    no_mart = site.azure(mart_url="postgresql+psycopg2://app:hunter2@127.0.0.1:1/mart")
    moved_away = site.azure()
    contoso = moved_away.customers["contoso"]

    assert "the storage key was refused" in told(wrong_key, "contoso: lake")
    assert "check O365_ARM_URL" in told(unreachable, "sign-in to tenant 72f988bf")
    assert "check O365_MART_URL" in told(no_mart, "ledger and mart")
    assert "hunter2" not in told(no_mart, "ledger and mart")
    factory = moved_away.resources["data_factory"]
    factory.deploy(contoso.model_copy(update={"region": "eastus"}), contoso.data_request.datasets[0])
    assert "it is in eastus, the configuration says westeurope" in told(moved_away, "contoso: factory")


def test_no_secret_is_written_anywhere(
    site: Site,
    postgres: Postgres,
    postgres_url: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(dg.RetryPolicy, "calculate_delay", lambda _policy, _attempt: 0)
    monkeypatch.setattr("o365_pipeline.extraction.factory_retries.BACKOFF_SECONDS", 0)
    told: list[str] = []
    deployment = site.azure(mart_url=postgres_url)
    approve(site.sandbox, deployment)
    folder = site.folder / "dagster"
    folder.mkdir()
    with dg.DagsterInstance.local_temp(str(folder)) as instance:
        runner = Runner(deployment, instance)
        runner.move()
        for past, broken in enumerate(broken_ones(site, postgres_url), start=1):
            day = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=past)
            failing = Runner(broken, instance)
            works = [
                failing.execute_day("extraction_job", day=day).success,
                failing.execute_day("landing_job", [*MAILS, *failing.keys("mart")]).success,
            ]
            assert not all(works)
            told += [str(finding) for finding in examine(connections(broken))]
        told += kept(instance)
    told += [str(deployment), str(deployment.resources), caplog.text, *capfd.readouterr()]

    storage, mart = (site.azurite.key, site.azurite.strangers_key), (postgres.password, "canary-of-the-mart")
    secrets = [APPLICATION_SECRET, CLIENT_SECRET, *storage, *mart]
    written = {str(path): path.read_bytes() for path in site.folder.rglob("*") if path.is_file()}
    assert len(written) > 20
    for secret in secrets:
        assert [place for place, content in written.items() if secret.encode() in content] == []
        assert secret not in "\n".join(told)


def broken_ones(site: Site, mart_url: str) -> Iterator[Deployment]:
    """Deployments in which something that a secret opens does not open."""
    yield site.azure(storage_key=site.azurite.strangers_key, mart_url=mart_url)
    yield site.azure(arm_url="https://127.0.0.1:1", mart_url=mart_url)
    yield site.azure(mart_url="postgresql+psycopg2://app:canary-of-the-mart@127.0.0.1:1/mart")


def kept(instance: dg.DagsterInstance) -> list[str]:
    """All that Dagster tells of runs: tags, configurations, events, errors with their causes."""
    found = []
    for run in instance.get_runs():
        found += [str(run.tags), str(run.run_config)]
        found += [str(entry) for entry in instance.all_logs(run.run_id)]
    return found
