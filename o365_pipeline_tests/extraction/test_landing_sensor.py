"""The landing sensor's tick."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import dagster as dg
import pytest
from azure.core.exceptions import HttpResponseError

from o365_pipeline.consent import approval_ledger
from o365_pipeline.customers.customer import Customer
from o365_pipeline.deployment import Deployment
from o365_pipeline.extraction import landing_attempts, landing_sensor
from o365_pipeline.extraction.data_factory import CopyOutcome, FactoryRun
from o365_pipeline.extraction.landing_attempts import PAUSES, landing_tag
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

    def set(self, submitter: Submitter, customer: Customer, dataset: str, status: str, day: dt.date = DAY) -> None:
        requested = customer.data_request.requested(dataset)
        assert requested
        [entry] = submitter.submit_days(customer, requested, [day]).extractions
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


def end(instance: dg.DagsterInstance, request: dg.RunRequest, status: dg.DagsterRunStatus) -> str:
    """Let the run that was asked for end; gives the beginning of its id."""

    @dg.job(name="landing_job")
    def job() -> None: ...

    run = instance.create_run_for_job(job, tags=request.tags)
    if status == dg.DagsterRunStatus.FAILURE:
        instance.report_run_failed(run)
    elif status == dg.DagsterRunStatus.CANCELED:
        instance.report_run_canceled(run)
    return run.run_id[:8]


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


def test_a_landing_that_failed_is_tried_again_after_growing_pauses_up_to_a_limit(
    deployment: Deployment,
    instance: dg.DagsterInstance,
    factory: WatchedFactory,
    submitter: Submitter,
    customer: Customer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    factory.set(submitter, customer, "User_v1", "Succeeded")
    keys, reasons = [], []
    for pauses in (PAUSES, None):
        while requests := tick(deployment, instance, factory).run_requests:
            [request] = requests
            keys.append(request.run_key)
            failed = end(instance, request, dg.DagsterRunStatus.FAILURE)
            if pauses is None:
                continue
            reasons.append(str(tick(deployment, instance, factory).skip_reason))
            monkeypatch.setattr(landing_attempts, "PAUSES", (dt.timedelta(0), *PAUSES[1:]))
        monkeypatch.setattr(landing_attempts, "PAUSES", tuple(dt.timedelta(0) for _ in PAUSES))

    assert sorted(PAUSES) == list(PAUSES)
    assert keys == [f"{str(keys[0]).removesuffix(':1')}:{number}" for number in range(1, len(PAUSES) + 2)]
    assert f"contoso {DAY} is stuck: it did not get to the mart once" in reasons[0]
    assert "it did not get to the mart 2 times" in reasons[1]
    assert "is tried again at " in reasons[1]
    given_up = str(tick(deployment, instance, factory).skip_reason)
    assert f"it did not get to the mart {len(PAUSES) + 1} times, last in run {failed}, and is given up" in given_up
    assert f"o365-pipeline extract --customer contoso --from {DAY} --to {DAY}" in given_up


def test_a_landing_that_somebody_terminated_is_not_tried_again(
    deployment: Deployment,
    instance: dg.DagsterInstance,
    factory: WatchedFactory,
    submitter: Submitter,
    customer: Customer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(landing_attempts, "PAUSES", tuple(dt.timedelta(0) for _ in PAUSES))
    factory.set(submitter, customer, "User_v1", "Succeeded")
    [request] = tick(deployment, instance, factory).run_requests or []

    run = end(instance, request, dg.DagsterRunStatus.CANCELED)

    result = tick(deployment, instance, factory)
    assert not result.run_requests
    assert f"run {run} was terminated, and nothing is tried again" in str(result.skip_reason)


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.NOT_STARTED])
def test_what_is_stuck_or_at_work_takes_no_place_of_what_is_not(
    deployment: Deployment,
    instance: dg.DagsterInstance,
    factory: WatchedFactory,
    submitter: Submitter,
    customer: Customer,
    monkeypatch: pytest.MonkeyPatch,
    status: dg.DagsterRunStatus,
) -> None:
    monkeypatch.setattr(landing_sensor, "MAX_LAUNCHES", 1)
    days = [DAY + dt.timedelta(days=number) for number in range(3)]
    for day in days:
        factory.set(submitter, customer, "User_v1", "Succeeded", day)

    begun = []
    for _ in days:
        [request] = tick(deployment, instance, factory).run_requests or []
        end(instance, request, status)
        begun.append(str(request.run_key).split(":")[1])

    assert begun == [str(day) for day in days]
    assert not tick(deployment, instance, factory).run_requests


def test_attempts_begin_anew_with_an_approval_and_with_an_extraction(submitter: Submitter, customer: Customer) -> None:
    requested = customer.data_request.requested("User_v1")
    assert requested
    [entry] = submitter.submit_days(customer, requested, [DAY]).extractions
    later = replace(entry, claimed_at=entry.claimed_at + dt.timedelta(seconds=1))

    tags = {landing_tag([one], approval) for one in (entry, later) for approval in ("a", "b")}

    assert len(tags) == 4
