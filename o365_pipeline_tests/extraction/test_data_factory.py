"""The real management client, through the transport, against the sandbox's Data Factory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.mgmt.datafactory import DataFactoryManagementClient
from pydantic import SecretStr

from o365_pipeline.consent.approvals import State
from o365_pipeline.customers.customer import Customer, KeyVaultSecret
from o365_pipeline.customers.data_request import RequestedDataset
from o365_pipeline.deployment import Deployment
from o365_pipeline.errors import ExtractionError
from o365_pipeline.extraction import factory_definitions as definitions
from o365_pipeline.extraction.data_factory import DataFactory
from o365_pipeline.extraction.windows import Window
from o365_pipeline.sandbox.azure.factory_faults import CopyError, FactoryFaults
from o365_pipeline.sandbox.cloud import SandboxCloud
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.finished_homes import MAILS
from o365_pipeline_tests.runner import lake_of

Decide = Callable[..., None]
VAULT = KeyVaultSecret(key_vault="https://kv-contoso.vault.azure.net/secrets/data-connect")


@pytest.fixture
def datasets() -> tuple[str, ...]:
    return (*MAILS, "CalendarView_v0")


@pytest.fixture
def factory(deployment: Deployment) -> DataFactory:
    found = deployment.resources["data_factory"]
    assert isinstance(found, DataFactory)
    return found


@pytest.fixture
def client(deployment: Deployment, customer: Customer) -> DataFactoryManagementClient:
    cloud = deployment.cloud
    return DataFactoryManagementClient(cloud.credential(), customer.subscription_id, transport=cloud.transport())


@pytest.fixture
def faults(deployment: Deployment) -> FactoryFaults:
    assert isinstance(deployment.cloud, SandboxCloud)
    return deployment.cloud.factory_faults


@pytest.fixture
def messages(customer: Customer) -> RequestedDataset:
    requested = customer.data_request.requested("Message_v1")
    assert requested is not None
    return requested


def run(factory: DataFactory, customer: Customer, requested: RequestedDataset) -> str:
    window = Window(DAY, DAY)
    factory.deploy(customer, requested)
    parameters = {"windowKey": "k1", "startTime": window.start, "endTime": window.end, "folder": "raw/contoso/x"}
    return factory.create_run(customer, requested, parameters)


def test_definitions_arrive_with_their_types_and_stable_names(
    factory: DataFactory, client: DataFactoryManagementClient, customer: Customer, messages: RequestedDataset
) -> None:
    factory.deploy(customer, messages)

    group, name = customer.resource_group, customer.factory
    assert client.linked_services.get(group, name, "o365_source").properties.type == "Office365"
    assert client.linked_services.get(group, name, "o365_lake").properties.type == "AzureBlobFS"
    assert client.datasets.get(group, name, "o365_Message_v1").properties.type == "Office365Table"
    assert client.datasets.get(group, name, "o365_lake_folder").properties.type == "Binary"
    [activity] = client.pipelines.get(group, name, "o365_Message_v1").properties.activities or []
    assert (activity.type, activity.name) == ("Copy", "copy_Message_v1")


def test_the_api_version_is_the_pinned_one_in_every_call(
    factory: DataFactory, customer: Customer, messages: RequestedDataset, decide: Decide, faults: FactoryFaults
) -> None:
    decide()
    found = factory.run(customer, run(factory, customer, messages))
    factory.copy_outcome(customer, found)
    factory.runs_since(customer, dt.datetime.now(dt.UTC))

    assert {request.method for request in faults.requests} == {"GET", "PUT", "POST"}
    assert {request.api_version for request in faults.requests} == {"2018-06-01"}


def test_the_first_deployment_creates_everything_and_tells_it(
    factory: DataFactory, customer: Customer, messages: RequestedDataset
) -> None:
    changes = factory.deploy(customer, messages)

    assert [str(change) for change in changes] == [
        "integration runtime o365-runtime created",
        "linked service o365_source created",
        "linked service o365_lake created",
        "dataset o365_lake_folder created",
        "dataset o365_Message_v1 created",
        "pipeline o365_Message_v1 created",
    ]


def test_definitions_that_have_not_changed_are_looked_at_and_not_sent_again(
    factory: DataFactory, customer: Customer, messages: RequestedDataset, faults: FactoryFaults
) -> None:
    factory.deploy(customer, messages)
    gets, puts = faults.count("GET"), faults.count("PUT")

    changes = factory.deploy(customer, messages)

    assert changes == ()
    assert (faults.count("GET") - gets, faults.count("PUT") - puts) == (6, 0)


def test_what_was_compared_before_is_not_even_looked_at(
    factory: DataFactory, customer: Customer, messages: RequestedDataset, faults: FactoryFaults
) -> None:
    compared: set[str] = set()
    users = customer.data_request.requested("User_v1")
    assert users
    factory.deploy(customer, messages, compared)
    before = len(faults.requests)

    factory.deploy(customer, messages, compared)
    assert len(faults.requests) == before

    factory.deploy(customer, users, compared)
    assert [request.path.rsplit("/", 1)[1] for request in faults.requests[before:]] == ["o365_User_v1"] * 4


def test_only_what_differs_is_updated_and_the_difference_told(
    factory: DataFactory, customer: Customer, messages: RequestedDataset, faults: FactoryFaults
) -> None:
    factory.deploy(customer, messages)
    puts = faults.count("PUT")
    wider = messages.model_copy(update={"columns": (*messages.columns, "subject")})

    [change] = factory.deploy(customer, wider)

    assert faults.count("PUT") - puts == 1
    assert change.diff.splitlines() == [
        "pipeline o365_Message_v1 changed",
        "+ activities[copy_Message_v1].typeProperties.source.outputColumns: subject",
    ]


def test_a_rotated_secret_is_deployed_and_leaves_no_trace_in_what_is_told(
    factory: DataFactory, customer: Customer, messages: RequestedDataset, faults: FactoryFaults
) -> None:
    before, after = (
        customer.model_copy(update={"application_secret": SecretStr(secret)}) for secret in ("thorn-1", "thorn-2")
    )
    factory.deploy(before, messages)

    changes = factory.deploy(after, messages)

    assert [str(change) for change in changes] == [
        "linked service o365_source changed",
        "linked service o365_lake changed",
    ]
    assert not any("thorn" in change.diff for change in changes)
    assert "thorn" not in str(faults.requests)
    assert factory.deploy(after, messages) == ()


def test_a_secret_in_a_key_vault_is_referred_to_and_never_sent(
    factory: DataFactory, client: DataFactoryManagementClient, customer: Customer, messages: RequestedDataset
) -> None:
    customer = customer.model_copy(update={"application_secret": VAULT})

    changes = factory.deploy(customer, messages)

    assert "linked service o365_vault created" in [str(change) for change in changes]
    group, name = customer.resource_group, customer.factory
    vault = client.linked_services.get(group, name, "o365_vault").as_dict()["properties"]
    source, lake = (
        client.linked_services.get(group, name, service).as_dict()["properties"]
        for service in ("o365_source", "o365_lake")
    )
    assert (vault["type"], vault["typeProperties"]) == (
        "AzureKeyVault",
        {"baseUrl": "https://kv-contoso.vault.azure.net/"},
    )
    assert source["typeProperties"]["servicePrincipalKey"] == {
        "type": "AzureKeyVaultSecret",
        "store": {"type": "LinkedServiceReference", "referenceName": "o365_vault"},
        "secretName": "data-connect",
    }
    assert lake["typeProperties"]["servicePrincipalKey"] == source["typeProperties"]["servicePrincipalKey"]
    assert factory.deploy(customer, messages) == ()


@pytest.mark.parametrize("secret", [SecretStr("one"), VAULT])
@pytest.mark.parametrize("storage", ["adls-gen2", "blob"])
def test_a_copy_lands_in_either_kind_of_storage(
    deployment: Deployment,
    factory: DataFactory,
    customer: Customer,
    messages: RequestedDataset,
    storage: str,
    secret: SecretStr | KeyVaultSecret,
) -> None:
    customer = customer.model_copy(update={"storage": storage, "application_secret": secret})
    request = customer.data_request
    deployment.sandbox.register(customer.tenant_id, request, [customer.sink])
    deployment.sandbox.decide(customer.tenant_id, request.application_id, State.APPROVED, "approver@contoso.example")

    found = factory.run(customer, run(factory, customer, messages))

    assert found.status == "Succeeded", found.message
    assert lake_of(deployment).objects(f"raw/contoso/x/{found.run_id}")


def test_a_definition_that_the_factory_does_not_take_is_an_error_of_one_line(
    factory: DataFactory, customer: Customer, messages: RequestedDataset, faults: FactoryFaults
) -> None:
    faults.fail(1, 403, on="/linkedservices/o365_lake")

    with pytest.raises(ExtractionError, match="did not take linked service o365_lake") as raised:
        factory.deploy(customer, messages)

    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("storage", ["adls-gen2", "blob"])
def test_data_connect_writes_as_the_application_and_in_the_customers_region(
    factory: DataFactory,
    client: DataFactoryManagementClient,
    customer: Customer,
    messages: RequestedDataset,
    storage: str,
) -> None:
    factory.deploy(customer.model_copy(update={"storage": storage}), messages)

    group, name = customer.resource_group, customer.factory
    lake = client.linked_services.get(group, name, "o365_lake").as_dict()["properties"]
    runtime = client.integration_runtimes.get(group, name, "o365-runtime").as_dict()["properties"]
    assert lake["typeProperties"]["servicePrincipalId"] == customer.data_request.application_id
    assert lake["typeProperties"]["tenant"] == customer.tenant_id
    assert lake["connectVia"]["referenceName"] == "o365-runtime"
    assert runtime["typeProperties"]["computeProperties"]["location"] == "West Europe"


def test_a_copy_asks_for_the_requested_columns_and_the_window(customer: Customer, messages: RequestedDataset) -> None:
    [copy] = definitions.copy_pipeline(messages).as_dict()["properties"]["activities"]

    source = copy["typeProperties"]["source"]
    assert [column["name"] for column in source["outputColumns"]] == list(messages.columns)
    assert source["dateFilterColumn"] == "sentDateTime"
    assert source["startTime"]["value"] == "@pipeline().parameters.startTime"
    assert "allowedGroups" not in source or source["allowedGroups"] is None


def test_a_calendar_view_takes_start_and_end_without_a_filter_column(customer: Customer) -> None:
    requested = customer.data_request.requested("CalendarView_v0")
    assert requested is not None

    [copy] = definitions.copy_pipeline(requested).as_dict()["properties"]["activities"]

    source = copy["typeProperties"]["source"]
    assert source.get("dateFilterColumn") is None
    assert source["endTime"]["value"] == "@pipeline().parameters.endTime"


def test_a_run_ends_with_the_counts_of_its_copy(
    factory: DataFactory, customer: Customer, messages: RequestedDataset, decide: Decide, deployment: Deployment
) -> None:
    decide()
    run_id = run(factory, customer, messages)

    found = factory.run(customer, run_id)

    assert (found.status, found.window_key, found.pipeline) == ("Succeeded", "k1", "o365_Message_v1")
    outcome = factory.copy_outcome(customer, found)
    assert outcome.error is None
    assert outcome.rows
    assert outcome.files == len(lake_of(deployment).objects(f"raw/contoso/x/{run_id}"))


def test_all_runs_are_found_with_one_query(
    factory: DataFactory, customer: Customer, messages: RequestedDataset, decide: Decide
) -> None:
    decide()
    started = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
    ids = {run(factory, customer, messages) for _ in range(3)}

    assert {found.run_id for found in factory.runs_since(customer, started)} == ids


def test_runs_and_their_activities_are_read_to_the_last_page(
    factory: DataFactory, customer: Customer, messages: RequestedDataset, decide: Decide, faults: FactoryFaults
) -> None:
    decide()
    started = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1)
    ids = [run(factory, customer, messages) for _ in range(5)]
    faults.page_size, faults.first_page_empty = 2, True

    found = factory.runs_since(customer, started)

    assert [entry.run_id for entry in found] == ids
    assert faults.count("POST", "/queryPipelineRuns") == 4
    assert factory.copy_outcome(customer, found[0]).rows
    assert faults.count("POST", "/queryActivityruns") == 2


def test_a_run_is_cancelled_and_cancelling_one_that_has_ended_is_no_error(
    factory: DataFactory, customer: Customer, messages: RequestedDataset, decide: Decide
) -> None:
    decide()
    run_id = run(factory, customer, messages)
    assert factory.run(customer, run_id).status == "Succeeded"

    factory.cancel(customer, run_id)

    assert factory.run(customer, run_id).status == "Succeeded"


def test_a_run_that_is_not_there_cannot_be_cancelled(factory: DataFactory, customer: Customer) -> None:
    with pytest.raises(ResourceNotFoundError):
        factory.cancel(customer, "00000000-0000-4000-8000-000000000000")


def test_a_copy_that_fails_is_explained_with_the_factorys_code_and_words(
    factory: DataFactory, customer: Customer, messages: RequestedDataset, decide: Decide, faults: FactoryFaults
) -> None:
    decide()
    faults.fail_copies(1, CopyError.NO_USERS)

    outcome = factory.copy_outcome(customer, factory.run(customer, run(factory, customer, messages)))

    assert outcome.error
    assert outcome.error.startswith("nobody in the scope can be extracted: people need an enabled account")
    assert "Data Factory says: 2200 ErrorCode=UserErrorOffice365DataLoaderError" in outcome.error


def test_a_run_that_data_connect_refuses_says_why(
    factory: DataFactory, customer: Customer, messages: RequestedDataset
) -> None:
    found = factory.run(customer, run(factory, customer, messages))

    assert found.status == "Failed"
    assert "authorization is approved" in (factory.copy_outcome(customer, found).error or "")


def test_a_pipeline_that_is_not_there_is_an_error_of_one_line(
    factory: DataFactory, customer: Customer, messages: RequestedDataset
) -> None:
    with pytest.raises(ExtractionError, match="Data Factory did not start Message_v1") as raised:
        factory.create_run(customer, messages, {})

    assert "\n" not in str(raised.value)


def test_an_unknown_run_is_not_found(factory: DataFactory, customer: Customer) -> None:
    with pytest.raises(ResourceNotFoundError):
        factory.run(customer, "00000000-0000-4000-8000-000000000000")
