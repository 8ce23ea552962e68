"""A window is paid for once whatever the factory answers, through the real SDK against the sandbox's faults."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import replace

import pytest
from azure.core.pipeline.transport import RequestsTransport

from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.data_request import RequestedDataset
from o365_pipeline.deployment import Deployment
from o365_pipeline.errors import ExtractionError, FactoryBusyError, RunInDoubtError
from o365_pipeline.extraction import extraction_ledger as ledger
from o365_pipeline.extraction.submission import LISTED_AFTER, Submitter
from o365_pipeline.raw.release import release_landing
from o365_pipeline.sandbox.azure.factory_faults import RUNS_QUERY, RUNS_START, FactoryFaults
from o365_pipeline.sandbox.cloud import SandboxCloud
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.runner import lake_of


class SetClock:
    """A clock that only sleeping moves, and what was slept."""

    def __init__(self) -> None:
        self.now = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1)
        self.slept: list[float] = []

    def __call__(self) -> dt.datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += dt.timedelta(seconds=seconds)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def faults(deployment: Deployment, decide: Callable[..., None]) -> FactoryFaults:
    decide()
    assert isinstance(deployment.cloud, SandboxCloud)
    return deployment.cloud.factory_faults


@pytest.fixture
def submitter(deployment: Deployment, clock: SetClock) -> Submitter:
    return submitter_of(deployment, clock, "run-a")


@pytest.fixture
def messages(customer: Customer) -> RequestedDataset:
    requested = customer.data_request.requested("Message_v1")
    assert requested is not None
    return requested


def submitter_of(deployment: Deployment, clock: SetClock, claimant: str) -> Submitter:
    factory = deployment.resources["data_factory"]
    return Submitter(deployment.database, factory, claimant, "extraction", clock=clock, sleep=clock.sleep)


def run_ids(deployment: Deployment) -> list[str]:
    return [run.run_id for run in deployment.sandbox.factory_runs()]


def test_a_run_that_was_made_and_answered_500_is_found_and_not_made_again(
    deployment: Deployment, submitter: Submitter, customer: Customer, messages: RequestedDataset, faults: FactoryFaults
) -> None:
    faults.fail(1, 500, after_acting=True, on=RUNS_START)

    submission = submitter.submit_days(customer, messages, [DAY])

    assert [submission.extractions[0].factory_run_id] == run_ids(deployment)
    assert submission.created == 1
    assert faults.count("POST", RUNS_START) == 1


def test_a_run_whose_files_were_given_up_is_not_taken_for_the_one_in_doubt(
    deployment: Deployment,
    submitter: Submitter,
    clock: SetClock,
    customer: Customer,
    messages: RequestedDataset,
    faults: FactoryFaults,
) -> None:
    [entry] = submitter.submit_days(customer, messages, [DAY]).extractions
    ledger.set_status(deployment.database, entry.extraction_id, entry.factory_run_id or "", "Succeeded")
    landed = ledger.find(deployment.database, entry.extraction_id)
    assert landed
    release_landing(deployment.database, lake_of(deployment), landed, "the disk was lost", clock.now)
    faults.fail(1, 500, on=RUNS_START)

    with pytest.raises(RunInDoubtError):
        submitter_of(deployment, clock, "run-b").submit_days(customer, messages, [DAY])

    [anew] = submitter_of(deployment, clock, "run-b").submit_days(customer, messages, [DAY]).extractions
    assert anew.factory_run_id != entry.factory_run_id


@pytest.mark.parametrize(("status", "retry_after"), [(500, 1), (502, None), (503, None), (504, 1)])
def test_no_answer_in_doubt_pays_twice_even_if_it_asks_for_a_repeat(
    deployment: Deployment,
    submitter: Submitter,
    customer: Customer,
    messages: RequestedDataset,
    faults: FactoryFaults,
    status: int,
    retry_after: int | None,
) -> None:
    faults.fail(1, status, retry_after, after_acting=True, on=RUNS_START)

    submitter.submit_days(customer, messages, [DAY])

    assert len(run_ids(deployment)) == 1


def test_a_run_in_doubt_that_is_not_listed_yet_is_waited_for(
    deployment: Deployment,
    submitter: Submitter,
    clock: SetClock,
    customer: Customer,
    messages: RequestedDataset,
    faults: FactoryFaults,
) -> None:
    faults.hide_new_runs(4)
    faults.fail(1, 500, on=RUNS_QUERY)
    faults.fail(1, 500, after_acting=True, on=RUNS_START)

    submission = submitter.submit_days(customer, messages, [DAY])

    assert [submission.extractions[0].factory_run_id] == run_ids(deployment)
    assert clock.slept == [5.0] * 4


def test_a_run_in_doubt_that_was_not_made_is_an_error_and_the_retry_makes_one(
    deployment: Deployment,
    submitter: Submitter,
    clock: SetClock,
    customer: Customer,
    messages: RequestedDataset,
    faults: FactoryFaults,
) -> None:
    faults.fail(1, 500, on=RUNS_START)
    with pytest.raises(RunInDoubtError, match="did not start Message_v1"):
        submitter.submit_days(customer, messages, [DAY])
    assert sum(clock.slept) == LISTED_AFTER.total_seconds()

    submission = submitter_of(deployment, clock, "run-a").submit_days(customer, messages, [DAY])

    assert [submission.extractions[0].factory_run_id] == run_ids(deployment)
    assert faults.count("POST", RUNS_START) == 2


def test_a_retry_after_a_crash_waits_until_a_run_that_was_made_is_listed(
    deployment: Deployment,
    submitter: Submitter,
    clock: SetClock,
    customer: Customer,
    messages: RequestedDataset,
    faults: FactoryFaults,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    faults.hide_new_runs(3)
    with monkeypatch.context() as patched:
        patched.setattr(ledger, "attach", killed)
        with pytest.raises(KeyboardInterrupt):
            submitter.submit_days(customer, messages, [DAY])

    submission = submitter_of(deployment, clock, "run-a").submit_days(customer, messages, [DAY])

    assert [submission.extractions[0].factory_run_id] == run_ids(deployment)
    assert submission.created == 0
    assert len(clock.slept) == 3


def test_a_retry_after_a_crash_before_the_factory_was_asked_waits_for_nothing(
    deployment: Deployment,
    submitter: Submitter,
    clock: SetClock,
    customer: Customer,
    messages: RequestedDataset,
    faults: FactoryFaults,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(type(submitter.factory), "deploy", killed)
        with pytest.raises(KeyboardInterrupt):
            submitter.submit_days(customer, messages, [DAY])

    submission = submitter_of(deployment, clock, "run-a").submit_days(customer, messages, [DAY])

    assert submission.created == 1
    assert clock.slept == []


def test_two_crashes_do_not_forget_that_the_factory_was_asked(
    deployment: Deployment,
    submitter: Submitter,
    clock: SetClock,
    customer: Customer,
    messages: RequestedDataset,
    faults: FactoryFaults,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    faults.hide_new_runs(2)
    with monkeypatch.context() as patched:
        patched.setattr(ledger, "attach", killed)
        with pytest.raises(KeyboardInterrupt):
            submitter.submit_days(customer, messages, [DAY])
    dying = replace(submitter, sleep=killed)
    with pytest.raises(KeyboardInterrupt):
        dying.submit_days(customer, messages, [DAY])

    submission = submitter_of(deployment, clock, "run-a").submit_days(customer, messages, [DAY])

    assert [submission.extractions[0].factory_run_id] == run_ids(deployment)


def test_a_factory_that_is_too_busy_is_asked_again_after_the_pause_it_wants(
    deployment: Deployment,
    submitter: Submitter,
    clock: SetClock,
    customer: Customer,
    messages: RequestedDataset,
    faults: FactoryFaults,
) -> None:
    faults.throttle(1, retry_after=40, on=RUNS_START)
    faults.fail(1, 503, retry_after=30, on=RUNS_START)

    submission = submitter.submit_days(customer, messages, [DAY])

    assert submission.created == 1
    assert clock.slept == [40.0, 30.0]
    assert len(run_ids(deployment)) == 1


def test_while_a_claimant_pauses_another_may_take_the_window_over_and_one_run_is_made(
    deployment: Deployment,
    submitter: Submitter,
    clock: SetClock,
    customer: Customer,
    messages: RequestedDataset,
    faults: FactoryFaults,
) -> None:
    faults.throttle(1, retry_after=200, on=RUNS_START)

    def let_another_in(seconds: float) -> None:
        clock.now += dt.timedelta(seconds=seconds)
        submitter_of(deployment, clock, "run-b").submit_days(customer, messages, [DAY])

    pausing = replace(submitter, sleep=let_another_in)
    with pytest.raises(ExtractionError, match="taken over by another run"):
        pausing.submit_days(customer, messages, [DAY])

    assert len(run_ids(deployment)) == 1


def test_a_factory_that_stays_too_busy_is_an_error(
    submitter: Submitter, clock: SetClock, customer: Customer, messages: RequestedDataset, faults: FactoryFaults
) -> None:
    faults.throttle(100, retry_after=10, on=RUNS_START)

    with pytest.raises(FactoryBusyError):
        submitter.submit_days(customer, messages, [DAY])

    assert clock.slept == [10.0] * 4


def test_a_second_submission_of_unchanged_definitions_looks_and_sends_nothing(
    deployment: Deployment,
    submitter: Submitter,
    clock: SetClock,
    customer: Customer,
    messages: RequestedDataset,
    faults: FactoryFaults,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="o365_pipeline")
    first = submitter.submit_days(customer, messages, [DAY])
    gets, puts = faults.count("GET"), faults.count("PUT")
    tomorrow = DAY + dt.timedelta(days=1)

    second = submitter_of(deployment, clock, "run-b").submit_days(customer, messages, [tomorrow])

    assert len(first.changes) == puts == 6
    assert second.changes == ()
    assert (faults.count("GET") - gets, faults.count("PUT") - puts) == (6, 0)
    assert "contoso: pipeline o365_Message_v1 created" in caplog.text


def test_the_windows_of_one_run_are_compared_with_the_factory_once(
    submitter: Submitter, customer: Customer, messages: RequestedDataset, faults: FactoryFaults
) -> None:
    submitter.submit_days(customer, messages, [DAY])
    gets = faults.count("GET")

    submitter.submit_days(customer, messages, [DAY + dt.timedelta(days=2), DAY + dt.timedelta(days=4)])

    assert faults.count("GET") == gets
    assert faults.count("POST", RUNS_START) == 3


def killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def _no_pauses_of_the_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RequestsTransport, "sleep", lambda *_: None)
