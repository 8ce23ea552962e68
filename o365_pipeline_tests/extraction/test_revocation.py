"""What is under way when consent ends, or waits for consent, through the real SDK against the sandbox."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from o365_pipeline.consent import approval_ledger
from o365_pipeline.consent.approvals import State
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.errors import FactoryRunFailedError
from o365_pipeline.extraction import extraction_ledger as ledger
from o365_pipeline.extraction import watch
from o365_pipeline.extraction.data_factory import CopyOutcome, DataFactory, FactoryPlace, FactoryRun
from o365_pipeline.extraction.extraction_ledger import Extraction
from o365_pipeline.extraction.revocation import cancel_revoked
from o365_pipeline.extraction.submission import Submitter
from o365_pipeline.sandbox.cloud import SandboxCloud
from o365_pipeline_tests.conftest import DAY, read_decisions
from o365_pipeline_tests.finished_homes import data_request_of
from o365_pipeline_tests.runner import Runner

Decide = Callable[..., None]
LOG = logging.getLogger("o365_pipeline")


@pytest.fixture
def data_request(tmp_path: Path) -> Path:
    return data_request_of(("User_v1", "Message_v1", "TeamChat_v1"), tmp_path)


@pytest.fixture
def deployment(home: Path, data_request: Path) -> Deployment:
    """A sandbox whose factory runs begin at once and take an hour."""
    loaded = load(home=home, data_request=data_request, sandbox_users=12, initial_days=1)
    assert isinstance(loaded.cloud, SandboxCloud)
    cloud = SandboxCloud(home=loaded.cloud.home, lakes=loaded.lakes, queued_seconds=0, run_seconds=3600)
    return replace(loaded, cloud=cloud)


def statuses(deployment: Deployment) -> set[str]:
    return {run.status for run in deployment.sandbox.factory_runs()}


def entries(deployment: Deployment) -> list[Extraction]:
    with deployment.database.begin() as connection:
        ids = connection.exec_driver_sql("SELECT extraction_id FROM ledger_extraction").scalars().all()
    return [entry for found in ids if (entry := ledger.find(deployment.database, found))]


def test_runs_under_way_are_cancelled_in_the_factory_when_the_approval_ends(
    runner: Runner, deployment: Deployment, decide: Decide
) -> None:
    decide()
    assert runner.execute_day("extraction_job").success
    assert "Canceling" not in statuses(deployment)
    decide(State.DENIED)

    runner.tick("landing_sensor")

    assert statuses(deployment) <= {"Canceling", "Cancelled"}
    found = entries(deployment)
    assert {entry.status for entry in found} <= {"Canceling", "Cancelled"}
    assert all(
        "no longer authorized: rule 'the application's authorization is approved'" in (entry.error or "")
        for entry in found
    )


def test_an_approval_that_expires_ends_what_is_under_way_too(
    runner: Runner, deployment: Deployment, customer: Customer, decide: Decide
) -> None:
    decide()
    assert runner.execute_day("extraction_job").success
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=181)
    by_customer = approval_ledger.consent_statuses(deployment.database, deployment.customers, later)
    factory, under_way = deployment.resources["data_factory"], ledger.under_way(deployment.database, [customer.name])

    cancelled = cancel_revoked(deployment.database, factory, deployment.customers, under_way, by_customer, later, LOG)

    assert cancelled == len(under_way) > 0
    assert statuses(deployment) <= {"Canceling", "Cancelled"}


def test_only_what_a_narrower_approval_drops_is_cancelled(
    runner: Runner, deployment: Deployment, customer: Customer, decide: Decide
) -> None:
    decide()
    assert runner.execute_day("extraction_job").success
    kept = tuple(entry for entry in customer.data_request.datasets if entry.dataset.name != "TeamChat_v1")
    request = customer.data_request.model_copy(update={"datasets": kept})
    deployment.sandbox.register(customer.tenant_id, request, [customer.sink])
    deployment.sandbox.decide(customer.tenant_id, request.application_id, State.APPROVED, "approver@contoso.example")
    read_decisions(deployment, customer)

    runner.tick("landing_sensor")

    cancelled = {entry.dataset for entry in entries(deployment) if entry.status in ("Canceling", "Cancelled")}
    assert cancelled == {"TeamChat_v1"}


def test_a_renewed_approval_cancels_nothing(runner: Runner, deployment: Deployment, decide: Decide) -> None:
    decide()
    assert runner.execute_day("extraction_job").success
    decide()

    runner.tick("landing_sensor")

    assert statuses(deployment) <= {"Queued", "InProgress"}


def test_what_had_landed_before_the_revocation_goes_no_further_and_the_ui_says_why(
    home: Path, data_request: Path, instance: dg.DagsterInstance
) -> None:
    deployment = load(home=home, data_request=data_request, sandbox_seconds=0, sandbox_users=12, initial_days=1)
    [customer] = deployment.customers
    runner = Runner(deployment, instance)
    request = customer.data_request
    deployment.sandbox.register(customer.tenant_id, request, [customer.sink])
    for state in (State.APPROVED, State.DENIED):
        deployment.sandbox.decide(customer.tenant_id, request.application_id, state, "approver@contoso.example")
        read_decisions(deployment, customer)
        if state is State.APPROVED:
            assert runner.execute_day("extraction_job").success
            assert statuses(deployment)

    result = runner.tick("landing_sensor")

    assert not result.run_requests
    assert f"contoso {DAY}: no approval is in force (Denied since" in str(result.skip_reason)


def test_a_dataset_that_is_no_longer_approved_does_not_hold_up_the_others_of_its_window(
    home: Path, data_request: Path, instance: dg.DagsterInstance
) -> None:
    deployment = load(home=home, data_request=data_request, sandbox_seconds=0, sandbox_users=12, initial_days=1)
    [customer] = deployment.customers
    kept = tuple(entry for entry in customer.data_request.datasets if entry.dataset.name != "TeamChat_v1")
    smaller = customer.model_copy(update={"data_request": customer.data_request.model_copy(update={"datasets": kept})})
    for one in (customer, smaller):
        request = one.data_request
        deployment.sandbox.register(one.tenant_id, request, [one.sink])
        deployment.sandbox.decide(one.tenant_id, request.application_id, State.APPROVED, "approver@contoso.example")
        read_decisions(deployment, one)
        if one is customer:
            assert Runner(deployment, instance).execute_day("extraction_job").success
    runner = Runner(replace(deployment, customers=Customers([smaller])), instance)

    [launched] = runner.tick("landing_sensor").run_requests or []

    keys = {key.to_user_string() for key in launched.asset_selection or []}
    assert "raw/message" in keys
    assert "raw/team_chat" not in keys
    assert runner.execute("landing_job", dict(launched.tags), list(launched.asset_selection or [])).success


def test_more_people_left_out_cancels_what_was_asked_for_before(
    runner: Runner, deployment: Deployment, customer: Customer, decide: Decide
) -> None:
    decide()
    assert runner.execute_day("extraction_job").success
    deployment.sandbox.decide(
        customer.tenant_id,
        customer.data_request.application_id,
        State.APPROVED,
        "approver@contoso.example",
        deny_groups=["g1"],
    )
    read_decisions(deployment, customer)

    runner.tick("landing_sensor")

    assert statuses(deployment) <= {"Canceling", "Cancelled"}


class PendingFactory(DataFactory):
    """A factory whose one run stands as a test says, perhaps waiting for consent."""

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(cloud=deployment.cloud)
        self._told: dict[str, Any] = {"status": "InProgress", "waits": True, "looks": 0}

    def tell(self, **told: Any) -> None:
        self._told.update(told)

    @property
    def looks(self) -> int:
        return int(self._told["looks"])

    def _run(self) -> FactoryRun:
        return FactoryRun(self._told["run_id"], "p", "k", self._told["status"], "", None)

    def runs_since(self, place: FactoryPlace, since: dt.datetime) -> list[FactoryRun]:
        return [self._run()]

    def run(self, customer: Customer, run_id: str) -> FactoryRun:
        return self._run()

    def is_waiting_for_consent(self, customer: Customer, run_id: str) -> bool:
        self._told["looks"] += 1
        return bool(self._told["waits"])

    def copy_outcome(self, place: FactoryPlace, run: FactoryRun) -> CopyOutcome:
        return CopyOutcome(None, None, "22000 consent request expired")


@pytest.fixture
def pending(deployment: Deployment, customer: Customer, decide: Decide) -> tuple[PendingFactory, Extraction]:
    decide()
    requested = customer.data_request.requested("User_v1")
    assert requested
    submitter = Submitter(deployment.database, deployment.resources["data_factory"], "run", "extraction")
    [entry] = submitter.submit_days(customer, requested, [DAY]).extractions
    factory = PendingFactory(deployment)
    factory.tell(run_id=entry.factory_run_id)
    return factory, entry


def refresh(deployment: Deployment, factory: PendingFactory, entry: Extraction) -> str:
    present = ledger.find(deployment.database, entry.extraction_id)
    assert present
    watch.refresh(deployment.database, factory, deployment.customers, [present], LOG)
    found = ledger.find(deployment.database, entry.extraction_id)
    assert found
    return found.status


def test_a_run_that_waits_for_privileged_access_is_shown_as_waiting_and_then_goes_on(
    deployment: Deployment, pending: tuple[PendingFactory, Extraction], monkeypatch: pytest.MonkeyPatch
) -> None:
    factory, entry = pending
    assert refresh(deployment, factory, entry) == "InProgress"
    assert factory.looks == 0, "a run that has just begun is not looked at"
    monkeypatch.setattr(watch, "LOOK_PAUSE", dt.timedelta(0))

    assert refresh(deployment, factory, entry) == ledger.CONSENT_PENDING
    factory.tell(waits=False)
    assert refresh(deployment, factory, entry) == "InProgress"


def test_the_activity_of_a_waiting_run_is_looked_at_only_now_and_then(
    deployment: Deployment, pending: tuple[PendingFactory, Extraction], monkeypatch: pytest.MonkeyPatch
) -> None:
    factory, entry = pending
    monkeypatch.setattr(watch, "LOOK_PAUSE", dt.timedelta(0))
    refresh(deployment, factory, entry)
    monkeypatch.undo()

    for _ in range(3):
        assert refresh(deployment, factory, entry) == ledger.CONSENT_PENDING

    assert factory.looks == 1


def test_a_request_for_consent_that_lapses_ends_with_a_message_that_says_what_to_do(
    deployment: Deployment, pending: tuple[PendingFactory, Extraction], monkeypatch: pytest.MonkeyPatch
) -> None:
    factory, entry = pending
    monkeypatch.setattr(watch, "LOOK_PAUSE", dt.timedelta(0))
    refresh(deployment, factory, entry)
    factory.tell(status="Failed")

    assert refresh(deployment, factory, entry) == "Failed"

    found = ledger.find(deployment.database, entry.extraction_id)
    assert found
    assert found.error == (
        "it waited for an approver of Privileged Access Management, who did not consent (a request lapses after 24 "
        "hours): ask the approver, then extract again. The factory says: 22000 consent request expired"
    )


def test_an_asset_that_waits_by_hand_says_for_whom_and_fails_with_the_same_message(
    deployment: Deployment,
    customer: Customer,
    pending: tuple[PendingFactory, Extraction],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    factory, entry = pending
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("time.sleep", lambda _: factory.tell(status="Failed"))

    with pytest.raises(FactoryRunFailedError, match="waited for an approver of Privileged Access Management"):
        watch.wait(deployment.database, factory, customer, entry, LOG)

    assert "has to consent within 24 hours" in caplog.text


def test_in_an_older_tenant_the_real_client_sees_a_run_wait_until_it_is_approved(
    deployment: Deployment, customer: Customer, decide: Decide, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(deployment.cloud, SandboxCloud)
    older = SandboxCloud(
        home=deployment.cloud.home,
        lakes=deployment.lakes,
        queued_seconds=0,
        run_seconds=0,
        users=12,
        privileged_access=True,
    )
    decide()
    elsewhere = customer.model_copy(update={"name": "fabrikam", "tenant_id": "older", "factory": "adf-older"})
    mine = [
        event.model_copy(update={"destination_tenant_id": "older"})
        for event in approval_ledger.events(deployment.database, customer)
    ]
    with deployment.database.begin() as connection:
        approval_ledger.record(connection, elsewhere, mine, dt.datetime.now(dt.UTC))
    factory = DataFactory(cloud=older)
    requested = elsewhere.data_request.requested("User_v1")
    assert requested
    [entry] = (
        Submitter(deployment.database, factory, "run", "extraction")
        .submit_days(elsewhere, requested, [DAY])
        .extractions
    )
    monkeypatch.setattr(watch, "LOOK_PAUSE", dt.timedelta(0))
    changed = replace(deployment, customers=Customers([elsewhere]))

    watch.refresh(deployment.database, factory, changed.customers, [entry], LOG)
    waiting = ledger.find(deployment.database, entry.extraction_id)
    assert waiting
    assert waiting.status == ledger.CONSENT_PENDING
    request = elsewhere.data_request
    deployment.sandbox.register("older", request, [elsewhere.sink])
    deployment.sandbox.decide("older", request.application_id, State.APPROVED, "approver@contoso.example")
    watch.refresh(deployment.database, factory, changed.customers, [waiting], LOG)

    ended = ledger.find(deployment.database, entry.extraction_id)
    assert ended
    assert ended.status == "Succeeded"
