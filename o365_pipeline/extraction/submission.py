"""Submission: a window is authorized, claimed and given one factory run, however often and by whomever it is requested.

What belongs here: the order of those steps, and finding the run again after a crash or an unclear answer. The rules
belong to `consent/authorization.py`, the calls belong to `data_factory.py`, the claims belong to
`extraction_ledger.py`.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from azure.core.exceptions import AzureError

from o365_pipeline.consent import approval_ledger
from o365_pipeline.consent.authorization import ask_of, authorize
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.data_request import RequestedDataset
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import naive_utc
from o365_pipeline.datasets import catalogue
from o365_pipeline.errors import (
    ExtractionError,
    FactoryBusyError,
    NotAuthorizedError,
    O365PipelineError,
    RunInDoubtError,
    UsageError,
)
from o365_pipeline.extraction import extraction_ledger as ledger
from o365_pipeline.extraction.compliance import check_policies
from o365_pipeline.extraction.data_factory import DataFactory
from o365_pipeline.extraction.extraction_ledger import Extraction
from o365_pipeline.extraction.factory_changes import DefinitionChange
from o365_pipeline.extraction.windows import (
    ONE_DAY,
    Window,
    available_days,
    extraction_id,
    missing_windows,
    requested_times,
    unavailable_days,
)

CLAIM_LIFETIME = dt.timedelta(minutes=1)
"""Submitting takes seconds. An older claim belongs to a process that died, and its window is submitted again."""

LISTED_AFTER = dt.timedelta(seconds=90)
"""A run is listed at the latest this long after it was created; the creating call itself is given up after 35 s."""

LOOK_PAUSE, CLOCK_SKEW = 5.0, dt.timedelta(minutes=5)
BUSY_REPEATS, LONGEST_PAUSE = 4, 300.0
"""How often a call to a busy factory is repeated, and the longest pause in seconds that the factory may ask for."""

LOG = logging.getLogger("o365_pipeline")


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True)
class Submission:
    """The result of requesting some days."""

    extractions: tuple[Extraction, ...]
    created: int
    reattached: int
    changes: tuple[DefinitionChange, ...] = ()
    """What had to be created or updated in the factory."""


class _Cover(NamedTuple):
    """Which of some days a dataset has, and which are missing."""

    existing: set[Extraction]
    missing: list[Window]
    unavailable_days: list[str]
    """Messages about missing days that Data Connect does not have, not yet or not any more."""


@dataclass(frozen=True)
class Submitter:
    """Requests windows for one Dagster run, whose retries use the same claimant."""

    database: Database
    factory: DataFactory
    claimant: str
    requested_by: str
    clock: Callable[[], dt.datetime] = utc_now
    sleep: Callable[[float], None] = time.sleep
    log: logging.Logger = LOG
    _compared: set[str] = field(default_factory=set, init=False)
    """The definitions that were compared with the factory's; one comparison in a Dagster run is enough."""

    _complaints: dict[str, O365PipelineError | None] = field(default_factory=dict, init=False)
    """The policy violation of each customer's installation, None if it complies; checked once in a Dagster run."""

    def submit_days(
        self,
        customer: Customer,
        requested: RequestedDataset,
        days: Sequence[dt.date],
        *,
        leave_out: bool = False,
    ) -> Submission:
        """Ensures that every day of the dataset is extracted or under way.

        Args:
            leave_out: whether days that Data Connect does not have, not yet or not any more, are logged and left
                out.

        Raises:
            UsageError: a day is not over yet, or Data Connect does not have it; no factory run was created.
            NotAuthorizedError: no approval in force covers it, or a policy is violated; no factory run was created.
            ExtractionError: the factory refused, or another process is submitting the window right now.
        """
        existing, wanted, lacking = self._covered(customer, requested, days)
        if lacking and not leave_out:
            raise UsageError("; ".join(lacking))
        for line in lacking:
            self.log.warning(f"{customer.name} {line}")
        made = [self._submit(customer, requested, window) for window in wanted]
        created = sum(submission.created for submission in made)
        extractions = [*existing, *(entry for submission in made for entry in submission.extractions)]
        extractions.sort(key=lambda entry: entry.first_day)
        changes = tuple(change for submission in made for change in submission.changes)
        return Submission(tuple(extractions), created, len(extractions) - created, changes)

    def authorize_missing(
        self, customer: Customer, requests: Iterable[RequestedDataset], days: Sequence[dt.date]
    ) -> None:
        """Checks that all missing days may be extracted, before any of them is.

        Raises:
            NotAuthorizedError: no approval in force covers a dataset that has days left to extract, or the
                customer's
            installation violates a policy.
            ExtractionError: whether it violates one could not be found out.
        """
        missing = [requested for requested in requests if self._covered(customer, requested, days).missing]
        for requested in missing:
            self.authorized_by(customer, requested)
        if missing:
            self._check_policies(customer)

    def _covered(self, customer: Customer, requested: RequestedDataset, days: Sequence[dt.date]) -> _Cover:
        """Returns the extractions that hold days already, and the missing windows."""
        today = self.clock().date()
        if max(days) >= today:
            raise UsageError(f"{max(days)} is not over yet (UTC): extract days up to {today - dt.timedelta(days=1)}")
        name = requested.dataset.name
        found = ledger.overlapping(self.database, customer.name, name, min(days), max(days))
        chosen = set(ledger.covering(found, days).values())
        for entry in chosen:
            if entry.status == ledger.CLAIMED and not self._claimant_is_gone(entry):
                raise ExtractionError(f"{_named(entry)} is being submitted by another run: retry in a minute")
        existing = {entry for entry in chosen if entry.status != ledger.CLAIMED}
        held = {day for entry in existing for day in entry.window.days}
        there = available_days(requested.dataset, today)
        lacking = unavailable_days(requested.dataset, set(days) - held, today)
        return _Cover(existing, missing_windows((day for day in days if day in there), held), lacking)

    def authorized_by(self, customer: Customer, requested: RequestedDataset) -> str:
        """Returns the id of the approval that allows the dataset's extraction.

        Raises:
            NotAuthorizedError: no approval in force covers it.
        """
        ask = ask_of(customer, requested.dataset, requested.columns, requested.scope)
        consent_status = approval_ledger.consent_status_of(self.database, customer, self.clock())
        try:
            return authorize(ask, consent_status).event_id
        except NotAuthorizedError as error:
            raise NotAuthorizedError(f"{customer.name} {requested.dataset.name}: {error}") from None

    def _check_policies(self, customer: Customer) -> None:
        if customer.name not in self._complaints:
            try:
                check_policies(self.factory.cloud, customer)
                self._complaints[customer.name] = None
            except O365PipelineError as error:
                self._complaints[customer.name] = error
        if complaint := self._complaints[customer.name]:
            raise complaint

    def _submit(self, customer: Customer, requested: RequestedDataset, window: Window) -> Submission:
        """Returns the window's existing extraction, or a new one."""
        wanted = self._wanted(customer, requested, window)
        self._check_policies(customer)
        run_id: str | None = None
        if not ledger.claim(self.database, wanted):
            found = self._find(wanted)
            if found.factory_run_id and not found.is_without_data:
                return Submission((found,), 0, 1)
            self._take_over(found, wanted)
            if found.status == ledger.CLAIMED and found.submitted_at:
                run_id = self._run_already_made(customer, wanted, found.submitted_at)
        created = run_id is None
        changes: tuple[DefinitionChange, ...] = ()
        if run_id is None:
            changes = self.factory.deploy(customer, requested, self._compared)
            for change in changes:
                self.log.info(f"{customer.name}: {change.diff}")
            run_id = self._create_run(customer, requested, wanted)
        ledger.attach(self.database, wanted.extraction_id, self.claimant, run_id, self._now())
        return Submission((self._find(wanted),), int(created), int(not created), changes)

    def _wanted(self, customer: Customer, requested: RequestedDataset, window: Window) -> Extraction:
        return Extraction(
            extraction_id=extraction_id(customer.name, requested.dataset.name, window),
            customer=customer.name,
            dataset=requested.dataset.name,
            first_day=window.first_day,
            last_day=window.last_day,
            columns=requested.columns,
            scope=requested.scope.model_dump_json(),
            approval_event_id=self.authorized_by(customer, requested),
            requested_by=self.requested_by,
            status=ledger.CLAIMED,
            claim=self.claimant,
            claimed_at=self._now(),
            attempt=1,
            factory_run_id=None,
            submitted_at=None,
            looked_at=None,
            error=None,
        )

    def _find(self, wanted: Extraction) -> Extraction:
        found = ledger.find(self.database, wanted.extraction_id)
        assert found is not None
        return found

    def _create_run(self, customer: Customer, requested: RequestedDataset, wanted: Extraction) -> str:
        """Creates a factory run and returns its id; if the factory is too busy, repeats the call after the pause it
        asks for.

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
            self._renew(wanted, submitting=True)
            asked_at = self._now()
            try:
                return self.factory.create_run(customer, requested, parameters)
            except FactoryBusyError as busy:
                if not repeats_left or busy.seconds > LONGEST_PAUSE:
                    raise
                self.log.warning(f"{_named(wanted)}: {busy}; asked again in {busy.seconds:.0f} s")
                self.sleep(busy.seconds)
            except RunInDoubtError as doubt:
                self.log.warning(f"{_named(wanted)}: {doubt}; whether there is a run is looked up")
                if run_id := self._run_already_made(customer, wanted, asked_at):
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
            raise ExtractionError(f"{_named(wanted)} was taken over by another run: retry in a minute")

    def _take_over(self, found: Extraction, wanted: Extraction) -> None:
        may_be_taken = found.is_without_data or self._claimant_is_gone(found)
        if not (may_be_taken and ledger.take_over(self.database, found, wanted)):
            raise ExtractionError(f"{_named(wanted)} is being submitted by another run: retry in a minute")

    def _claimant_is_gone(self, entry: Extraction) -> bool:
        return entry.claim == self.claimant or self._now() - entry.claimed_at > CLAIM_LIFETIME

    def _now(self) -> dt.datetime:
        return naive_utc(self.clock())

    def _run_already_made(self, customer: Customer, wanted: Extraction, asked_at: dt.datetime) -> str | None:
        """Returns a run that the factory created for the window and nobody recorded; None if there is none.

        A new run is not listed at once, so a list without it is believed only after `LISTED_AFTER`.
        """
        since = asked_at.replace(tzinfo=dt.UTC) - CLOCK_SKEW
        while True:
            is_settled = self._now() - asked_at >= LISTED_AFTER
            try:
                runs = self.factory.runs_since(customer, since)
            except AzureError as error:
                if is_settled:
                    raise ExtractionError(
                        f"{_named(wanted)}: the factory may have made a run and does not answer: retry in a minute"
                    ) from error
            else:
                released = ledger.released_runs(self.database, wanted.extraction_id)
                made = [run for run in runs if run.window_key == wanted.extraction_id and run.run_id not in released]
                if promising := [run for run in made if run.status not in ledger.WITHOUT_DATA]:
                    return promising[-1].run_id
                if is_settled:
                    return None
            self.sleep(LOOK_PAUSE)
            self._renew(wanted)


def _named(entry: Extraction) -> str:
    return f"{entry.customer} {entry.dataset} {entry.window}"
