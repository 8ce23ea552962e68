"""The creation of a window's factory run: once, however the factory answers.

What belongs here: the one call that is paid for, and finding its run where the answer was unclear. Who may make it, and
for which days, belongs to `submission.py`.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable
from dataclasses import dataclass

from azure.core.exceptions import AzureError

from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.data_request import RequestedDataset
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import naive_utc
from o365_pipeline.datasets import catalogue
from o365_pipeline.errors import BeingSubmittedError, FactoryBusyError, RunInDoubtError
from o365_pipeline.extraction import extraction_ledger as ledger
from o365_pipeline.extraction.data_factory import DataFactory
from o365_pipeline.extraction.extraction_ledger import Extraction
from o365_pipeline.extraction.made_runs import newest_run_of
from o365_pipeline.extraction.windows import ONE_DAY, available_days, requested_times

LISTED_AFTER = dt.timedelta(seconds=90)
"""A run is listed at the latest this long after it was created; the creating call itself is given up after 35 s."""

LOOK_PAUSE, CLOCK_SKEW = 5.0, dt.timedelta(minutes=5)
LOOKS = int(LISTED_AFTER.total_seconds() / LOOK_PAUSE)
BUSY_REPEATS, LONGEST_PAUSE = 4, 300.0
"""How often a call to a busy factory is repeated, and the longest pause in seconds that the factory may ask for."""


@dataclass(frozen=True)
class RunCreation:
    """Creates factory runs for the windows that a claimant has claimed."""

    database: Database
    factory: DataFactory
    claimant: str
    clock: Callable[[], dt.datetime]
    sleep: Callable[[float], None]
    log: logging.Logger

    def create(
        self, customer: Customer, requested: RequestedDataset, wanted: Extraction, check: Callable[[], object]
    ) -> str:
        """Creates a factory run and returns its id; if the factory is too busy, repeats the call after the pause it
        asks for.

        Args:
            check: is called before each call that creates a run, and raises an error if it may not be created.

        Raises:
            RunInDoubtError: the factory may have created a run, and none is listed; a retry looks for it once more.
            ExtractionError: the factory refused, or another process has taken the window over.
        """
        snapshot = self._snapshot_before(wanted) if requested.dataset.slicing == "snapshot" else None
        start, end = requested_times(requested.dataset, wanted.window, snapshot)
        parameters = {
            "windowKey": wanted.extraction_id,
            "startTime": start,
            "endTime": end,
            "folder": wanted.folder(requested.dataset.asset_name),
        }
        for repeats_left in reversed(range(BUSY_REPEATS + 1)):
            check()
            self._renew(wanted, submitting=True)
            asked_at = self._now()
            try:
                return self.factory.create_run(customer, requested, parameters)
            except FactoryBusyError as busy:
                if not repeats_left or busy.seconds > LONGEST_PAUSE:
                    raise
                self.log.warning(f"{named(wanted)}: {busy}; asked again in {busy.seconds:.0f} s")
                self.sleep(busy.seconds)
            except RunInDoubtError as doubt:
                self.log.warning(f"{named(wanted)}: {doubt}; whether there is a run is looked up")
                if run_id := self.already_made(customer, wanted, asked_at):
                    return run_id
                raise
        raise AssertionError("the last turn returns or raises")

    def _snapshot_before(self, wanted: Extraction) -> dt.date | None:
        """Returns the day before the window, if the same columns of the same people are extracted or under way up to
        it.

        The result is in the factory run's parameters; a retry that finds the run uses them unchanged.
        """
        day = wanted.first_day - ONE_DAY
        if day not in available_days(catalogue()[wanted.dataset], self.clock().date()):
            return None
        found = ledger.overlapping(self.database, wanted.customer, wanted.dataset, day, day)
        alike = (
            entry
            for entry in found
            if entry.last_day == day
            and entry.factory_run_id
            and set(entry.columns) == set(wanted.columns)
            and entry.scope == wanted.scope
        )
        return day if any(alike) else None

    def _renew(self, wanted: Extraction, *, submitting: bool = False) -> None:
        now = self._now()
        if not ledger.renew(self.database, wanted.extraction_id, self.claimant, now, submitting=submitting):
            raise BeingSubmittedError(f"{named(wanted)} was taken over by another run: retry in a minute")

    def already_made(self, customer: Customer, wanted: Extraction, asked_at: dt.datetime) -> str | None:
        """Returns a run that the factory created for the window and nobody recorded; None if there is none.

        A new run is not listed at once, so a list without it is believed only after `LISTED_AFTER`.
        """
        since = min(asked_at, self._now()).replace(tzinfo=dt.UTC) - CLOCK_SKEW
        for looks_left in reversed(range(LOOKS + 1)):
            is_settled = self._now() - asked_at >= LISTED_AFTER or not looks_left
            try:
                runs = self.factory.runs_since(customer, since)
            except AzureError as error:
                if is_settled:
                    raise RunInDoubtError(
                        f"{named(wanted)}: the factory may have made a run and does not answer: retry in a minute"
                    ) from error
            else:
                released = ledger.released_runs(self.database, wanted.extraction_id)
                if made := newest_run_of(runs, wanted.extraction_id, released):
                    return made.run_id
                if is_settled:
                    return None
            self.sleep(LOOK_PAUSE)
            self._renew(wanted)
        raise AssertionError("the last turn returns or raises")

    def find(self, customer: Customer, entry: Extraction) -> str | None:
        """Returns the factory run of a window that this claimant asked for, also one that it had no time to record;
        None if there is none.

        Raises:
            ExtractionError: the factory does not say whether there is one.
        """
        if entry.factory_run_id is None and entry.submitted_at:
            if run_id := self.already_made(customer, entry, entry.submitted_at):
                ledger.attach(self.database, entry.extraction_id, self.claimant, run_id, self._now())
            return run_id
        return entry.factory_run_id

    def cancel(self, customer: Customer, wanted: Extraction, run_id: str) -> None:
        """Cancels a run that was created after another process had taken the claim over."""
        self.log.warning(f"{named(wanted)}: factory run {run_id} was created too late and is cancelled")
        try:
            self.factory.cancel(customer, run_id)
        except AzureError as error:
            self.log.error(f"factory run {run_id} was not cancelled, cancel it in Data Factory: {error.message}")

    def _now(self) -> dt.datetime:
        return naive_utc(self.clock())


def named(entry: Extraction) -> str:
    """Returns what messages call a customer's window of a dataset."""
    return f"{entry.customer} {entry.dataset} {entry.window}"
