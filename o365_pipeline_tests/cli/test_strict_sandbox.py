"""A strict sandbox: what is refused before somebody registers, admits and grants, and that it works thereafter."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from o365_pipeline.cli.headless import read_consent
from o365_pipeline.consent import approval_ledger
from o365_pipeline.consent.approvals import State
from o365_pipeline.consent.authorization import ask_of, refusal
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.data_request import Scope
from o365_pipeline.datasets import Dataset
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.extraction.data_factory import FactoryRun
from o365_pipeline.sandbox.azure.resources import Resources
from o365_pipeline.sandbox.azure.roles import (
    ASSIGNMENT_TYPE,
    BLOB_CONTRIBUTOR,
    FACTORY_CONTRIBUTOR,
    READER,
    RoleAssignments,
)
from o365_pipeline.sandbox.cloud import HOME_TENANT
from o365_pipeline_tests.cli.conftest import Command
from o365_pipeline_tests.finished_homes import FinishedHomes, data_request_of

OTHER_TENANT = "00000000-0000-4000-8000-0000000000f1"


@pytest.fixture
def strict(home: Path, finished_homes: FinishedHomes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands work in a home whose sandbox is strict, with a data request of one dataset."""
    finished_homes.copy_empty_mart(home)
    monkeypatch.setenv("O365_SANDBOX_STRICT", "1")
    monkeypatch.setenv("O365_DATA_REQUEST", str(data_request_of(("User_v1",), tmp_path)))


@pytest.fixture
def managed_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("O365_CREDENTIAL", "managed-identity")


def customers_file(folder: Path, *lines: str) -> Path:
    """A file of one customer, in whose entry these lines stand too."""
    request = data_request_of(("User_v1",), folder)
    path = folder / "customers.toml"
    path.write_text(
        f"""[customers.fabrikam]
subscription_id = "00000000-0000-4000-8000-0000000000d2"
resource_group = "rg-sandbox"
factory = "adf-sandbox"
region = "westeurope"
storage_account = "o365hosted"
container = "lake"
data_request = "{request}"
application_secret = {{ key_vault = "https://kv.vault.azure.net/secrets/application" }}
first_day = 2026-11-16
"""
        + "\n".join(lines)
    )
    return path


def copied(deployment: Deployment) -> FactoryRun:
    """A copy of the one dataset of the one customer, at its end."""
    [customer] = deployment.customers
    [requested], factory = customer.data_request.datasets, deployment.resources["data_factory"]
    factory.deploy(customer, requested)
    window = {"startTime": "2026-11-16T00:00:00Z", "endTime": "2026-11-17T00:00:00Z"}
    run_id = factory.create_run(customer, requested, {"windowKey": "w1", "folder": "raw/contoso/w1", **window})
    run: FactoryRun = factory.run(customer, run_id)
    return run


@pytest.mark.usefixtures("strict")
def test_nothing_works_before_somebody_grants_and_registers(command: Command) -> None:
    doctor = command("doctor")
    decided = command("sandbox", "approve")

    assert (doctor.status, "AADSTS700016" in doctor.stdout) == (1, True)
    assert "an administrator of that tenant must admit the application first" in doctor.stdout
    assert (decided.status, "register it first" in decided.stderr) == (2, True)


@pytest.mark.usefixtures("strict")
def test_after_a_grant_a_registration_and_an_approval_data_moves(command: Command) -> None:
    acts = [command("sandbox", act) for act in ("grant", "register", "approve", "grant")]

    assert [act.status for act in acts] == [0, 0, 0, 0], acts
    assert command("doctor").status == 0
    assert copied(load()).status == "Succeeded"


@pytest.mark.usefixtures("strict", "managed_identity")
def test_a_managed_identity_of_the_customers_tenant_is_enough(command: Command) -> None:
    for act in ("grant", "register", "approve"):
        assert command("sandbox", act).status == 0

    assert command("doctor").status == 0
    assert copied(load()).status == "Succeeded"


@pytest.mark.usefixtures("strict")
@pytest.mark.parametrize(
    ("without", "told"),
    [
        ("feed", "FAILS  contoso: activity feed: (b) is missing, it refuses with 401: grant"),
        (
            "azure",
            "FAILS  contoso: factory adf-sandbox: Data Factory adf-sandbox does not answer: Azure has no such factory",
        ),
    ],
)
def test_the_doctor_says_what_was_not_granted(command: Command, without: str, told: str) -> None:
    command("sandbox", "grant", "--without", without)

    doctor = command("doctor")

    assert doctor.status == 1
    assert told in doctor.stdout


