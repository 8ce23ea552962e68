"""Watching: what the factory says of the runs under way, written to the ledger; and waiting for one of them.

What belongs here: refreshing and waiting. Launching what follows a landing is `landing_sensor.py`'s.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Iterable

from azure.core.exceptions import AzureError

from o365_pipeline.customers import Customer, Customers
from o365_pipeline.database import Database
from o365_pipeline.errors import ExtractionError, FactoryRunFailedError
from o365_pipeline.extraction import extraction_ledger as ledger
from o365_pipeline.extraction.data_factory import FAILED, IN_PROGRESS, SUCCEEDED, DataFactory, FactoryRun
from o365_pipeline.extraction.extraction_ledger import Extraction
from o365_pipeline.ledger import naive_utc

CONSENT_WANTED = "an approver of Privileged Access Management has to consent within 24 hours"
CONSENT_LAPSED = (
    "it waited for an approver of Privileged Access Management, who did not consent (a request lapses after 24 hours): "
    "ask the approver, then extract again"
)
CLOCK_SKEW = dt.timedelta(hours=1)
LOOK_PAUSE, LOOKS_PER_CALL = dt.timedelta(minutes=5), 20
"""How often the copy activity of a run in progress is looked at, and of how many runs at a time; each is a call."""

REFRESH_SECONDS = 20.0
"""How long one tick asks factories; the next goes on where it stopped."""

POLL_SECONDS = (1.0, 60.0)
"""The first and the longest pause between two looks at a factory run."""


def refresh(
    database: Database,
    factory: DataFactory,
    customers: Customers,
    extractions: Iterable[Extraction],
    log: logging.Logger,
    after: str = "",
    seconds: float = REFRESH_SECONDS,
) -> str:
    """Write the factories' present word on these extractions to the ledger, with one query per customer's factory.

    Args:
        after: the customer with whom the last call stopped; it is gone on after that one, in the order of names.
        seconds: after so long no further factory is asked.

    Returns:
        The last customer whose factory was asked where time ran out, "" where all were.
    """
    submitted: dict[str, list[Extraction]] = {}
    for entry in extractions:
        if entry.factory_run_id and entry.submitted_at:
            submitted.setdefault(entry.customer, []).append(entry)
    names = sorted(submitted)
    deadline, looks, last = time.monotonic() + seconds, LOOKS_PER_CALL, after
    for name in [*(name for name in names if name > after), *(name for name in names if name <= after)]:
        if time.monotonic() > deadline:
            return last
        last = name
        try:
            looks -= _refresh_customer(database, factory, customers[name], submitted[name], looks)
        except AzureError as error:
            log.error(f"{name}: the factory does not answer, its runs are looked at again next time: {error}")
    return ""


def _refresh_customer(
    database: Database, factory: DataFactory, customer: Customer, entries: list[Extraction], looks: int
) -> int:
    """Do so for one customer; returns how many of the allowed looks at copy activities it took."""
    oldest = min(entry.submitted_at for entry in entries if entry.submitted_at).replace(tzinfo=dt.UTC)
    runs = {run.run_id: run for run in factory.runs_since(customer, oldest - CLOCK_SKEW)}
    taken = 0
    for entry in entries:
        run = runs.get(entry.factory_run_id or "")
        if run and run.status == IN_PROGRESS and _is_due(entry) and taken < looks:
            taken += 1
            _look(database, factory, customer, entry)
        elif run and run.status != _as_the_factory_says(entry):
            _note(database, factory, customer, entry, run)
    return taken


def _is_due(entry: Extraction) -> bool:
    last = entry.looked_at or entry.submitted_at
    return last is not None and naive_utc(dt.datetime.now(dt.UTC)) - last >= LOOK_PAUSE


def _look(database: Database, factory: DataFactory, customer: Customer, entry: Extraction) -> None:
    """Look at the copy activity of a run in progress, and note whether it waits for consent."""
    run_id, now = entry.factory_run_id or "", naive_utc(dt.datetime.now(dt.UTC))
    status = ledger.CONSENT_PENDING if factory.is_waiting_for_consent(customer, run_id) else IN_PROGRESS
    ledger.note_look(database, entry.extraction_id, run_id, status, now)


def _as_the_factory_says(entry: Extraction) -> str:
    return IN_PROGRESS if entry.status == ledger.CONSENT_PENDING else entry.status


def wait(
    database: Database, factory: DataFactory, customer: Customer, entry: Extraction, log: logging.Logger
) -> Extraction:
    """Wait until the extraction's factory run has ended; report its progress.

    Raises:
        FactoryRunFailedError: the run failed or was cancelled; the message carries the factory's reason.
    """
    run_id = entry.factory_run_id
    if not run_id:
        raise ExtractionError(
            f"{entry.customer} {entry.dataset} {entry.window} has no factory run yet: retry in a minute"
        )
    pause, longest = POLL_SECONDS
    started, told = time.monotonic(), ""
    while True:
        run = factory.run(customer, run_id)
        waits = run.status == IN_PROGRESS and factory.is_waiting_for_consent(customer, run_id)
        if waits:
            _look(database, factory, customer, entry)
        status = f"{ledger.CONSENT_PENDING}: {CONSENT_WANTED}" if waits else run.status
        if status != told:
            told = status
            waited = time.monotonic() - started
            log.info(f"{entry.dataset} {entry.window}: factory run {run_id} is {told} ({waited:.0f} s waited)")
        if run.is_finished:
            _note(database, factory, customer, entry, run)
            if run.status != SUCCEEDED:
                ended = ledger.find(database, entry.extraction_id)
                reason = (ended and ended.error) or "the factory gives no reason"
                raise FactoryRunFailedError(
                    f"{entry.dataset} {entry.window}: factory run {run_id} {run.status}: {reason}"
                )
            return entry
        time.sleep(pause)
        pause = min(pause * 1.5, longest)


def cancel(factory: DataFactory, customer: Customer, entry: Extraction, log: logging.Logger) -> None:
    """Cancel the extraction's factory run, unless it has ended."""
    run_id = entry.factory_run_id or ""
    if not factory.run(customer, run_id).is_finished:
        log.warning(f"cancelled: cancelling factory run {run_id} of {entry.dataset} {entry.window} as well")
        factory.cancel(customer, run_id)


def _note(database: Database, factory: DataFactory, customer: Customer, entry: Extraction, run: FactoryRun) -> None:
    error = None
    if run.is_finished:
        outcome = factory.copy_outcome(customer, run)
        ledger.set_counts(database, entry.extraction_id, run.run_id, outcome.rows, outcome.files, run.ended_at)
        error = (outcome.error or run.message) if run.status != SUCCEEDED else None
        present = ledger.find(database, entry.extraction_id)
        if error and run.status == FAILED and present and present.status == ledger.CONSENT_PENDING:
            error = f"{CONSENT_LAPSED}. The factory says: {error}"
    ledger.set_status(database, entry.extraction_id, run.run_id, run.status, error)
