"""The row counts of earlier days, as Dagster recorded them, and the usual count for a day.

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

MAX_RECORDS = 2 * HISTORY_DAYS
"""The greatest number of materializations that are read; days that were materialized again have several."""

MIN_DAYS = 5
"""Fewer days do not show what is usual."""

DEVIATIONS, MIN_SHARE, MIN_ROWS = 5.0, 0.5, 20.0
"""The usual distance from the median is the greatest of: median deviations, a share of the median, a number of rows."""


@dataclass(frozen=True)
class Usual:
    """The row counts that are usual for a day."""

    rows: float
    tolerance: float
    days: int

    def includes(self, rows: int) -> bool:
        """Tells whether that many rows are usual; zero rows are not if usually there are more than a few."""
        if rows == 0:
            return self.rows <= MIN_ROWS
        return abs(rows - self.rows) <= self.tolerance


def row_counts_by_day(
    instance: dg.DagsterInstance, key: dg.AssetKey, partition_of: Callable[[dt.date], str], days: Iterable[dt.date]
) -> dict[dt.date, int]:
    """Returns the newest row count of the days, and of the eight weeks before the last of them; `partition_of` names
    partitions.
    """
    last = max(days)
    wanted = {partition_of(day): day for day in (last - dt.timedelta(n) for n in range(HISTORY_DAYS + 1))}
    of_partitions = dg.AssetRecordsFilter(asset_key=key, asset_partitions=list(wanted))
    found: dict[dt.date, int] = {}
    for record in instance.fetch_materializations(of_partitions, limit=MAX_RECORDS).records:
        materialization = record.asset_materialization
        count = materialization.metadata.get(ROW_COUNT) if materialization else None
        if materialization and materialization.partition and count is not None:
            found.setdefault(wanted[materialization.partition], int(str(count.value)))
    return found


def usual(day: dt.date, history: Mapping[dt.date, int]) -> Usual | None:
    """Returns what is usual for the day, by the same weekday, or else by working days or weekends; None if there are
    too few days.
    """
    before = {other: rows for other, rows in history.items() if 0 < (day - other).days <= HISTORY_DAYS}
    same_weekday = [rows for other, rows in before.items() if other.weekday() == day.weekday()]
    same_kind = [rows for other, rows in before.items() if (other.weekday() >= 5) == (day.weekday() >= 5)]
    for rows in (same_weekday, same_kind):
        if len(rows) >= MIN_DAYS:
            middle = median(rows)
            deviation = median(abs(one - middle) for one in rows)
            return Usual(middle, max(DEVIATIONS * deviation, MIN_SHARE * middle, MIN_ROWS), len(rows))
    return None
