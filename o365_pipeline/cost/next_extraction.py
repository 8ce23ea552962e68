"""The next extraction of a customer: what it would request, and what that would cost.

What belongs here: the missing windows, as a submission would find them, with their prices. Nothing is extracted, and
nothing is written.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from o365_pipeline.consent import approval_ledger
from o365_pipeline.consent.approvals import ApprovalEvent, ConsentStatus
from o365_pipeline.consent.authorization import ask_of, refusal
from o365_pipeline.consent.silence import Silence, silences
from o365_pipeline.cost.assumptions import Assumptions
from o365_pipeline.cost.estimate import Bill, CostLine, assumed_objects, priced, split_window
from o365_pipeline.cost.extraction_history import History, history_of, people_of
from o365_pipeline.cost.rates import Rates
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.data_request import RequestedDataset
from o365_pipeline.customers.retention import Horizon
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import naive_utc
from o365_pipeline.extraction import extraction_ledger as ledger
from o365_pipeline.extraction.extraction_ledger import Extraction
from o365_pipeline.extraction.schedules import MAX_DAYS, days_due
from o365_pipeline.extraction.submission import CLAIM_LIFETIME
from o365_pipeline.extraction.windows import ONE_DAY, Window, available_days, missing_windows, unavailable_days


@dataclass(frozen=True)
class PlannedDataset:
    """What would be requested of one dataset."""

    dataset: str
    windows: tuple[Window, ...]
    days_held: int
    """Days that were extracted or are under way, and are not paid for again."""

    unavailable_days: tuple[str, ...]
    refusal: str | None
    """Why no approval in force covers it."""

    uses_history: bool
    one_window: CostLine
    daily: CostLine


@dataclass(frozen=True)
class NextExtraction:
    """What would be requested of all datasets of a customer's data request."""

    first_day: dt.date
    last_day: dt.date
    users: int
    users_known: bool
    """Whether Microsoft counted the users, or the caller gave their number; otherwise it is assumed."""

    datasets: tuple[PlannedDataset, ...]
    consent_status: ConsentStatus[ApprovalEvent]
    silence: Silence | None
    """Why nothing new is submitted, although an approval may be in force."""

    @property
    def one_window(self) -> Bill:
        """The cost as it would be requested: in the fewest windows."""
        return Bill(tuple(planned.one_window for planned in self.datasets))

    @property
    def daily(self) -> Bill:
        """The cost of the same days, each requested by itself."""
        return Bill(tuple(planned.daily for planned in self.datasets))


def days_of_next(database: Database, customer: Customer, now: dt.datetime) -> tuple[dt.date, dt.date] | None:
    """Returns first and last day of the next extraction: the agreed days, then those that the schedule requests; else
    None.
    """
    first_day, last_day = customer.initial_days_range
    held = ledger.held_until(database, min(first_day, now.date() - ONE_DAY * (MAX_DAYS + 1)))
    if not any(name == customer.name for name, _ in held):
        return first_day, last_day
    return days_due(customer, held, now.date())


def next_extraction(
    database: Database,
    customer: Customer,
    days: tuple[dt.date, dt.date],
    now: dt.datetime,
    rates: Rates,
    assumptions: Assumptions,
    users: int | None = None,
) -> NextExtraction:
    """Plans the extraction of a customer's days, first and last included."""
    users = users or people_of(database, customer)
    history = history_of(database, customer)
    consent_status = approval_ledger.consent_status_of(database, customer, now)
    pricing = _Pricing(users or assumptions.organisation.users, history, rates, assumptions)
    asked = Window(*days).days
    planned = tuple(
        _planned(database, customer, requested, asked, now, consent_status, pricing)
        for requested in customer.data_request.datasets
    )
    silence = silences(database, [customer], {customer.name: consent_status}, now).get(customer.name)
    return NextExtraction(*days, pricing.users, users is not None, planned, consent_status, silence)


@dataclass(frozen=True)
class _Pricing:
    """Prices windows of a dataset, by its history if it has one."""

    users: int
    history: History
    rates: Rates
    assumptions: Assumptions

    def line(
        self, requested: RequestedDataset, windows: Sequence[Window], *, holds_before: bool
    ) -> tuple[CostLine, bool]:
        """Returns the cost of the windows, and whether it follows from the history alone."""
        dataset = requested.dataset
        ends = {window.last_day for window in windows}
        objects: list[Decimal] = []
        known = True
        for place, window in enumerate(windows):
            follows = window.first_day - ONE_DAY in ends or (place == 0 and holds_before)
            landed = self.history.objects(dataset, window, self.assumptions.calendar, is_first=not follows)
            known = known and landed is not None
            assumed = assumed_objects(dataset, window, self.users, self.assumptions, is_first=not follows)
            objects.append(assumed if landed is None else landed)
        return priced(dataset, objects, self.rates, self.assumptions), known


def _planned(
    database: Database,
    customer: Customer,
    requested: RequestedDataset,
    days: Sequence[dt.date],
    now: dt.datetime,
    consent_status: ConsentStatus[ApprovalEvent],
    pricing: _Pricing,
) -> PlannedDataset:
    dataset, today = requested.dataset, now.date()
    found = ledger.overlapping(database, customer.name, dataset.name, days[0] - ONE_DAY, days[-1])
    held = {day for entry in found if _counts(entry, now) for day in entry.window.days}
    first_kept = Horizon.of(customer, today).mart
    there = available_days(dataset, today, first_kept)
    windows = missing_windows((day for day in days if day in there), held)
    holds_before = bool(windows) and any(entry.last_day == windows[0].first_day - ONE_DAY for entry in found)
    singles = [single for window in windows for single in split_window(window, 1)]
    refused = refusal(ask_of(customer, dataset, requested.columns, requested.scope), consent_status)
    one_window, known = pricing.line(requested, windows, holds_before=holds_before)
    daily, _ = pricing.line(requested, singles, holds_before=holds_before)
    return PlannedDataset(
        dataset=dataset.name,
        windows=tuple(windows),
        days_held=len(held & set(days)),
        unavailable_days=tuple(unavailable_days(dataset, set(days) - held, today, first_kept)),
        refusal=str(refused) if refused else None,
        uses_history=known,
        one_window=one_window,
        daily=daily,
    )


def _counts(entry: Extraction, now: dt.datetime) -> bool:
    """Tells whether a submission would leave the window as it is; a window whose claimant is gone is requested
    again.
    """
    return entry.status != ledger.CLAIMED or naive_utc(now) - entry.claimed_at <= CLAIM_LIFETIME
