"""The real management client, through the transport, against the sandbox's Data Factory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.mgmt.datafactory import DataFactoryManagementClient

from o365_pipeline.consent.data_request import RequestedDataset
from o365_pipeline.customers import Customer
from o365_pipeline.deployment import Deployment
from o365_pipeline.errors import ExtractionError
from o365_pipeline.extraction import factory_definitions as definitions
from o365_pipeline.extraction.data_factory import DataFactory
from o365_pipeline.extraction.windows import Window
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.runner import lake_of

Decide = Callable[..., None]


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
