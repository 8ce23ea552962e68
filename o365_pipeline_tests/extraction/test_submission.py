"""Submission: authorized, once, and found again after a crash."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from o365_pipeline.consent.approvals import State
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.data_request import RequestedDataset
from o365_pipeline.deployment import Deployment
from o365_pipeline.errors import ExtractionError, NotAuthorizedError, UsageError
from o365_pipeline.extraction import extraction_ledger as ledger
from o365_pipeline.extraction.data_factory import CopyOutcome, DataFactory, FactoryPlace, FactoryRun
from o365_pipeline.extraction.factory_changes import DefinitionChange
from o365_pipeline.extraction.submission import CLAIM_LIFETIME, Submitter
from o365_pipeline_tests.conftest import DAY

Decide = Callable[..., None]
WEEK = [DAY + dt.timedelta(days=n) for n in range(7)]


class FakeFactory(DataFactory):
    """A factory in memory: what was deployed, what was run, and how each run stands."""

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(cloud=deployment.cloud)
        self._runs: list[FactoryRun] = []
        self._dies_after_creating = False

    @property
    def runs(self) -> list[FactoryRun]:
        return self._runs

    def die_after_creating(self) -> None:
        self._dies_after_creating = True

    def end(self, status: str) -> None:
        last = self._runs[-1]
        self._runs[-1] = FactoryRun(last.run_id, last.pipeline, last.window_key, status, "", None)

    def deploy(
        self, customer: Customer, requested: RequestedDataset, compared: set[str] | None = None
    ) -> tuple[DefinitionChange, ...]:
        return ()

    def create_run(self, customer: Customer, requested: RequestedDataset, parameters: dict[str, Any]) -> str:
        run_id = f"run-{len(self._runs) + 1}"
        self._runs.append(FactoryRun(run_id, requested.dataset.name, parameters["windowKey"], "Queued", "", None))
        if self._dies_after_creating:
            self._dies_after_creating = False
            raise KeyboardInterrupt
        return run_id

    def runs_since(self, place: FactoryPlace, since: dt.datetime) -> list[FactoryRun]:
        return self._runs

    def copy_outcome(self, place: FactoryPlace, run: FactoryRun) -> CopyOutcome:
        return CopyOutcome(None, None, None)


@pytest.fixture
def factory(deployment: Deployment) -> FakeFactory:
    return FakeFactory(deployment)


@pytest.fixture
def submitter(deployment: Deployment, factory: FakeFactory) -> Submitter:
    return Submitter(deployment.database, factory, "run-a", "extraction")


@pytest.fixture
def messages(customer: Customer) -> RequestedDataset:
    requested = customer.data_request.requested("Message_v1")
    assert requested is not None
    return requested


def end(deployment: Deployment, factory: FakeFactory, status: str) -> None:
    factory.end(status)
    run = factory.runs[-1]
    ledger.set_status(deployment.database, run.window_key, run.run_id, status)


@pytest.mark.parametrize("state", [None, State.DENIED])
def test_without_an_approval_no_factory_run_is_created(
    submitter: Submitter,
    factory: FakeFactory,
    customer: Customer,
    messages: RequestedDataset,
    decide: Decide,
    state: State | None,
) -> None:
    if state:
        decide(state)

    with pytest.raises(NotAuthorizedError, match="contoso Message_v1: not authorized by rule"):
        submitter.submit_days(customer, messages, [DAY])

    assert factory.runs == []


def test_a_column_that_was_not_approved_creates_no_factory_run(
    submitter: Submitter, factory: FakeFactory, customer: Customer, messages: RequestedDataset, decide: Decide
) -> None:
    decide()
    more = messages.model_copy(update={"columns": (*messages.columns, "subject")})

    with pytest.raises(NotAuthorizedError, match=r"columns are a subset .* asked for .*Message_v1 subject"):
        submitter.submit_days(customer, more, [DAY])

    assert factory.runs == []


def test_a_revoked_approval_lets_nothing_more_through(
    submitter: Submitter, factory: FakeFactory, customer: Customer, messages: RequestedDataset, decide: Decide
) -> None:
    decide()
    submitter.submit_days(customer, messages, [DAY])
    decide(State.DENIED)

    with pytest.raises(NotAuthorizedError, match="approved is Denied"):
        submitter.submit_days(customer, messages, [DAY + dt.timedelta(days=1)])

    assert len(factory.runs) == 1


def test_a_week_is_one_factory_run_and_asking_again_is_none(
    submitter: Submitter, factory: FakeFactory, customer: Customer, messages: RequestedDataset, decide: Decide
) -> None:
    decide()

    first = submitter.submit_days(customer, messages, WEEK)
    again = submitter.submit_days(customer, messages, WEEK)
    one_day = submitter.submit_days(customer, messages, [WEEK[3]])

    assert (first.created, again.created, one_day.created) == (1, 0, 0)
    assert first.extractions == again.extractions == one_day.extractions
    assert len(factory.runs) == 1


def test_a_backfill_pays_only_for_the_days_that_are_missing(
    submitter: Submitter, factory: FakeFactory, customer: Customer, messages: RequestedDataset, decide: Decide
) -> None:
    decide()
    submitter.submit_days(customer, messages, WEEK[2:4])

    submission = submitter.submit_days(customer, messages, WEEK)

    assert (submission.created, submission.reattached) == (2, 1)
    assert [str(entry.window) for entry in submission.extractions] == [
        f"{WEEK[0]}_{WEEK[1]}",
        f"{WEEK[2]}_{WEEK[3]}",
        f"{WEEK[4]}_{WEEK[6]}",
    ]


def test_a_run_made_just_before_a_crash_is_found_again_by_the_retry(
    submitter: Submitter, factory: FakeFactory, customer: Customer, messages: RequestedDataset, decide: Decide
) -> None:
    decide()
    factory.die_after_creating()
    with pytest.raises(KeyboardInterrupt):
        submitter.submit_days(customer, messages, [DAY])

    submission = submitter.submit_days(customer, messages, [DAY])

    assert len(factory.runs) == 1
    assert submission.created == 0
    assert submission.extractions[0].factory_run_id == "run-1"


def test_while_one_process_submits_another_is_told_to_retry(
    deployment: Deployment,
    submitter: Submitter,
    factory: FakeFactory,
    customer: Customer,
    messages: RequestedDataset,
    decide: Decide,
) -> None:
    decide()
    factory.die_after_creating()
    with pytest.raises(KeyboardInterrupt):
        submitter.submit_days(customer, messages, [DAY])
    other = Submitter(deployment.database, factory, "run-b", "raw")

    with pytest.raises(ExtractionError, match="is being submitted by another run: retry in a minute"):
        other.submit_days(customer, messages, [DAY])

    assert len(factory.runs) == 1


def test_the_claim_of_a_process_that_died_is_taken_over(
    deployment: Deployment,
    submitter: Submitter,
    factory: FakeFactory,
    customer: Customer,
    messages: RequestedDataset,
    decide: Decide,
) -> None:
    decide()
    factory.die_after_creating()
    with pytest.raises(KeyboardInterrupt):
        submitter.submit_days(customer, messages, [DAY])
    later = dt.datetime.now(dt.UTC) + CLAIM_LIFETIME * 2
    successor = Submitter(deployment.database, factory, "run-b", "raw", clock=lambda: later)

    submission = successor.submit_days(customer, messages, [DAY])

    assert len(factory.runs) == 1
    assert submission.extractions[0].claim == "run-b"


@pytest.mark.parametrize("status", ["Failed", "Cancelled"])
def test_a_window_whose_run_is_without_data_is_asked_for_again(
    deployment: Deployment,
    submitter: Submitter,
    factory: FakeFactory,
    customer: Customer,
    messages: RequestedDataset,
    decide: Decide,
    status: str,
) -> None:
    decide()
    submitter.submit_days(customer, messages, [DAY])
    end(deployment, factory, status)

    submission = submitter.submit_days(customer, messages, [DAY])

    assert [run.run_id for run in factory.runs] == ["run-1", "run-2"]
    assert submission.extractions[0].attempt == 2
    assert submission.extractions[0].factory_run_id == "run-2"


def test_every_extraction_names_the_approval_that_allowed_it(
    submitter: Submitter, deployment: Deployment, customer: Customer, messages: RequestedDataset, decide: Decide
) -> None:
    decide()

    [entry] = submitter.submit_days(customer, messages, [DAY]).extractions

    consent_status = deployment.sandbox.consent_status_of(customer.tenant_id, customer.data_request.application_id)
    assert consent_status.approval is not None
    assert entry.approval_event_id == consent_status.approval.event_id


def test_a_day_that_is_not_over_is_not_paid_for(
    submitter: Submitter, factory: FakeFactory, customer: Customer, messages: RequestedDataset, decide: Decide
) -> None:
    decide()
    today = dt.datetime.now(dt.UTC).date()

    with pytest.raises(UsageError, match="is not over yet"):
        submitter.submit_days(customer, messages, [today - dt.timedelta(days=1), today])

    assert factory.runs == []


def test_part_of_a_window_that_another_is_submitting_is_not_asked_for_beside_it(
    deployment: Deployment,
    submitter: Submitter,
    factory: FakeFactory,
    customer: Customer,
    messages: RequestedDataset,
    decide: Decide,
) -> None:
    decide()
    factory.die_after_creating()
    with pytest.raises(KeyboardInterrupt):
        submitter.submit_days(customer, messages, WEEK)
    other = Submitter(deployment.database, factory, "run-b", "raw")

    with pytest.raises(ExtractionError, match=f"{WEEK[0]}_{WEEK[6]} is being submitted by another run"):
        other.submit_days(customer, messages, [WEEK[3]])

    assert len(factory.runs) == 1


def test_a_claimant_that_was_taken_over_creates_nothing(
    deployment: Deployment,
    submitter: Submitter,
    factory: FakeFactory,
    customer: Customer,
    messages: RequestedDataset,
    decide: Decide,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decide()
    later = dt.datetime.now(dt.UTC) + CLAIM_LIFETIME * 2
    other = Submitter(deployment.database, factory, "run-b", "raw", clock=lambda: later)

    def slow_deployment(*_: object) -> tuple[DefinitionChange, ...]:
        monkeypatch.setattr(FakeFactory, "deploy", lambda *_: ())
        other.submit_days(customer, messages, [DAY])
        return ()

    monkeypatch.setattr(FakeFactory, "deploy", slow_deployment)

    with pytest.raises(ExtractionError, match="was taken over by another run"):
        submitter.submit_days(customer, messages, [DAY])

    assert len(factory.runs) == 1
