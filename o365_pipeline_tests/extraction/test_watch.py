"""Watching, waiting and cancelling while the factory forgets, errs or is silent, over the real SDK and the sandbox."""

from __future__ import annotations

import datetime as dt
import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from azure.core.pipeline.transport import RequestsTransport

from o365_pipeline.cli import main as cli
from o365_pipeline.consent.approvals import State
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.database.ledger import extraction as extraction_table
from o365_pipeline.deployment import Deployment
from o365_pipeline.errors import FactoryRunFailedError
from o365_pipeline.extraction import extraction_ledger as ledger
from o365_pipeline.extraction import watch
from o365_pipeline.extraction.data_factory import CopyOutcome, DataFactory, FactoryRun
from o365_pipeline.extraction.extraction_ledger import Extraction
from o365_pipeline.extraction.submission import Submitter
from o365_pipeline.sandbox.azure.factory_faults import RUNS_QUERY, CopyError, FactoryFaults
from o365_pipeline.sandbox.cloud import SandboxCloud
from o365_pipeline_tests.conftest import DAY, read_decisions
from o365_pipeline_tests.ledger_rows import note_extraction
from o365_pipeline_tests.runner import Runner, failure

Submit = Callable[[], Extraction]
LOG = logging.getLogger("o365_pipeline")


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between looks, without making them."""
    made: list[float] = []
    monkeypatch.setattr(watch, "time", SimpleNamespace(sleep=made.append, monotonic=time.monotonic))
    monkeypatch.setattr(RequestsTransport, "sleep", lambda *_: None)
    return made


@pytest.fixture
def faults(deployment: Deployment) -> FactoryFaults:
    assert isinstance(deployment.cloud, SandboxCloud)
    return deployment.cloud.factory_faults


@pytest.fixture
def factory(deployment: Deployment) -> DataFactory:
    found = deployment.resources["data_factory"]
    assert isinstance(found, DataFactory)
    return found


@pytest.fixture
def submit(deployment: Deployment, customer: Customer, factory: DataFactory, decide: Callable[..., None]) -> Submit:
    """Ask for a day of users, with an approval in force."""

    def submit() -> Extraction:
        decide()
        requested = customer.data_request.requested("User_v1")
        assert requested
        submitter = Submitter(deployment.database, factory, "run-a", "raw")
        return submitter.submit_days(customer, requested, [DAY]).extractions[0]

    return submit


def noted(deployment: Deployment, entry: Extraction) -> Extraction:
    found = ledger.find(deployment.database, entry.extraction_id)
    assert found
    return found


def refresh(deployment: Deployment, factory: DataFactory, customer: Customer, entry: Extraction) -> Extraction:
    watch.refresh(deployment.database, factory, Customers([customer]), [noted(deployment, entry)], LOG)
    return noted(deployment, entry)


def submitted_earlier(deployment: Deployment, entry: Extraction, ago: dt.timedelta) -> Extraction:
    assert entry.submitted_at
    with deployment.database.begin() as connection:
        connection.execute(sa.update(extraction_table).values(submitted_at=entry.submitted_at - ago))
    return noted(deployment, entry)


def taking_an_hour(deployment: Deployment) -> Deployment:
    assert isinstance(deployment.cloud, SandboxCloud)
    home, lakes = deployment.cloud.home, deployment.lakes
    return replace(deployment, cloud=SandboxCloud(home=home, lakes=lakes, queued_seconds=0, run_seconds=3600))


def test_a_run_that_the_factory_does_not_know_yet_is_waited_for(
    deployment: Deployment,
    customer: Customer,
    factory: DataFactory,
    faults: FactoryFaults,
    submit: Submit,
    pauses: list[float],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    faults.hide_new_runs(3)
    entry = submit()

    watch.wait(deployment.database, factory, customer, entry, LOG)

    assert noted(deployment, entry).status == "Succeeded"
    assert len(pauses) == 3
    assert "is not known to the factory yet" in caplog.text


def test_a_run_that_is_not_listed_yet_stays_under_way(
    deployment: Deployment, customer: Customer, factory: DataFactory, faults: FactoryFaults, submit: Submit
) -> None:
    faults.hide_new_runs(2)
    entry = submit()

    seen = [refresh(deployment, factory, customer, entry).status for _ in range(3)]

    assert seen == ["Queued", "Queued", "Succeeded"]


def test_a_run_that_stays_unknown_is_an_error_in_the_ledger(
    deployment: Deployment, customer: Customer, factory: DataFactory, faults: FactoryFaults, submit: Submit
) -> None:
    faults.hide_new_runs(1000)
    entry = submitted_earlier(deployment, submit(), watch.LOST_AFTER)

    found = refresh(deployment, factory, customer, entry)

    assert found.status == "Failed"
    assert f"the factory knows no run {entry.factory_run_id}, 15 minutes and more" in (found.error or "")


def test_waiting_for_a_run_that_stays_unknown_ends(
    deployment: Deployment, customer: Customer, factory: DataFactory, faults: FactoryFaults, submit: Submit
) -> None:
    faults.hide_new_runs(1000)
    entry = submitted_earlier(deployment, submit(), watch.LOST_AFTER)

    with pytest.raises(FactoryRunFailedError, match="Failed: the factory knows no run"):
        watch.wait(deployment.database, factory, customer, entry, LOG)

    assert noted(deployment, entry).status == "Failed"


def test_an_old_run_that_is_known_but_not_listed_is_not_given_up(
    deployment: Deployment, customer: Customer, factory: DataFactory, faults: FactoryFaults, submit: Submit
) -> None:
    faults.hide_new_runs(1)
    entry = submitted_earlier(deployment, submit(), watch.LOST_AFTER)

    assert refresh(deployment, factory, customer, entry).status == "Succeeded"


def test_waiting_outlasts_a_factory_that_does_not_answer(
    deployment: Deployment,
    customer: Customer,
    factory: DataFactory,
    faults: FactoryFaults,
    submit: Submit,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    entry = submit()
    faults.fail(12, 503)

    watch.wait(deployment.database, factory, customer, entry, LOG)

    assert noted(deployment, entry).status == "Succeeded"
    assert "unknown, the factory does not answer" in caplog.text


def test_a_tick_leaves_alone_what_a_silent_factory_does(
    deployment: Deployment, customer: Customer, factory: DataFactory, faults: FactoryFaults, submit: Submit
) -> None:
    entry = submit()
    faults.throttle(1, retry_after=60, on=RUNS_QUERY)

    assert refresh(deployment, factory, customer, entry).status == "Queued"


def test_a_run_that_ended_waits_for_its_counts_to_be_listed(
    deployment: Deployment,
    customer: Customer,
    factory: DataFactory,
    submit: Submit,
    monkeypatch: pytest.MonkeyPatch,
    pauses: list[float],
) -> None:
    entry = submit()
    known, answers = DataFactory.copy_outcome, [CopyOutcome(None, None, None)] * 2

    def late(self: DataFactory, *given: Any) -> CopyOutcome:
        return answers.pop() if answers else known(self, *given)

    monkeypatch.setattr(DataFactory, "copy_outcome", late)

    watch.wait(deployment.database, factory, customer, entry, LOG)

    assert len(pauses) == 2
    with deployment.database.begin() as connection:
        assert connection.execute(sa.select(extraction_table.c.rows_reported)).scalar_one() > 0


def test_a_failed_copy_is_explained_in_the_ledger_and_to_who_waits(
    deployment: Deployment, customer: Customer, factory: DataFactory, faults: FactoryFaults, submit: Submit
) -> None:
    faults.fail_copies(1, CopyError.REGION)
    entry = submit()

    with pytest.raises(FactoryRunFailedError, match=r"regions that do not belong together.*Data Factory says: 2200"):
        watch.wait(deployment.database, factory, customer, entry, LOG)

    error = noted(deployment, entry).error or ""
    assert "maps to the Office region" in error
    assert "UserErrorOffice365DataLoaderError" in error


def test_cancelling_is_shown_until_the_run_is_cancelled(
    deployment: Deployment, customer: Customer, decide: Callable[..., None]
) -> None:
    cloud = deployment.cloud
    assert isinstance(cloud, SandboxCloud)
    slow = SandboxCloud(home=cloud.home, lakes=deployment.lakes, queued_seconds=0.5, run_seconds=3600)
    factory = DataFactory(cloud=slow)
    decide()
    requested = customer.data_request.requested("User_v1")
    assert requested
    entry = Submitter(deployment.database, factory, "a", "raw").submit_days(customer, requested, [DAY]).extractions[0]
    until(lambda: factory.run(customer, entry.factory_run_id or "").status == "InProgress")

    watch.cancel(factory, customer, entry, LOG)

    assert refresh(deployment, factory, customer, entry).status == "Canceling"
    until(lambda: refresh(deployment, factory, customer, entry).status == "Cancelled")
    assert "cancelled by the user" in (noted(deployment, entry).error or "")


def until(holds: Callable[[], bool]) -> None:
    """Look again and again; what is looked at takes a second at most."""
    deadline = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=60)
    while not holds():
        assert dt.datetime.now(dt.UTC) < deadline


def test_a_run_that_the_factory_does_not_know_yet_is_cancelled_as_soon_as_it_does(
    deployment: Deployment, customer: Customer, decide: Callable[..., None], pauses: list[float]
) -> None:
    slow = taking_an_hour(deployment)
    assert isinstance(slow.cloud, SandboxCloud)
    factory = DataFactory(cloud=slow.cloud)
    decide()
    requested = customer.data_request.requested("User_v1")
    assert requested
    slow.cloud.factory_faults.hide_new_runs(2)
    entry = Submitter(deployment.database, factory, "a", "raw").submit_days(customer, requested, [DAY]).extractions[0]

    watch.cancel(factory, customer, entry, LOG)

    assert pauses == [1.0, 2.0]
    assert factory.run(customer, entry.factory_run_id or "").status in ("Canceling", "Cancelled")


def test_what_cannot_be_cancelled_is_told_and_stops_nothing(
    customer: Customer,
    factory: DataFactory,
    faults: FactoryFaults,
    submit: Submit,
    caplog: pytest.LogCaptureFixture,
) -> None:
    entry = submit()
    faults.fail(1, 403, on="/cancel")

    watch.cancel(factory, customer, entry, LOG)

    assert f"factory run {entry.factory_run_id} was not cancelled, cancel it in Data Factory" in caplog.text


def test_cancelling_a_run_that_has_ended_is_no_error(
    customer: Customer, factory: DataFactory, submit: Submit, caplog: pytest.LogCaptureFixture
) -> None:
    entry = submit()

    watch.cancel(factory, customer, entry, LOG)

    assert "was not cancelled" not in caplog.text
    assert factory.run(customer, entry.factory_run_id or "").status == "Succeeded"


def test_the_extraction_asset_shows_what_was_deployed_and_that_nothing_was(
    deployment: Deployment, instance: dg.DagsterInstance, decide: Callable[..., None]
) -> None:
    decide()
    runner = Runner(deployment, instance)

    metadata = [shown(runner.execute_day("extraction_job", day=DAY + dt.timedelta(days=n))) for n in (0, 1)]

    assert "- pipeline o365_Message_v1 created" in metadata[0]["definitions"]
    assert metadata[1] == {"definitions": "unchanged", "definitions_changed": 0}


def test_a_raw_asset_fails_with_the_explanation_of_a_failed_copy(
    deployment: Deployment, instance: dg.DagsterInstance, decide: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    decide()
    monkeypatch.setattr(FactoryFaults, "copy_error", lambda _: CopyError.GROUPS)

    result = Runner(deployment, instance).execute_day("landing_job", [dg.AssetKey(["raw", "user"])])

    assert "the members of the scope's groups were not found" in failure(result)
    assert "Data Factory says: 2200 ErrorCode=UserErrorOffice365DataLoaderError" in failure(result)


def test_the_terminal_tells_the_explanation_of_a_failed_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"O365_HOME": str(tmp_path), "O365_SANDBOX_SECONDS": "0", "O365_SANDBOX_USERS": "12"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.setattr(FactoryFaults, "copy_error", lambda _: CopyError.POLICY)

    statuses = [
        ended_with(monkeypatch, *arguments)
        for arguments in (("sandbox", "approve"), ("extract", "--dataset", "User_v1", "--from", str(DAY)))
    ]

    assert statuses == [0, 1]
    told = capfd.readouterr().err
    assert "an Azure policy is violated" in told
    assert "Data Factory says: 2200" in told


def ended_with(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit status of a command."""
    monkeypatch.setattr(sys, "argv", ["o365-pipeline", *arguments])
    try:
        cli.main()
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return 0


