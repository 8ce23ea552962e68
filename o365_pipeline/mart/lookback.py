"""The days before a partition's that its rows depend on: which datasets the SQL of `sql/` reads of them, how far back.

What belongs here: the declarations, as relations beside those of the day. Staging the files belongs to `loading.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Lookback:
    """A dataset's rows of some days before the partition's, under a name of their own."""

    relation: str
    asset_name: str
    days: int

    def before(self, day: dt.date) -> tuple[dt.date, ...]:
        """The days, the earliest first."""
        return tuple(day - dt.timedelta(days=back) for back in range(self.days, 0, -1))


LOOKBACKS = (
    Lookback("earlier_message", "message", days=7),
    Lookback("earlier_calendar_view", "calendar_view", days=1),
)


def lookbacks_at(asset_name: str) -> list[Lookback]:
    """Those of a dataset."""
    return [lookback for lookback in LOOKBACKS if lookback.asset_name == asset_name]


def depending(days: Iterable[dt.date]) -> frozenset[dt.date]:
    """The days, and those after them whose rows depend on them."""
    reach = max(lookback.days for lookback in LOOKBACKS)
    return frozenset(day + dt.timedelta(days=after) for day in days for after in range(reach + 1))