@pytest.mark.usefixtures("strict")
def test_without_a_role_of_its_own_on_the_storage_account_the_application_copies_nothing(command: Command) -> None:
    for act in ("grant", "register", "approve"):
        command("sandbox", act)
    deployment = load()
    [customer] = deployment.customers
    application = deployment.sandbox_cloud.entra.directory.find(
        customer.tenant_id, customer.data_request.application_id
    )
    resources = Resources(deployment.sandbox_cloud.state)
    for entry in resources.of_type(ASSIGNMENT_TYPE):
        assigned = entry["properties"]
        if application and (assigned["principalId"], assigned["roleDefinitionId"][-36:]) == (
            application.object_id,
            BLOB_CONTRIBUTOR,
        ):
            resources.delete(entry["id"])

    run = copied(deployment)

    assert (run.status, "AuthorizationPermissionMismatch" in run.message) == ("Failed", True)


@pytest.mark.usefixtures("strict")
def test_the_doctor_sees_that_an_identity_may_look_at_the_factory_and_not_run_it(command: Command) -> None:
    command("sandbox", "grant")
    deployment = load()
    [customer] = deployment.customers
    resources = Resources(deployment.sandbox_cloud.state)
    for entry in resources.of_type(ASSIGNMENT_TYPE):
        if entry["properties"]["roleDefinitionId"].endswith(FACTORY_CONTRIBUTOR):
            resources.delete(entry["id"])
            scope = entry["id"].partition("/providers/")[0]
            RoleAssignments(resources).assign(scope, READER, entry["properties"]["principalId"])

    doctor = command("doctor")

    [line] = [
        line for line in doctor.stdout.splitlines() if line.startswith(f"FAILS  contoso: factory {customer.factory}")
    ]
    assert "give its identity the role Data Factory Contributor on the factory" in line


@pytest.mark.usefixtures("strict", "managed_identity")
def test_a_managed_identity_never_serves_another_tenant(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    elsewhere = customers_file(tmp_path, f'tenant_id = "{OTHER_TENANT}"')
    assert command("sandbox", "grant").status == 0
    monkeypatch.setenv("O365_CUSTOMERS", str(elsewhere))
    monkeypatch.delenv("O365_DATA_REQUEST")

    refused, doctor = command("sandbox", "grant"), command("doctor")

    assert (refused.status, "managed identity is of tenant" in refused.stderr) == (2, True)
    [line] = [line for line in doctor.stdout.splitlines() if line.startswith("FAILS  sign-in")]
    assert "a managed identity never signs in to another tenant" in line
    assert "docs/hosting.md" in line


@pytest.fixture
def hosted(strict: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the customer's data move into the vendor's tenant, in which the application is registered."""
    tenants = [f'tenant_id = "{OTHER_TENANT}"', f'destination_tenant_id = "{HOME_TENANT}"']
    monkeypatch.setenv("O365_CUSTOMERS", str(customers_file(tmp_path, *tenants)))
    monkeypatch.delenv("O365_DATA_REQUEST")


@pytest.mark.usefixtures("hosted")
def test_a_vendor_hosts_what_a_customer_added_and_approved(command: Command) -> None:
    acts = [["grant"], ["register", "--key-vault", "https://kv-vendor.vault.azure.net"], ["add"], ["approve"]]

    granted = command("sandbox", *acts[0])
    before = command("doctor").stdout
    ended = [command("sandbox", *act) for act in acts[1:]]

    assert [act.status for act in (granted, *ended)] == [0, 0, 0, 0], ended
    assert "as multi-tenant, with https://o365hosted.dfs.core.windows.net/lake" in before
    assert f"let a global administrator add it, of publisher tenant {HOME_TENANT}, and approve it" in before
    assert command("doctor").status == 0
    deployment = load()
    [customer] = deployment.customers
    status = deployment.sandbox.consent_status_of(customer.tenant_id, customer.data_request.application_id)
    assert status.approval
    assert status.approval.destination_tenant_id == HOME_TENANT
    assert refusal(ask_of(customer, *asked(customer)), status) is None
    read_consent(deployment, [customer])
    known = approval_ledger.consent_status_of(deployment.database, customer, dt.datetime.now(dt.UTC))
    assert known.state is State.APPROVED
    assert copied(deployment).status == "Succeeded"


@pytest.mark.usefixtures("hosted")
def test_a_single_tenant_application_moves_nothing_out_of_another_tenant(command: Command) -> None:
    acts = [command("sandbox", act) for act in ("grant", "register", "add", "approve")]

    assert [act.status for act in acts] == [0, 0, 2, 2]
    assert "no multi-tenant application" in acts[2].stderr
    assert copied(load()).status == "Failed"


@pytest.mark.usefixtures("hosted")
def test_a_sandbox_that_is_not_strict_lets_a_vendor_host_without_more_acts(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("O365_SANDBOX_STRICT", "0")

    assert command("sandbox", "approve").status == 0
    assert command("doctor").status == 0
    assert copied(load()).status == "Succeeded"


def asked(customer: Customer) -> tuple[Dataset, tuple[str, ...], Scope]:
    [requested] = customer.data_request.datasets
    return requested.dataset, requested.columns, requested.scope
