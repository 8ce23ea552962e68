"""Lookbacks: datasets of which the SQL in `sql/` also reads some days before the partition's day.

What belongs here: the declarations, as relations beside those of the day. Staging the files belongs to `loading.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Lookback:
    """A dataset's rows of some days before the partition's, under a relation name of their own."""

    relation: str
    asset_name: str
    days: int

    def before(self, day: dt.date) -> tuple[dt.date, ...]:
        """Returns the days, the earliest first."""
        return tuple(day - dt.timedelta(days=back) for back in range(self.days, 0, -1))


LOOKBACKS = (
    Lookback("earlier_message", "message", days=7),
    Lookback("earlier_calendar_view", "calendar_view", days=1),
)


def lookbacks_at(asset_name: str) -> list[Lookback]:
    """Returns the lookbacks of a dataset."""
    return [lookback for lookback in LOOKBACKS if lookback.asset_name == asset_name]


def depending(days: Iterable[dt.date]) -> frozenset[dt.date]:
    """Returns the days, and the days after them whose rows depend on them."""
    reach = max(lookback.days for lookback in LOOKBACKS)
    return frozenset(day + dt.timedelta(days=after) for day in days for after in range(reach + 1))