def shown(result: Any) -> dict[str, Any]:
    assert result.success
    [event] = result.asset_materializations_for_node("extraction")[:1]
    return {name: event.metadata[name].value for name in ("definitions", "definitions_changed")}


def approve(deployment: Deployment, customer: Customer) -> None:
    request = customer.data_request
    deployment.sandbox.register(customer.tenant_id, request, [customer.sink])
    deployment.sandbox.decide(customer.tenant_id, request.application_id, State.APPROVED, "approver@contoso.example")
    read_decisions(deployment, customer)


class Factories:
    """Factories in which every run has succeeded; they answer when so many of them have been asked."""

    def __init__(self, together: int = 1) -> None:
        self.asked: list[str] = []
        self.counted: list[str] = []
        self._together = threading.Barrier(together, timeout=20)

    def runs_since(self, customer: Customer, _since: dt.datetime) -> list[FactoryRun]:
        self.asked.append(customer.name)
        self._together.wait()
        return [FactoryRun(f"{customer.name} {number}", "", "", "Succeeded", "", None) for number in range(3)]

    def copy_outcome(self, _customer: Customer, run: FactoryRun) -> CopyOutcome:
        self.counted.append(run.run_id)
        return CopyOutcome(1, 1, None)


def two_with_runs(deployment: Deployment, customer: Customer) -> Customers:
    found = Customers(customer.model_copy(update={"name": name}) for name in ("contoso", "fabrikam"))
    for each in found:
        for number in range(3):
            run_id = f"{each.name} {number}"
            now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
            note_extraction(
                deployment.database, run_id, run_id, customer=each.name, status="InProgress", submitted_at=now
            )
    return found


