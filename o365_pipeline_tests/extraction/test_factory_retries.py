"""How the management client repeats calls, through the real SDK against the sandbox's faults."""

from __future__ import annotations

import datetime as dt
import time

import pytest
from azure.core.exceptions import AzureError, HttpResponseError, ServiceRequestError, ServiceResponseTimeoutError
from azure.core.pipeline.transport import RequestsTransport

from o365_pipeline.customers.customer import Customer
from o365_pipeline.deployment import Deployment
from o365_pipeline.errors import ExtractionError, FactoryBusyError, RunInDoubtError
from o365_pipeline.extraction.data_factory import DataFactory
from o365_pipeline.sandbox.azure.factory_faults import RUNS_QUERY, RUNS_START, FactoryFaults
from o365_pipeline.sandbox.cloud import SandboxCloud

RUN_ID = "00000000-0000-4000-8000-000000000001"


@pytest.fixture
def factory(deployment: Deployment) -> DataFactory:
    found = deployment.resources["data_factory"]
    assert isinstance(found, DataFactory)
    return found


@pytest.fixture
def faults(deployment: Deployment) -> FactoryFaults:
    assert isinstance(deployment.cloud, SandboxCloud)
    return deployment.cloud.factory_faults


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that the client makes, without making them."""
    made: list[float] = []
    monkeypatch.setattr(RequestsTransport, "sleep", lambda _, seconds: made.append(seconds))
    return made


def hour_ago() -> dt.datetime:
    return dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_query_is_repeated_after_the_pause_that_the_service_wants(
    factory: DataFactory, customer: Customer, faults: FactoryFaults, pauses: list[float], status: int
) -> None:
    faults.fail(2, status, retry_after=7)

    assert factory.runs_since(customer, hour_ago()) == []

    assert pauses == [7, 7]
    assert faults.count("POST", RUNS_QUERY) == 3


def test_a_query_whose_answer_does_not_come_is_repeated(
    factory: DataFactory,
    customer: Customer,
    faults: FactoryFaults,
    pauses: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send, lost = RequestsTransport.send, [1]

    def lose_one(self: RequestsTransport, request: object, **options: object) -> object:
        answer = send(self, request, **options)
        if lost:
            lost.pop()
            raise ServiceResponseTimeoutError("read timed out")
        return answer

    monkeypatch.setattr(RequestsTransport, "send", lose_one)

    assert factory.runs_since(customer, hour_ago()) == []
    assert faults.count("POST", RUNS_QUERY) == 2


def test_a_pause_that_is_too_long_for_a_sensor_is_not_begun_but_kept(
    factory: DataFactory,
    customer: Customer,
    faults: FactoryFaults,
    pauses: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    faults.throttle(1, retry_after=120)

    with pytest.raises(HttpResponseError):
        factory.runs_since(customer, hour_ago())
    with pytest.raises(ServiceRequestError, match=r"asked for a pause, of which 1\d\d s are left"):
        factory.runs_since(customer, hour_ago())

    assert pauses == []
    assert faults.count("POST") == 1
    later = time.monotonic() + 121
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert factory.runs_since(customer, hour_ago()) == []


def test_a_call_is_given_up_in_the_end(
    factory: DataFactory, customer: Customer, faults: FactoryFaults, pauses: list[float]
) -> None:
    faults.fail(100, 503)

    with pytest.raises(AzureError):
        factory.run(customer, RUN_ID)

    assert faults.count("GET") == 5


@pytest.mark.parametrize(
    ("status", "retry_after"), [(500, None), (500, 3), (502, None), (503, None), (504, 3), (408, None)]
)
def test_a_run_is_asked_for_once_where_the_answer_leaves_open_whether_it_was_made(
    factory: DataFactory,
    customer: Customer,
    faults: FactoryFaults,
    pauses: list[float],
    status: int,
    retry_after: int | None,
) -> None:
    requested = customer.data_request.datasets[0]
    factory.deploy(customer, requested)
    faults.fail(1, status, retry_after, on=RUNS_START)

    with pytest.raises(RunInDoubtError, match="Data Factory did not start"):
        factory.create_run(customer, requested, {})

    assert faults.count("POST", RUNS_START) == 1
    assert pauses == []


def test_a_run_whose_answer_does_not_come_is_in_doubt(
    factory: DataFactory, customer: Customer, faults: FactoryFaults, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object, **__: object) -> object:
        raise ServiceResponseTimeoutError("read timed out")

    monkeypatch.setattr(RequestsTransport, "send", silent)

    with pytest.raises(RunInDoubtError, match="read timed out"):
        factory.create_run(customer, customer.data_request.datasets[0], {})


@pytest.mark.parametrize("status", [429, 503])
def test_a_factory_that_is_too_busy_says_for_how_long(
    factory: DataFactory, customer: Customer, faults: FactoryFaults, pauses: list[float], status: int
) -> None:
    faults.fail(1, status, retry_after=11, on=RUNS_START)

    with pytest.raises(FactoryBusyError) as raised:
        factory.create_run(customer, customer.data_request.datasets[0], {})

    assert raised.value.seconds == 11
    assert faults.count("POST", RUNS_START) == 1


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_refusal_is_no_doubt(factory: DataFactory, customer: Customer, faults: FactoryFaults, status: int) -> None:
    faults.fail(1, status, on=RUNS_START)

    with pytest.raises(ExtractionError) as raised:
        factory.create_run(customer, customer.data_request.datasets[0], {})

    assert type(raised.value) is ExtractionError


def test_a_factory_that_cannot_be_reached_made_no_run(
    factory: DataFactory, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object, **__: object) -> object:
        raise ServiceRequestError("name or service not known")

    monkeypatch.setattr(RequestsTransport, "send", unreachable)

    with pytest.raises(ExtractionError, match="name or service not known") as raised:
        factory.create_run(customer, customer.data_request.datasets[0], {})

    assert type(raised.value) is ExtractionError
