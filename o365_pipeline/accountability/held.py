"""What of a customer is held now, and where: files of the lake, rows in quarantine, rows of the mart.

What belongs here: counting rows and days. No row is shown.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

import sqlalchemy as sa

from o365_pipeline.curated.curation import QUARANTINE
from o365_pipeline.curated.quarantine import Selection, opened, summary
from o365_pipeline.customers.customer import Customer
from o365_pipeline.mart.marts import Marts
from o365_pipeline.mart.tables import MART_TABLES
from o365_pipeline.purge.live_data import CURATED_STAGES, folders_of
from o365_pipeline.raw.lakes import Lakes

RAW = "raw"


@dataclass(frozen=True)
class Held:
    """What one table or dataset holds in one place; of files the rows are not counted, but in quarantine."""

    where: str
    what: str
    days: int
    first_day: dt.date | None
    last_day: dt.date | None
    rows: int | None = None
    files: int | None = None
    size: int | None = None


def held_in_lake(lakes: Lakes, customer: Customer) -> list[Held]:
    """Returns what each dataset has in each stage of the lake."""
    lake, found = lakes.of(customer), dict[tuple[str, str], list[tuple[set[dt.date], int]]]()
    for folder in folders_of(lake, customer):
        for path, size in lake.objects(folder):
            stage, first, second, *rest = PurePosixPath(path).parts
            dataset = second if stage == RAW else first
            found.setdefault((stage, dataset), []).append((_days(rest[0] if rest else ""), size))
    rejected = dict[str, int]()
    with opened(lakes, [customer], Selection()) as connection:
        for each in summary(connection):
            rejected[each.dataset] = rejected.get(each.dataset, 0) + each.rows
    order = (RAW, *CURATED_STAGES)
    return [
        Held(
            stage,
            dataset,
            *_span(day for days, _ in files for day in days),
            rows=rejected.get(dataset, 0) if stage == QUARANTINE else None,
            files=len(files),
            size=sum(size for _, size in files),
        )
        for (stage, dataset), files in sorted(found.items(), key=lambda entry: (order.index(entry[0][0]), entry[0][1]))
    ]


def held_in_mart(marts: Marts, customer: Customer) -> list[Held]:
    """Returns what each table of the mart has of the customer."""
    found = []
    with marts[customer.name].begin() as connection:
        for table in MART_TABLES:
            query = sa.select(
                sa.func.count().label("rows"),
                sa.func.count(sa.distinct(table.c.day)).label("days"),
                sa.func.min(table.c.day).label("first"),
                sa.func.max(table.c.day).label("last"),
            ).where(table.c.customer == customer.name)
            row = connection.execute(query).one()
            if row.rows:
                found.append(Held("mart", table.name, row.days, row.first, row.last, rows=row.rows))
    return found


def _days(name: str) -> set[dt.date]:
    """Returns the days that a folder is called after, 2026-11-16_2026-11-22 or day=2026-11-16; none if it
    is called otherwise.
    """
    try:
        first, *last = (dt.date.fromisoformat(day) for day in name.removeprefix("day=").split("_"))
    except ValueError:
        return set()
    end = last[0] if last else first
    return {first + dt.timedelta(days=number) for number in range((end - first).days + 1)}


def _span(days: Iterable[dt.date]) -> tuple[int, dt.date | None, dt.date | None]:
    known = set(days)
    return len(known), min(known, default=None), max(known, default=None)