def look_once(deployment: Deployment, factories: Factories, customers: Customers, after: str = "") -> str:
    under_way = ledger.under_way(deployment.database, ["contoso", "fabrikam"])
    return watch.refresh(deployment.database, factories, customers, under_way, LOG, after)  # type: ignore[arg-type]


def test_factories_are_asked_at_the_same_time(deployment: Deployment, customer: Customer) -> None:
    customers = two_with_runs(deployment, customer)

    stopped = look_once(deployment, Factories(together=2), customers)

    assert stopped == ""
    assert ledger.under_way(deployment.database, ["contoso", "fabrikam"]) == []


def test_a_tick_whose_time_is_over_asks_nothing_more_and_the_next_goes_on(
    deployment: Deployment, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "WORKERS", 1)
    customers, factories = two_with_runs(deployment, customer), Factories()
    times = iter([0.0, 0.0, 0.0, 100.0])
    monkeypatch.setattr(watch, "time", SimpleNamespace(monotonic=lambda: next(times, 200.0)))

    stopped = look_once(deployment, factories, customers)

    assert (stopped, factories.counted) == ("contoso", ["contoso 0"])
    monkeypatch.setattr(watch, "time", time)
    assert look_once(deployment, factories, customers, stopped) == ""
    assert factories.asked == ["contoso", "fabrikam", "contoso"]
    assert ledger.under_way(deployment.database, ["contoso", "fabrikam"]) == []
