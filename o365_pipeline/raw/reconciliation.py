"""Reconciliation: landed rows are compared with Microsoft's own count of the same factory run (record 183).

What belongs here: the result of a comparison, and the ledger's landings grouped by it. Showing it in Dagster belongs to
`reconciliation_check.py`.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum

import sqlalchemy as sa

from o365_pipeline.customers.customer import Customers
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import extraction, id_batches, landing, naive_utc, operation
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.extraction.extraction_ledger import WITHOUT_DATA
from o365_pipeline.extraction.windows import Window

RECORD_HOURS = 48
"""Microsoft's feed may need 12 hours for the first records; a record that is missing after this time needs
attention.
"""

MAX_CASES = 20


class Outcome(StrEnum):
    """The results of comparing a landing with Microsoft's record, the worst first."""

    DIFFERENT = "row counts differ"
    NOT_SUCCEEDED = "rows landed without success"
    UNDELIVERED = "people undelivered"
    OVERDUE = f"no record after {RECORD_HOURS} hours"
    AWAITING = "awaiting its record"
    RECONCILED = "reconciled"


FINE = (Outcome.AWAITING, Outcome.RECONCILED)


@dataclass(frozen=True)
class Compared:
    """The facts of a landing beside Microsoft's record of it; a count that the record omits is not a difference."""

    is_recorded: bool = False
    is_overdue: bool = False
    rows_differ: bool = False
    people_missing: bool = False
    not_succeeded: bool = False


def outcome(compared: Compared) -> Outcome:
    """Returns the result of the comparison; of several faults, the worst."""
    if not compared.is_recorded:
        return Outcome.OVERDUE if compared.is_overdue else Outcome.AWAITING
    if compared.rows_differ:
        return Outcome.DIFFERENT
    if compared.not_succeeded:
        return Outcome.NOT_SUCCEEDED
    return Outcome.UNDELIVERED if compared.people_missing else Outcome.RECONCILED


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
    """Compares the dataset's landings of these customers; the counting is done in SQL, however many there are."""
    overdue_before = now - dt.timedelta(hours=RECORD_HOURS)
    found = [_facts(names, dataset, overdue_before) for names in id_batches([customer.name for customer in customers])]
    groups: Counter[Compared] = Counter()
    with database.begin() as connection:
        for facts in found:
            kinds = [facts.c[field.name] for field in fields(Compared)]
            for row in connection.execute(sa.select(*kinds, sa.func.count()).group_by(*kinds)):
                groups[Compared(*map(bool, row[:-1]))] += int(row[-1])
        cases: list[Case] = []
        for compared in sorted(groups, key=_badness):
            for facts in found:
                if outcome(compared) not in FINE and len(cases) < MAX_CASES:
                    cases += _cases(connection, facts, compared, MAX_CASES - len(cases))
    landings: dict[Outcome, int] = {}
    for compared, count in groups.items():
        landings[outcome(compared)] = landings.get(outcome(compared), 0) + count
    return Reconciliation(landings, sum(n for compared, n in groups.items() if compared.people_missing), tuple(cases))


def _badness(compared: Compared) -> int:
    return list(Outcome).index(outcome(compared))


def _facts(customers: Sequence[str], dataset: Dataset, overdue_before: dt.datetime) -> sa.Subquery:
    """Returns each landing beside the newest record of its factory run, with the fields of `Compared` as 1 or 0."""
    names = [version.name for version in catalogue().versions(dataset)]
    counted = operation.alias("counted")
    newest = sa.select(sa.func.max(operation.c.sequence)).where(
        operation.c.customer == extraction.c.customer, operation.c.pipeline_run_id == landing.c.factory_run_id
    )
    is_recorded = counted.c.record_id.is_not(None)
    conditions = {
        "is_recorded": is_recorded,
        "is_overdue": ~is_recorded & (landing.c.sealed_at < naive_utc(overdue_before)),
        "rows_differ": counted.c.rows_counted != landing.c.rows_landed,
        "people_missing": (counted.c.people_delivered < counted.c.people_requested) | (counted.c.undelivered != "[]"),
        "not_succeeded": (sa.func.lower(counted.c.status) != "succeeded") & (landing.c.rows_landed > 0),
    }
    return (
        sa.select(
            extraction.c.customer,
            extraction.c.first_day,
            extraction.c.last_day,
            landing.c.sealed_at,
            landing.c.rows_landed,
            counted.c.status,
            counted.c.rows_counted,
            counted.c.people_requested,
            counted.c.people_delivered,
            counted.c.undelivered,
            *(sa.case((condition, 1), else_=0).label(name) for name, condition in conditions.items()),
        )
        .join_from(landing, extraction, extraction.c.extraction_id == landing.c.extraction_id)
        .outerjoin(counted, counted.c.sequence == newest.scalar_subquery())
        .where(
            extraction.c.customer.in_(customers),
            extraction.c.dataset.in_(names),
        )
        .where(extraction.c.status.not_in(WITHOUT_DATA))
        .subquery()
    )


def _cases(connection: sa.Connection, facts: sa.Subquery, compared: Compared, limit: int) -> list[Case]:
    """Returns the newest landings with these facts."""
    alike = [facts.c[field.name] == int(getattr(compared, field.name)) for field in fields(Compared)]
    query = sa.select(facts).where(*alike).order_by(facts.c.sealed_at.desc()).limit(limit)
    return [
        Case(
            outcome=outcome(compared),
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
