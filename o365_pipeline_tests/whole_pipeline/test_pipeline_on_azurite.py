"""The stages together where the lakes are containers: the sandbox's factory, two customers, two storage accounts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from o365_pipeline.consent.approvals import State
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.purge.job import purge_request
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.manifest import Manifest
from o365_pipeline_tests.azurite import ACCOUNTS, Azurite
from o365_pipeline_tests.conftest import read_decisions
from o365_pipeline_tests.finished_homes import MAILS
from o365_pipeline_tests.runner import Runner, mart_rows

STAGES = ("raw", "curated", "user_rows", "quarantine")
UNREADABLE = b'{"broken'


def deployment_of_two(home: Path, containers: dict[str, str], **settings: Any) -> Deployment:
    """Contoso with Data Lake Storage Gen2 and Fabrikam with Blob Storage, each its own; purged as soon as may be."""
    loaded = load(home=home, sandbox_seconds=0, sandbox_users=6, initial_days=1, purge_grace_days=0, **settings)
    contoso = loaded.customers.chosen(None)
    some = tuple(entry for entry in contoso.data_request.datasets if entry.dataset.name in MAILS)
    request = contoso.data_request.model_copy(update={"datasets": some})
    storage = [
        {"storage": kind, "storage_account": account, "container": container}
        for kind, (account, container) in zip(("adls-gen2", "blob"), containers.items(), strict=True)
    ]
    fabrikam = {
        "name": "fabrikam",
        "tenant_id": "00000000-0000-4000-8000-0000000000f2",
        "subscription_id": "another",
        "factory": "adf-fabrikam",
    }
    own: list[dict[str, Any]] = [storage[0], {**fabrikam, **storage[1]}]
    customers = [contoso.model_copy(update={"data_request": request, **fields}) for fields in own]
    return replace(loaded, customers=Customers(customers))


def moved(deployment: Deployment, instance: dg.DagsterInstance) -> Runner:
    """From the approvals to the mart; on the way a line of the first customer's mail becomes unreadable."""
    for customer in deployment.customers:
        deployment.sandbox.register(customer.tenant_id, customer.data_request, [customer.sink])
        decide(deployment, customer, State.APPROVED)
    runner = Runner(deployment, instance)
    for request in runner.tick("consent_sensor").run_requests or []:
        assert runner.execute(request.job_name or "", dict(request.tags)).success
    landings = runner.tick("landing_sensor").run_requests or []
    contoso = deployment.customers["contoso"]
    lake = deployment.lakes.of(contoso)
    path = min(path for path, _ in lake.objects("raw/contoso/message"))
    lake.write(path, UNREADABLE + b"\n" + lake.read(path).split(b"\n", 1)[1])
    for request in landings:
        assert runner.execute(request.job_name or "", dict(request.tags), list(request.asset_selection or [])).success
    return runner


def decide(deployment: Deployment, customer: Customer, state: State) -> None:
    application = customer.data_request.application_id
    deployment.sandbox.decide(customer.tenant_id, application, state, f"approver@{customer.name}.example")
    read_decisions(deployment, customer)


def objects(lake: Lake) -> dict[str, list[str]]:
    """The paths below each stage, without the ids of factory runs."""
    paths = [path for path, _ in lake.objects("")]
    return {stage: sorted(_plain(path) for path in paths if path.startswith(f"{stage}/")) for stage in STAGES}


def _plain(path: str) -> str:
    parts = path.split("/")
    return "/".join([*parts[:4], parts[-1]] if parts[0] == "raw" else parts)


@pytest.fixture
def instances() -> Iterator[list[dg.DagsterInstance]]:
    with dg.DagsterInstance.ephemeral() as one, dg.DagsterInstance.ephemeral() as other:
        yield [one, other]


def test_containers_hold_and_lose_what_a_folder_does(
    azurite: Azurite, tmp_path: Path, instances: list[dg.DagsterInstance]
) -> None:
    containers = {account: azurite.make_container(account) for account in ACCOUNTS}
    local = deployment_of_two(tmp_path / "local", containers)
    remote = deployment_of_two(tmp_path / "remote", containers, storage_url=azurite.endpoint, storage_key=azurite.key)

    moved(local, instances[0])
    runner = moved(remote, instances[1])

    rows = mart_rows(remote)
    assert rows == mart_rows(local)
    assert {row[0] for row in rows["fact_message"]} == {"contoso", "fabrikam"}
    contoso, fabrikam = remote.customers
    assert [customer.sink.split("/")[2].split(".")[1] for customer in remote.customers] == ["dfs", "blob"]
    mine, theirs = (remote.lakes.of(customer) for customer in (contoso, fabrikam))
    assert not (tmp_path / "remote" / "lake").exists()
    both = objects(local.lakes.of(contoso))
    for lake, customer in ((mine, contoso), (theirs, fabrikam)):
        held = objects(lake)
        assert held == {stage: [path for path in both[stage] if customer.name in path] for stage in STAGES}
        assert all(held.values())
    [sealed] = [path for path, _ in mine.objects("raw/contoso/message") if path.endswith("manifest.json")]
    assert [part.is_clean for part in Manifest.model_validate_json(mine.read(sealed)).parts].count(False) == 1
    [quarantined] = [path for path, _ in mine.objects("quarantine/message")]
    assert UNREADABLE in mine.read(quarantined)

    decide(remote, contoso, State.DENIED)
    request = purge_request("contoso")
    assert runner.execute(request.job_name or "", dict(request.tags), config=dict(request.run_config)).success

    assert mine.objects("") == []
    assert objects(theirs)["curated"]
    assert {row[0] for row in mart_rows(remote)["fact_message"]} == {"fabrikam"}
