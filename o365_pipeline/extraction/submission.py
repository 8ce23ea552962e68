"""Submission: a window is authorized, claimed and given one factory run, however often and by whomever it is asked for.

What belongs here: the order of those steps, and re-attaching after a crash. The rules are `consent/authorization.py`'s,
the calls `data_factory.py`'s, the claims `extraction_ledger.py`'s.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from o365_pipeline.consent import approval_ledger
from o365_pipeline.consent.authorization import ask_of, authorize
from o365_pipeline.consent.data_request import RequestedDataset
from o365_pipeline.customers import Customer
from o365_pipeline.database import Database
from o365_pipeline.errors import ExtractionError, NotAuthorizedError, UsageError
from o365_pipeline.extraction import extraction_ledger as ledger
from o365_pipeline.extraction.data_factory import DataFactory
from o365_pipeline.extraction.extraction_ledger import Extraction
from o365_pipeline.extraction.windows import Window, extraction_id, missing_windows
from o365_pipeline.ledger import naive_utc

CLAIM_LIFETIME = dt.timedelta(minutes=1)
"""Submitting takes seconds; a claim older than this belongs to a process that died, and what it lost is renewed."""


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True)
class Submission:
    """What asking for some days came to."""

    extractions: tuple[Extraction, ...]
    created: int
    reattached: int


@dataclass(frozen=True)
class Submitter:
    """Asks for windows on behalf of one Dagster run, whose retries carry the same claimant."""

    database: Database
    factory: DataFactory
    claimant: str
    requested_by: str
    clock: Callable[[], dt.datetime] = utc_now

    def submit_days(self, customer: Customer, requested: RequestedDataset, days: Sequence[dt.date]) -> Submission:
        """See to it that every day of the dataset is extracted or under way.

        Raises:
            UsageError: a day is not over yet; extracting it now would pay for half of it.
            NotAuthorizedError: no approval in force covers it; no factory run was created.
            ExtractionError: the factory refused, or another process is submitting the window right now.
        """
        existing, wanted = self._covered(customer, requested, days)
        made = [self._submit(customer, requested, window) for window in wanted]
        created = sum(new for _, new in made)
        extractions = sorted([*existing, *(entry for entry, _ in made)], key=lambda entry: entry.first_day)
        return Submission(tuple(extractions), created, len(extractions) - created)

    def authorize_missing(
        self, customer: Customer, requests: Iterable[RequestedDataset], days: Sequence[dt.date]
    ) -> None:
        """See to it that all of it may be extracted, before any of it is.

        Raises:
            NotAuthorizedError: no approval in force covers a dataset that has days left to extract.
        """
        for requested in requests:
            if self._covered(customer, requested, days)[1]:
                self.authorized_by(customer, requested)

    def _covered(
        self, customer: Customer, requested: RequestedDataset, days: Sequence[dt.date]
    ) -> tuple[set[Extraction], list[Window]]:
        """The extractions that hold days already, and the windows that are missing."""
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
        return existing, missing_windows(days, {day for entry in existing for day in entry.window.days})

    def authorized_by(self, customer: Customer, requested: RequestedDataset) -> str:
        """The id of the approval that allows the dataset's extraction.

        Raises:
            NotAuthorizedError: no approval in force covers it.
        """
        ask = ask_of(customer, requested.dataset, requested.columns, requested.scope)
        standing = approval_ledger.standing_of(self.database, customer, self.clock())
        try:
            return authorize(ask, standing).event_id
        except NotAuthorizedError as error:
            raise NotAuthorizedError(f"{customer.name} {requested.dataset.name}: {error}") from None

    def _submit(self, customer: Customer, requested: RequestedDataset, window: Window) -> tuple[Extraction, bool]:
        """The window's extraction, and whether this call created its factory run."""
        key = extraction_id(customer.name, requested.dataset.name, window)
        now = self._now()
        wanted = Extraction(
            extraction_id=key,
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
            claimed_at=now,
            attempt=1,
            factory_run_id=None,
            submitted_at=None,
            looked_at=None,
            error=None,
        )
        first_claimed_at = now
        run_id: str | None = None
        if not ledger.claim(self.database, wanted):
            found = ledger.find(self.database, key)
            assert found is not None
            if found.factory_run_id and not found.is_without_data:
                return found, False
            self._take_over(found, wanted)
            if found.status == ledger.CLAIMED:
                first_claimed_at = found.claimed_at
                run_id = self._run_already_made(customer, key, first_claimed_at)
        created = run_id is None
        if run_id is None:
            self.factory.deploy(customer, requested)
            parameters = {
                "windowKey": key,
                "startTime": window.start,
                "endTime": window.end,
                "folder": wanted.folder(requested.dataset.asset_name),
            }
            if not ledger.renew(self.database, key, self.claimant, self._now()):
                raise ExtractionError(f"{_named(wanted)} was taken over by another run: retry in a minute")
            run_id = self.factory.create_run(customer, requested, parameters)
        ledger.attach(self.database, key, self.claimant, run_id, self._now())
        attached = ledger.find(self.database, key)
        assert attached is not None
        return attached, created

    def _take_over(self, found: Extraction, wanted: Extraction) -> None:
        may_be_taken = found.is_without_data or self._claimant_is_gone(found)
        if not (may_be_taken and ledger.take_over(self.database, found, wanted)):
            raise ExtractionError(f"{_named(wanted)} is being submitted by another run: retry in a minute")

    def _claimant_is_gone(self, entry: Extraction) -> bool:
        return entry.claim == self.claimant or self._now() - entry.claimed_at > CLAIM_LIFETIME

    def _now(self) -> dt.datetime:
        return naive_utc(self.clock())

    def _run_already_made(self, customer: Customer, key: str, claimed_at: dt.datetime) -> str | None:
        """The factory run of a claimant that died between creating it and noting it."""
        since = claimed_at.replace(tzinfo=dt.UTC) - dt.timedelta(minutes=5)
        runs = [run for run in self.factory.runs_since(customer, since) if run.window_key == key]
        return runs[-1].run_id if runs else None


def _named(entry: Extraction) -> str:
    return f"{entry.customer} {entry.dataset} {entry.window}"
