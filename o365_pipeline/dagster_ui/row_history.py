"""How many rows the days before had, as Dagster remembers it, and what is usual for a day.

What belongs here: the history and the judgement on it, for the checks and pictures of any stage.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import median

import dagster as dg

ROW_COUNT = "dagster/row_count"

HISTORY_DAYS = 56
"""Eight weeks: enough for a weekday's own history, few enough for one query."""

MOST_RECORDS = 2 * HISTORY_DAYS
"""Materializations that are read at most; days that were made again have several."""

LEAST_DAYS = 5
"""Fewer days say nothing of what is usual."""

DEVIATIONS, LEAST_SHARE, LEAST_ROWS = 5.0, 0.5, 20.0
"""How far from the median is usual: the greatest of median deviations, a share of the median, rows."""


@dataclass(frozen=True)
class Usual:
    """What days like this one had."""

    rows: float
    tolerance: float
    days: int

    def holds(self, rows: int) -> bool:
        """Whether so many rows are usual; a day without any is not where there were more than a few."""
        if rows == 0:
            return self.rows <= LEAST_ROWS
        return abs(rows - self.rows) <= self.tolerance


def rows_of_days(
    instance: dg.DagsterInstance, key: dg.AssetKey, partition_of: Callable[[dt.date], str], days: Iterable[dt.date]
) -> dict[dt.date, int]:
    """The newest row count of the days, and of the eight weeks before the last of them; partitions are told by day."""
    last = max(days)
    wanted = {partition_of(day): day for day in (last - dt.timedelta(n) for n in range(HISTORY_DAYS + 1))}
    of_partitions = dg.AssetRecordsFilter(asset_key=key, asset_partitions=list(wanted))
    found: dict[dt.date, int] = {}
    for record in instance.fetch_materializations(of_partitions, limit=MOST_RECORDS).records:
        told = record.asset_materialization
        count = told.metadata.get(ROW_COUNT) if told else None
        if told and told.partition and count is not None:
            found.setdefault(wanted[told.partition], int(str(count.value)))
    return found


def usual(day: dt.date, history: Mapping[dt.date, int]) -> Usual | None:
    """What is usual for the day: as the same weekday was before, else working days or weekends; None where too few."""
    before = {other: rows for other, rows in history.items() if 0 < (day - other).days <= HISTORY_DAYS}
    same_weekday = [rows for other, rows in before.items() if other.weekday() == day.weekday()]
    same_kind = [rows for other, rows in before.items() if (other.weekday() >= 5) == (day.weekday() >= 5)]
    for rows in (same_weekday, same_kind):
        if len(rows) >= LEAST_DAYS:
            middle = median(rows)
            deviation = median(abs(one - middle) for one in rows)
            return Usual(middle, max(DEVIATIONS * deviation, LEAST_SHARE * middle, LEAST_ROWS), len(rows))
    return None
