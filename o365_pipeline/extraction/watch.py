"""Watches runs under way: writes the factory's status of each to the ledger, and waits for one of them.

What belongs here: refreshing and waiting. Launching what follows a landing belongs to `landing_sensor.py`.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from azure.core.exceptions import AzureError, ClientAuthenticationError, ResourceNotFoundError

from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.customers.turns import in_turn
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import naive_utc
from o365_pipeline.errors import ExtractionError, FactoryRunFailedError
from o365_pipeline.extraction import extraction_ledger as ledger
from o365_pipeline.extraction.data_factory import FAILED, IN_PROGRESS, SUCCEEDED, DataFactory, FactoryRun
from o365_pipeline.extraction.extraction_ledger import Extraction

CONSENT_WANTED = "an approver of Privileged Access Management has to consent within 24 hours"
CONSENT_LAPSED = (
    "it waited for an approver of Privileged Access Management, who did not consent (a request lapses after 24 hours): "
    "ask the approver, then extract again"
)
CLOCK_SKEW = dt.timedelta(hours=1)
LOST_AFTER = dt.timedelta(minutes=15)
"""A factory does not know a new run, or the counts of an ended run, for some seconds; after this time it never will."""

LOOK_PAUSE, LOOKS_PER_CALL = dt.timedelta(minutes=5), 20
"""How often the copy activity of a run in progress is checked, and of how many runs per refresh; each check is a
call.
"""

REFRESH_SECONDS = 2.0
"""After this time no further question is put to a factory; the next tick continues."""

WORKERS = 8
"""How many factories are queried at the same time."""

POLL_SECONDS = (1.0, 60.0)
"""The first and the longest pause between two checks of a factory run."""

CANCEL_PAUSES = (1.0, 2.0, 4.0, 8.0)
"""Pauses before cancelling again a run that the factory does not know yet."""


def refresh(
    database: Database,
    factory: DataFactory,
    customers: Customers,
    extractions: Iterable[Extraction],
    log: logging.Logger,
    after: str = "",
) -> str:
    """Writes the factories' present status of these extractions to the ledger, with one query per customer's factory.

    Args:
        after: the customer at which the last call stopped; this call continues after it, in the order of names.

    Returns:
        The last customer whose factory was queried if time ran out, "" if all were.
    """
    submitted: dict[str, list[Extraction]] = {}
    for entry in extractions:
        if entry.factory_run_id and entry.submitted_at:
            submitted.setdefault(entry.customer, []).append(entry)
    deadline, looks, last = time.monotonic() + REFRESH_SECONDS, iter(range(LOOKS_PER_CALL)), after
    names = in_turn(submitted, after)
    with ThreadPoolExecutor(WORKERS) as pool:
        for start in range(0, len(names), WORKERS):
            if time.monotonic() > deadline:
                return last
            asked = {
                name: pool.submit(
                    _refresh_customer, database, factory, customers[name], submitted[name], looks, deadline
                )
                for name in names[start : start + WORKERS]
            }
            for name, answer in asked.items():
                last = name
                try:
                    answer.result()
                except AzureError as error:
                    log.error(f"{name}: the factory does not answer, its runs are looked at again next time: {error}")
    return ""


def _refresh_customer(
    database: Database,
    factory: DataFactory,
    customer: Customer,
    entries: list[Extraction],
    looks: Iterator[int],
    deadline: float,
) -> None:
    """Refreshes one customer's extractions until the deadline.

    Args:
        looks: gives a number for each check of a copy activity that is still allowed.
    """
    oldest = min(entry.submitted_at for entry in entries if entry.submitted_at).replace(tzinfo=dt.UTC)
    runs = {run.run_id: run for run in factory.runs_since(customer, oldest - CLOCK_SKEW)}
    for entry in entries:
        if time.monotonic() > deadline:
            return
        run = runs.get(entry.factory_run_id or "")
        if run is None and _is_overdue(entry):
            run = _look_up(database, factory, customer, entry, is_overdue=True)
        if run and run.status == IN_PROGRESS and _is_due(entry) and next(looks, None) is not None:
            _look(database, factory, customer, entry)
        elif run and run.status != _as_the_factory_says(entry):
            _note(database, factory, customer, entry, run)


def _is_due(entry: Extraction) -> bool:
    last = entry.looked_at or entry.submitted_at
    return last is not None and _now() - last >= LOOK_PAUSE


def _is_overdue(entry: Extraction) -> bool:
    return entry.submitted_at is not None and _now() - entry.submitted_at >= LOST_AFTER


def _look_up(
    database: Database, factory: DataFactory, customer: Customer, entry: Extraction, *, is_overdue: bool
) -> FactoryRun | None:
    """Returns the extraction's run; None if the factory does not know it, which is recorded as a failure when it is
    overdue.
    """
    run_id = entry.factory_run_id or ""
    try:
        return factory.run(customer, run_id)
    except ResourceNotFoundError:
        if is_overdue:
            error = (
                f"the factory knows no run {run_id}, {LOST_AFTER.seconds // 60} minutes and more after it was asked "
                "for: was the factory made anew? Look there, then extract again"
            )
            ledger.set_status(database, entry.extraction_id, run_id, FAILED, error)
        return None


def _look(database: Database, factory: DataFactory, customer: Customer, entry: Extraction) -> None:
    """Checks the copy activity of a run in progress, and records whether it waits for consent."""
    run_id, now = entry.factory_run_id or "", _now()
    status = ledger.CONSENT_PENDING if factory.is_waiting_for_consent(customer, run_id) else IN_PROGRESS
    ledger.mark_checked(database, entry.extraction_id, run_id, status, now)


def _as_the_factory_says(entry: Extraction) -> str:
    return IN_PROGRESS if entry.status == ledger.CONSENT_PENDING else entry.status


def wait(
    database: Database, factory: DataFactory, customer: Customer, entry: Extraction, log: logging.Logger
) -> Extraction:
    """Waits until the extraction's factory run has ended, and logs its progress.

    A factory that does not answer, or does not know the run yet, is asked again, for some minutes.

    Raises:
        FactoryRunFailedError: the run failed, was cancelled or is lost; the message carries the factory's reason.
    """
    run_id = entry.factory_run_id
    if not run_id:
        raise ExtractionError(
            f"{entry.customer} {entry.dataset} {entry.window} has no factory run yet: retry in a minute"
        )
    pause, longest = POLL_SECONDS
    started, last_status, answered_at = time.monotonic(), "", time.monotonic()
    while True:
        try:
            status, has_ended = _present(database, factory, customer, entry)
            answered_at = time.monotonic()
        except ClientAuthenticationError:
            raise
        except AzureError as error:
            if time.monotonic() - answered_at > LOST_AFTER.total_seconds():
                raise
            status, has_ended = f"unknown, the factory does not answer ({error.message})", False
        if status != last_status:
            last_status = status
            waited = time.monotonic() - started
            log.info(f"{entry.dataset} {entry.window}: factory run {run_id} is {last_status} ({waited:.0f} s waited)")
        if has_ended:
            return entry
        time.sleep(pause)
        pause = min(pause * 1.5, longest)


def _present(database: Database, factory: DataFactory, customer: Customer, entry: Extraction) -> tuple[str, bool]:
    """Returns the run's status in words, and whether it has ended with data; records the result.

    Raises:
        FactoryRunFailedError: it ended without data, or is lost.
    """
    run_id = entry.factory_run_id or ""
    is_overdue = _is_overdue(entry)
    run = _look_up(database, factory, customer, entry, is_overdue=is_overdue)
    ended = run.status if run and run.is_finished and _note(database, factory, customer, entry, run) else ""
    if run is None and is_overdue:
        ended = FAILED
    if ended and ended != SUCCEEDED:
        noted = ledger.find(database, entry.extraction_id)
        reason = (noted and noted.error) or "the factory gives no reason"
        raise FactoryRunFailedError(f"{entry.dataset} {entry.window}: factory run {run_id} {ended}: {reason}")
    if run is None:
        return "not known to the factory yet", False
    if run.status == IN_PROGRESS and factory.is_waiting_for_consent(customer, run_id):
        _look(database, factory, customer, entry)
        return f"{ledger.CONSENT_PENDING}: {CONSENT_WANTED}", False
    return run.status, bool(ended)


def wait_for_all(
    database: Database,
    factory: DataFactory,
    customer: Customer,
    extractions: Iterable[Extraction],
    log: logging.Logger,
    ended: Callable[[int], None],
) -> None:
    """Waits until the factory runs of all of a customer's extractions have ended, with one query per check.

    Args:
        ended: is called with the number of ended runs.

    Raises:
        FactoryRunFailedError: one ended without data; the message carries the factory's reason.
    """
    ids = [entry.extraction_id for entry in extractions]
    pause, longest = POLL_SECONDS
    while True:
        entries = [entry for key in ids if (entry := ledger.find(database, key))]
        under_way = [entry for entry in entries if entry.is_under_way]
        ended(len(entries) - len(under_way))
        if failed := [entry for entry in entries if entry.is_without_data]:
            first = failed[0]
            raise FactoryRunFailedError(f"{first.dataset} {first.window}: factory run {first.status}: {first.error}")
        if not under_way:
            return
        time.sleep(pause)
        pause = min(pause * 1.5, longest)
        refresh(database, factory, Customers([customer]), under_way, log)


def cancel(factory: DataFactory, customer: Customer, entry: Extraction, log: logging.Logger) -> bool:
    """Cancels an extraction's factory run unless it has ended; False if the factory does not, whose objection is
    logged.
    """
    run_id = entry.factory_run_id or ""
    log.warning(f"cancelled: cancelling factory run {run_id} of {entry.dataset} {entry.window} as well")
    for pause in (*CANCEL_PAUSES, None):
        try:
            factory.cancel(customer, run_id)
            return True
        except AzureError as error:
            if pause is None or not isinstance(error, ResourceNotFoundError):
                log.error(f"factory run {run_id} was not cancelled, cancel it in Data Factory: {error.message}")
                return False
            time.sleep(pause)
    raise AssertionError("the last turn returns")


def _note(database: Database, factory: DataFactory, customer: Customer, entry: Extraction, run: FactoryRun) -> bool:
    """Writes a run's present status to the ledger; False if it has ended but its counts are not known yet."""
    error = None
    if run.is_finished:
        outcome = factory.copy_outcome(customer, run)
        if run.status == SUCCEEDED and outcome.is_unknown and not _ended_long_ago(run):
            return False
        ledger.set_counts(database, entry.extraction_id, run.run_id, outcome.rows, outcome.files, run.ended_at)
        error = (outcome.error or run.message) if run.status != SUCCEEDED else None
        present = ledger.find(database, entry.extraction_id)
        if error and run.status == FAILED and present and present.status == ledger.CONSENT_PENDING:
            error = f"{CONSENT_LAPSED}. The factory says: {error}"
    ledger.set_status(database, entry.extraction_id, run.run_id, run.status, error)
    return True


def _ended_long_ago(run: FactoryRun) -> bool:
    return run.ended_at is None or dt.datetime.now(dt.UTC) - run.ended_at >= LOST_AFTER


def _now() -> dt.datetime:
    return naive_utc(dt.datetime.now(dt.UTC))
