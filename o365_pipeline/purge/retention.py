"""Retention as the purge plans it: which customers have data that is older than they keep it.

What belongs here: comparing the ledger with the customers' settings. The settings belong to `customers/retention.py`;
deleting belongs to `deletion.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import sqlalchemy as sa

from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.retention import STAGES, Horizon, recorded_horizon, recorded_horizons
from o365_pipeline.database.database import Database
from o365_pipeline.database.deletion_ledger import retention
from o365_pipeline.database.ledger import extraction, id_batches, landing
from o365_pipeline.extraction.extraction_ledger import UNDER_WAY, WITHOUT_DATA
from o365_pipeline.mart.tables import dim_date
from o365_pipeline.purge.plan import Plan


def plan_retention(database: Database, customer: Customer, today: dt.date) -> Plan | None:
    """Plans what is to be deleted of a customer's data because of its age; None if nothing is."""
    horizon = overdue(database, [customer], today).get(customer.name)
    if horizon is None:
        return None
    thinned_before = recorded_horizon(database, customer.name).snapshots
    days = ", ".join(f"{stage} {getattr(customer, f'keep_{stage}_days')}" for stage in STAGES)
    return Plan(
        customer=customer.name,
        reason=f"older than it is kept (days: {days})",
        event_id=None,
        horizon=horizon,
        thinned_before=thinned_before,
    )


def overdue(database: Database, customers: Iterable[Customer], today: dt.date) -> dict[str, Horizon]:
    """Returns, of those customers who have something older than they keep it on a day, what they keep."""
    return Ages.of(database, customers).overdue(today)


@dataclass(frozen=True)
class Ages:
    """How old the data of some customers is, as the ledger and the mart tell, and what counts as deleted of it."""

    customers: Mapping[str, Customer]
    recorded: Mapping[str, Horizon]
    loaded: Mapping[str, dt.date]
    oldest: Mapping[str, Mapping[str, dt.date | None]]

    @classmethod
    def of(cls, database: Database, customers: Iterable[Customer]) -> Self:
        """Reads them; one query tells it of hundreds of customers."""
        named = {customer.name: customer for customer in customers}
        names = list(named)
        return cls(named, recorded_horizons(database, names), _first_loaded(database, names), _oldest(database, names))

    def overdue(self, today: dt.date) -> dict[str, Horizon]:
        """Returns, of those customers who have something older than they keep it on a day, what they keep.

        A day that somebody has loaded again since it was deleted counts too, if the customer's mart is in the ledger's
        database.
        """
        found = {
            name: Horizon.of(self.customers[name], today).or_later(horizon)
            for name, horizon in self.recorded.items()
            if name in self.loaded and self.loaded[name] < horizon.mart
        }
        for name, oldest in self.oldest.items():
            target, recorded = Horizon.of(self.customers[name], today), self.recorded[name]
            if any(
                day is not None and max(day, getattr(recorded, stage)) < getattr(target, stage)
                for stage, day in oldest.items()
            ):
                found[name] = target.or_later(recorded)
        return found


def _first_loaded(database: Database, names: Sequence[str]) -> dict[str, dt.date]:
    """Returns the first day of each customer in the mart; each loaded day has a row in dim_date."""
    query = sa.select(dim_date.c.customer, sa.func.min(dim_date.c.day).label("day")).group_by(dim_date.c.customer)
    with database.begin() as connection:
        return {
            row.customer: row.day
            for some in id_batches(names)
            for row in connection.execute(query.where(dim_date.c.customer.in_(some)))
        }


def _oldest(database: Database, names: Sequence[str]) -> dict[str, dict[str, dt.date | None]]:
    """Returns, by customer, the oldest day that the ledger does not count as deleted from each stage."""
    landed_at = sa.func.coalesce(landing.c.sealed_at, extraction.c.finished_at, extraction.c.claimed_at)

    def first(day: sa.ColumnElement[dt.date], compared: sa.ColumnElement[dt.date], stage: str) -> sa.Label[dt.date]:
        before = retention.c[f"{stage}_before"]
        return sa.func.min(sa.case((sa.or_(before.is_(None), compared >= before), day))).label(stage)

    first_day, last_day = extraction.c.first_day, extraction.c.last_day
    query = (
        sa.select(
            extraction.c.customer,
            *(first(landed_at, landed_at, stage) for stage in ("raw", "quarantine")),
            *(first(first_day, last_day, stage) for stage in ("curated", "mart", "snapshots")),
        )
        .outerjoin(landing, landing.c.extraction_id == extraction.c.extraction_id)
        .outerjoin(retention, retention.c.customer == extraction.c.customer)
        .where(extraction.c.status.not_in((*UNDER_WAY, *WITHOUT_DATA)))
        .group_by(extraction.c.customer)
    )
    with database.begin() as connection:
        return {
            row.customer: {stage: _day(getattr(row, stage)) for stage in STAGES}
            for some in id_batches(names)
            for row in connection.execute(query.where(extraction.c.customer.in_(some)))
        }


def _day(found: dt.datetime | dt.date | None) -> dt.date | None:
    return found.date() if isinstance(found, dt.datetime) else found
