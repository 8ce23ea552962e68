"""The landing sensor's tick."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import dagster as dg
import pytest
from azure.core.exceptions import HttpResponseError

from o365_pipeline.consent import approval_ledger
from o365_pipeline.customers.customer import Customer
from o365_pipeline.deployment import Deployment
from o365_pipeline.extraction.data_factory import CopyOutcome, FactoryRun
from o365_pipeline.extraction.landing_sensor import build_landing_sensor
from o365_pipeline.extraction.submission import Submitter
from o365_pipeline.mart.loading import mark_loaded
from o365_pipeline.raw import landing
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.runner import lake_of

MART = [dg.AssetKey(["mart", "fact_message"])]
SENSOR = build_landing_sensor(MART, dg.DefaultSensorStatus.STOPPED)


class WatchedFactory:
    """A factory whose runs stand as a test says; it counts the queries."""

    def __init__(self) -> None:
        self._runs: dict[str, FactoryRun] = {}
        self.queries = 0

    def set(self, submitter: Submitter, customer: Customer, dataset: str, status: str) -> None:
        requested = customer.data_request.requested(dataset)
        assert requested
        [entry] = submitter.submit_days(customer, requested, [DAY]).extractions
        run_id = entry.factory_run_id or ""
        self._runs[run_id] = FactoryRun(run_id, dataset, entry.extraction_id, status, "", None)

    def runs_since(self, customer: Customer, since: dt.datetime) -> list[FactoryRun]:
        self.queries += 1
        return list(self._runs.values())

    def copy_outcome(self, customer: Customer, run: FactoryRun) -> CopyOutcome:
        return CopyOutcome(1, 1, "mailbox store is down" if run.status == "Failed" else None)


@pytest.fixture
def factory() -> WatchedFactory:
    return WatchedFactory()


@pytest.fixture
def submitter(deployment: Deployment, decide: Callable[..., None]) -> Submitter:
    decide()
    return Submitter(deployment.database, deployment.resources["data_factory"], "run-a", "extraction")


def tick(deployment: Deployment, instance: dg.DagsterInstance, factory: WatchedFactory) -> dg.SensorResult:
    resources = {**deployment.resources, "data_factory": factory}
    with dg.build_sensor_context(instance=instance, resources=resources) as context:
        result = SENSOR(context)
    assert isinstance(result, dg.SensorResult)
    return result


def test_without_runs_the_factory_is_not_asked(
    deployment: Deployment, instance: dg.DagsterInstance, factory: WatchedFactory
) -> None:
    result = tick(deployment, instance, factory)

    assert "No factory run is under way" in str(result.skip_reason)
    assert factory.queries == 0


def test_all_runs_are_watched_with_one_query_and_nothing_starts_before_all_have_ended(
    deployment: Deployment,
    instance: dg.DagsterInstance,
    factory: WatchedFactory,
    submitter: Submitter,
    customer: Customer,
) -> None:
    for dataset, status in (("User_v1", "Succeeded"), ("Message_v1", "InProgress"), ("TeamChat_v1", "Queued")):
        factory.set(submitter, customer, dataset, status)

    result = tick(deployment, instance, factory)

    assert factory.queries == 1
    assert not result.run_requests
    assert f"contoso {DAY}: 1 of 3 datasets have ended" in str(result.skip_reason)


def test_what_landed_is_taken_on_and_what_failed_is_left_out(
    deployment: Deployment,
    instance: dg.DagsterInstance,
    factory: WatchedFactory,
    submitter: Submitter,
    customer: Customer,
    capfd: pytest.CaptureFixture[str],
) -> None:
    factory.set(submitter, customer, "User_v1", "Succeeded")
    factory.set(submitter, customer, "Message_v1", "Failed")

    [request] = tick(deployment, instance, factory).run_requests or []

    keys = {key.to_user_string() for key in request.asset_selection or []}
    assert keys == {"raw/user", "curated/user", "mart/fact_message"}
    assert request.tags["dagster/asset_partition_range_end"] == f"contoso|{DAY}"
    assert f"contoso Message_v1 {DAY} Failed: mailbox store is down" in capfd.readouterr().err


def test_a_launch_is_asked_for_under_one_key_until_its_days_are_in_the_mart(
    deployment: Deployment,
    instance: dg.DagsterInstance,
    factory: WatchedFactory,
    submitter: Submitter,
    customer: Customer,
) -> None:
    factory.set(submitter, customer, "User_v1", "Succeeded")
    [first] = tick(deployment, instance, factory).run_requests or []
    [second] = tick(deployment, instance, factory).run_requests or []
    assert first.run_key == second.run_key

    requested = customer.data_request.requested("User_v1")
    assert requested
    [entry] = submitter.submit_days(customer, requested, [DAY]).extractions
    manifest = landing.count(lake_of(deployment), requested.dataset, entry, CopyOutcome(None, None, None))
    landing.seal(lake_of(deployment), deployment.database, requested.dataset, entry, manifest)
    [sealed] = tick(deployment, instance, factory).run_requests or []
    assert sealed.run_key == first.run_key

    mark_loaded(deployment.database, "contoso", {DAY: [entry.extraction_id]})

    assert not tick(deployment, instance, factory).run_requests


def test_extractions_of_customers_elsewhere_are_left_alone(
    deployment: Deployment,
    instance: dg.DagsterInstance,
    factory: WatchedFactory,
    submitter: Submitter,
    customer: Customer,
) -> None:
    elsewhere = customer.model_copy(update={"name": "fabrikam"})
    events = approval_ledger.events(deployment.database, customer)
    with deployment.database.begin() as connection:
        approval_ledger.record(connection, elsewhere, events, dt.datetime.now(dt.UTC))
    factory.set(submitter, elsewhere, "User_v1", "Succeeded")

    assert "No factory run is under way" in str(tick(deployment, instance, factory).skip_reason)


def test_a_factory_that_does_not_answer_stops_no_other(
    deployment: Deployment,
    instance: dg.DagsterInstance,
    factory: WatchedFactory,
    submitter: Submitter,
    customer: Customer,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    factory.set(submitter, customer, "User_v1", "Succeeded")

    def silent(*_: object) -> list[FactoryRun]:
        raise HttpResponseError("service unavailable")

    monkeypatch.setattr(factory, "runs_since", silent)

    assert not tick(deployment, instance, factory).run_requests
    assert "contoso: the factory does not answer" in capfd.readouterr().err
