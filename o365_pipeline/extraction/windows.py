"""Windows: the days that one factory run extracts, and the one key that each has.

What belongs here: pure functions on days. Objects are billed per run, rounded up to 1,000, so fewer and larger
windows are cheaper (Microsoft: Data Connect FAQ, pricing).
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

ONE_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, order=True)
class Window:
    """Whole days in UTC, first and last included."""

    first_day: dt.date
    last_day: dt.date

    @property
    def start(self) -> str:
        """Start as Data Connect takes it, inclusive."""
        return f"{self.first_day}T00:00:00Z"

    @property
    def end(self) -> str:
        """End as Data Connect takes it, exclusive."""
        return f"{self.last_day + ONE_DAY}T00:00:00Z"

    @property
    def days(self) -> tuple[dt.date, ...]:
        return tuple(self.first_day + ONE_DAY * n for n in range((self.last_day - self.first_day).days + 1))

    def __str__(self) -> str:
        return str(self.first_day) if self.first_day == self.last_day else f"{self.first_day}_{self.last_day}"


def extraction_id(customer: str, dataset: str, window: Window) -> str:
    """The deterministic key of one customer's dataset and window; whoever computes it gets the same."""
    return hashlib.sha256(f"{customer}|{dataset}|{window.first_day}|{window.last_day}".encode()).hexdigest()[:32]


def missing_windows(days: Iterable[dt.date], covered: Collection[dt.date]) -> list[Window]:
    """The fewest windows that hold the days not covered yet: one for each stretch of consecutive days."""
    windows: list[Window] = []
    for day in sorted(set(days) - set(covered)):
        if windows and windows[-1].last_day + ONE_DAY == day:
            windows[-1] = Window(windows[-1].first_day, day)
        else:
            windows.append(Window(day, day))
    return windows
