"""Submission: a window is authorized, claimed and given one factory run, however often and by whomever it is requested.

What belongs here: the order of those steps, and what is done about the claims of others. The rules belong to
`consent/authorization.py`, creating a run belongs to `run_creation.py`, the claims belong to `extraction_ledger.py`.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from azure.core.exceptions import AzureError

from o365_pipeline.consent import approval_ledger
from o365_pipeline.consent.activity_feed import ActivityFeed
from o365_pipeline.consent.approvals import ApprovalEvent, ConsentStatus
from o365_pipeline.consent.authorization import ask_of, authorize
from o365_pipeline.consent.feed_reading import read_decisions
from o365_pipeline.consent.silence import check_feed_is_read
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.data_request import RequestedDataset
from o365_pipeline.customers.retention import Horizon
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import naive_utc
from o365_pipeline.errors import (
    BeingSubmittedError,
    ExtractionError,
    NotAuthorizedError,
    O365PipelineError,
    RunInDoubtError,
    UsageError,
)
from o365_pipeline.extraction import extraction_ledger as ledger
from o365_pipeline.extraction.compliance import check_policies
from o365_pipeline.extraction.data_factory import DataFactory, FactoryRun, describe_error
from o365_pipeline.extraction.extraction_ledger import Extraction
from o365_pipeline.extraction.factory_changes import DefinitionChange
from o365_pipeline.extraction.made_runs import LISTED_FOR, runs_of_days
from o365_pipeline.extraction.run_creation import CLOCK_SKEW, LISTED_AFTER, LOOK_PAUSE, RunCreation, named
from o365_pipeline.extraction.windows import (
    Window,
    available_days,
    extraction_id,
    missing_windows,
    unavailable_days,
)

CLAIM_LIFETIME = dt.timedelta(minutes=1)
"""Submitting takes seconds. An older claim belongs to a process that died, and its days are given free; so does a claim
of the future, which was made before the clock was put back.
"""

PATIENCE = int((CLAIM_LIFETIME + LISTED_AFTER).total_seconds() / LOOK_PAUSE)
"""How often those look who wait for another process: until its claim has ended or is given up."""

READ_PAUSE, EVER = dt.timedelta(seconds=30), dt.datetime.min.replace(tzinfo=dt.UTC)
"""How long decisions count as read by the one that submits."""

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


class _Made(NamedTuple):
    """A window for which a factory run was created, and what had to be changed in the factory before."""

    extraction_id: str
    changes: tuple[DefinitionChange, ...]


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
    patience: int = 0
    """How often it is looked whether another process has submitted its days, before that is an error."""

    feed: ActivityFeed | None = None
    """Where it is read what the approvers have decided meanwhile, before something new is submitted."""

    _compared: set[str] = field(default_factory=set, init=False)
    """The definitions that were compared with the factory's; one comparison in a Dagster run is enough."""

    _complaints: dict[str, O365PipelineError | None] = field(default_factory=dict, init=False)
    """The policy violation of each customer's installation, None if it complies; checked once in a Dagster run."""

    _listed: dict[str, list[FactoryRun]] = field(default_factory=dict, init=False)
    """The runs that each customer's factory lists; one look in a Dagster run is enough."""

    _read: dict[str, dt.datetime] = field(default_factory=dict, init=False)

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
            BeingSubmittedError: another process is submitting some of the days, longer than this one is patient.
            ExtractionError: the factory refused.
        """
        cover = self._covered(customer, requested, days)
        if cover.unavailable_days and not leave_out:
            raise UsageError("; ".join(cover.unavailable_days))
        for line in cover.unavailable_days:
            self.log.warning(f"{customer.name} {line}")
        created: set[str] = set()
        changes: list[DefinitionChange] = []
        while cover.missing:
            if not self._take_listed_runs(customer, requested, cover.missing):
                if extraction_id(customer.name, requested.dataset.name, cover.missing[0]) in created:
                    raise ExtractionError(
                        f"{customer.name} {requested.dataset.name} {cover.missing[0]}: its factory run ended at once, "
                        "without data"
                    )
                made = self._submit(customer, requested, cover.missing[0])
                created |= {made.extraction_id} if made else set()
                changes += made.changes if made else ()
            cover = self._covered(customer, requested, days)
        extractions = tuple(sorted(cover.existing, key=lambda entry: entry.first_day))
        new = sum(entry.extraction_id in created for entry in extractions)
        return Submission(extractions, new, len(extractions) - new, tuple(changes))

    def authorize_missing(
        self, customer: Customer, requests: Iterable[RequestedDataset], days: Sequence[dt.date]
    ) -> None:
        """Checks that all missing days may be extracted, before any of them is.

        Raises:
            NotAuthorizedError: no approval in force covers a dataset with days left, or a policy is violated.
            ExtractionError: whether it violates one could not be found out.
        """
        missing = [requested for requested in requests if self._covered(customer, requested, days).missing]
        for requested in missing:
            self._may_submit(customer, requested)
        if missing:
            self._check_policies(customer)

    def _covered(self, customer: Customer, requested: RequestedDataset, days: Sequence[dt.date]) -> _Cover:
        """Returns the extractions that hold days already, and the missing windows.

        Waits for processes that are submitting some of the days, and finishes what those that are gone began.
        """
        today = self.clock().date()
        if max(days) >= today:
            raise UsageError(f"{max(days)} is not over yet (UTC): extract days up to {today - dt.timedelta(days=1)}")
        name, looks_left = requested.dataset.name, self.patience
        while True:
            found = ledger.overlapping(self.database, customer.name, name, min(days), max(days))
            claimed = [
                entry
                for entry in found
                if entry.status == ledger.CLAIMED and not set(days).isdisjoint(entry.window.days)
            ]
            if not claimed:
                break
            if gone := [entry for entry in claimed if self._claimant_is_gone(entry)]:
                self._finish(customer, gone[0])
                continue
            if not looks_left:
                raise BeingSubmittedError(f"{named(claimed[0])} is being submitted by another run: retry in a minute")
            looks_left -= 1
            self.sleep(LOOK_PAUSE)
        existing = set(ledger.covering(found, days).values())
        held = {day for entry in existing for day in entry.window.days}
        first_kept = Horizon.of(customer, today).mart
        there = available_days(requested.dataset, today, first_kept)
        lacking = unavailable_days(requested.dataset, set(days) - held, today, first_kept)
        return _Cover(existing, missing_windows((day for day in days if day in there), held), lacking)

    def _finish(self, customer: Customer, entry: Extraction) -> None:
        """Finds the factory run of a claim whose claimant is gone, or gives its days free."""
        taken = replace(entry, claim=self.claimant, claimed_at=self._now())
        if not ledger.take_over(self.database, entry, taken):
            return
        run_id = self.runs.already_made(customer, taken, entry.submitted_at) if entry.submitted_at else None
        if run_id:
            ledger.attach(self.database, entry.extraction_id, self.claimant, run_id, self._now())
        else:
            reason = "the process that was submitting it ended before the factory made a run"
            ledger.give_back(self.database, entry.extraction_id, self.claimant, reason)

    def authorized_by(self, customer: Customer, requested: RequestedDataset) -> str:
        """Returns the id of the approval that allows the dataset's extraction.

        Raises:
            NotAuthorizedError: no approval in force covers it.
        """
        status = approval_ledger.consent_status_of(self.database, customer, self.clock())
        return self._authorized_by(customer, requested, status)

    def _authorized_by(
        self, customer: Customer, requested: RequestedDataset, status: ConsentStatus[ApprovalEvent]
    ) -> str:
        ask = ask_of(customer, requested.dataset, requested.columns, requested.scope)
        try:
            return authorize(ask, status).event_id
        except NotAuthorizedError as error:
            raise NotAuthorizedError(f"{customer.name} {requested.dataset.name}: {error}") from None

    def _may_submit(self, customer: Customer, requested: RequestedDataset) -> str:
        """Returns the id of the approval that allows a new factory run.

        Raises:
            NotAuthorizedError: no approval in force covers it, or its revocation may have been missed.
        """
        now = self.clock()
        if self.feed and not dt.timedelta() <= now - self._read.get(customer.name, EVER) < READ_PAUSE:
            self._read[customer.name] = now
            read_decisions(self.database, self.feed, customer, self.log)
        status = approval_ledger.consent_status_of(self.database, customer, now)
        event_id = self._authorized_by(customer, requested, status)
        check_feed_is_read(self.database, customer, status, now)
        return event_id

    def _check_policies(self, customer: Customer) -> None:
        if customer.name not in self._complaints:
            try:
                check_policies(self.factory.cloud, customer)
                self._complaints[customer.name] = None
            except O365PipelineError as error:
                self._complaints[customer.name] = error
        if complaint := self._complaints[customer.name]:
            raise complaint

    def _take_listed_runs(self, customer: Customer, requested: RequestedDataset, missing: Iterable[Window]) -> bool:
        """Takes runs of missing days into the ledger that the factory lists and the ledger does not know.

        There are some where the ledger was lost or is another one. Returns whether there were any.

        Raises:
            ExtractionError: the factory does not say which runs it has made.
        """
        if customer.name not in self._listed:
            try:
                self._listed[customer.name] = self.factory.runs_since(customer, self.clock() - LISTED_FOR)
            except AzureError as error:
                told = f"{customer.name}: the factory does not say which runs it has made before, retry in a minute"
                raise ExtractionError(f"{told}: {describe_error(error)}") from error
        days = {day for window in missing for day in window.days}
        taken = False
        for window, run in runs_of_days(self._listed[customer.name], customer.name, requested.dataset.name, days):
            if ledger.find(self.database, run.window_key):
                continue
            submitted_at = naive_utc(run.started_at or self.clock())
            wanted = self._wanted(customer, requested, window)
            if ledger.claim(
                self.database, replace(wanted, status="Queued", factory_run_id=run.run_id, submitted_at=submitted_at)
            ):
                self.log.warning(f"{named(wanted)}: the ledger did not know factory run {run.run_id}, which is reused")
                taken = True
        return taken

    def _submit(self, customer: Customer, requested: RequestedDataset, window: Window) -> _Made | None:
        """Creates the window's factory run; None if another process has claimed one of its days meanwhile."""
        wanted = self._wanted(customer, requested, window)
        self._check_policies(customer)
        if not ledger.claim(self.database, wanted):
            return None
        try:
            changes = self.factory.deploy(customer, requested, self._compared)
            for change in changes:
                self.log.info(f"{customer.name}: {change.diff}")
            run_id = self.runs.create(customer, requested, wanted, lambda: self._may_submit(customer, requested))
        except RunInDoubtError:
            raise
        except O365PipelineError as error:
            ledger.give_back(self.database, wanted.extraction_id, self.claimant, f"not submitted: {error}")
            raise
        if not ledger.attach(self.database, wanted.extraction_id, self.claimant, run_id, self._now()):
            self.runs.cancel(customer, wanted, run_id)
            raise BeingSubmittedError(f"{named(wanted)} was taken over by another run: retry in a minute")
        return _Made(wanted.extraction_id, changes)

    @property
    def runs(self) -> RunCreation:
        return RunCreation(self.database, self.factory, self.claimant, self.clock, self.sleep, self.log)

    def _wanted(self, customer: Customer, requested: RequestedDataset, window: Window) -> Extraction:
        return Extraction(
            extraction_id=extraction_id(customer.name, requested.dataset.name, window),
            customer=customer.name,
            dataset=requested.dataset.name,
            first_day=window.first_day,
            last_day=window.last_day,
            columns=requested.columns,
            scope=requested.scope.model_dump_json(),
            approval_event_id=self._may_submit(customer, requested),
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

    def _claimant_is_gone(self, entry: Extraction) -> bool:
        age = self._now() - entry.claimed_at
        return entry.claim == self.claimant or age > CLAIM_LIFETIME or age < -CLOCK_SKEW

    def _now(self) -> dt.datetime:
        return naive_utc(self.clock())
