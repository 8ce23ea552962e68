"""Reconciliation: all landings of a dataset by the result of their comparison with Microsoft's own count of the same
factory run (record 183).

What belongs here: counting the results, and listing the bad ones. Comparing one landing belongs to `comparison.py`;
showing it in Dagster belongs to `reconciliation_check.py`.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from o365_pipeline.customers.customer import Customers
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import extraction, id_batches, landing, naive_utc
from o365_pipeline.datasets import Dataset
from o365_pipeline.extraction.windows import Window
from o365_pipeline.raw.comparison import COUNTED, FINE, RECORD_HOURS, Outcome, compare_new, is_counted, versions_of

MAX_CASES = 20


@dataclass(frozen=True)
class Case:
    """A landing that somebody should look at, in numbers, without names of people."""

    outcome: Outcome
    customer: str
    window: Window
    status: str | None
    rows_landed: int
    rows_counted: int | None
    people_requested: int | None
    people_delivered: int | None
    undelivered: int | None


@dataclass(frozen=True)
class Reconciliation:
    """All landings of a dataset: how many have which result, how many lack people, and some with a bad result."""

    landings: Mapping[Outcome, int]
    with_people_missing: int
    cases: tuple[Case, ...]

    @property
    def worst(self) -> Outcome:
        return next((entry for entry in Outcome if self.landings.get(entry)), Outcome.RECONCILED)

    def count(self, *outcomes: Outcome) -> int:
        return sum(self.landings.get(entry, 0) for entry in outcomes)


def reconcile(database: Database, customers: Customers, dataset: Dataset, now: dt.datetime) -> Reconciliation:
    """Compares the dataset's landings of these customers with Microsoft's records, and counts the results.

    What was compared before and did not change since is counted by an index alone.
    """
    compare_new(database, dataset)
    overdue_before = naive_utc(now - dt.timedelta(hours=RECORD_HOURS))
    names = [customer.name for customer in customers]
    found: Counter[Outcome] = Counter()
    people_missing = 0
    with database.begin() as connection:
        for row in connection.execute(_counts(dataset)):
            if row.customer in customers:
                found[Outcome(row.outcome)] += row.landings
                people_missing += row.landings if row.people_missing else 0
        for row in connection.execute(_counts(dataset, *_overdue(overdue_before))):
            if row.customer in customers:
                found[Outcome.OVERDUE] += row.landings
                found[Outcome.AWAITING] -= row.landings
        cases: list[Case] = []
        for kind in Outcome:
            if kind not in FINE and found[kind] and len(cases) < MAX_CASES:
                cases += _cases(connection, dataset, names, kind, overdue_before)
    landings = {kind: found[kind] for kind in Outcome if found[kind]}
    return Reconciliation(landings, people_missing, tuple(cases[:MAX_CASES]))


def _counts(dataset: Dataset, *conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    alike = landing.c.dataset, landing.c.outcome, landing.c.customer, landing.c.people_missing
    compared = landing.c.dataset.in_(versions_of(dataset)), landing.c.outcome.is_not(None)
    return sa.select(*alike, sa.func.count().label("landings")).where(*compared, *conditions).group_by(*alike)


def _overdue(before: dt.datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return landing.c.outcome == Outcome.AWAITING, landing.c.sealed_at < before


def _cases(
    connection: sa.Connection, dataset: Dataset, customers: Sequence[str], kind: Outcome, overdue_before: dt.datetime
) -> list[Case]:
    """Returns the newest landings with this result."""
    alike = _overdue(overdue_before) if kind is Outcome.OVERDUE else (landing.c.outcome == kind,)
    newest = sa.select(landing.c.extraction_id).where(landing.c.dataset.in_(versions_of(dataset)), *alike)
    newest = newest.order_by(landing.c.sealed_at.desc()).limit(MAX_CASES)
    ids = [
        found
        for names in id_batches(customers)
        for found in connection.scalars(newest.where(landing.c.customer.in_(names)))
    ]
    query = (
        sa.select(
            landing.c.customer,
            landing.c.rows_landed,
            extraction.c.first_day,
            extraction.c.last_day,
            COUNTED.c.status,
            COUNTED.c.rows_counted,
            COUNTED.c.people_requested,
            COUNTED.c.people_delivered,
            COUNTED.c.undelivered,
        )
        .join_from(landing, extraction, extraction.c.extraction_id == landing.c.extraction_id)
        .outerjoin(COUNTED, is_counted())
        .where(landing.c.extraction_id.in_(ids))
        .order_by(landing.c.sealed_at.desc())
        .limit(MAX_CASES)
    )
    return [
        Case(
            outcome=kind,
            customer=row.customer,
            window=Window(row.first_day, row.last_day),
            status=row.status,
            rows_landed=row.rows_landed,
            rows_counted=row.rows_counted,
            people_requested=row.people_requested,
            people_delivered=row.people_delivered,
            undelivered=_undelivered(row.people_requested, row.people_delivered, row.undelivered),
        )
        for row in connection.execute(query)
    ]


def _undelivered(requested: int | None, delivered: int | None, names: str | None) -> int | None:
    """Returns how many were not delivered: people, or the names in the record if it counts no people."""
    if requested is not None and delivered is not None and delivered < requested:
        return requested - delivered
    return None if names is None else len(json.loads(names))
