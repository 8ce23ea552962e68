"""Windows: the days that one factory run extracts, the unique key of each window, and the times that Data Connect is
given.

What belongs here: pure functions on days. Objects are billed per run, rounded up to 1,000, so fewer and larger windows
are cheaper (Microsoft: Data Connect FAQ, pricing).
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from o365_pipeline.datasets import Dataset

ONE_DAY = dt.timedelta(days=1)
SNAPSHOT_DATE = "SnapshotDate"
"""The date-filter column of SharePoint's datasets: the day on which a row was captured."""


@dataclass(frozen=True, order=True)
class Window:
    """Whole days in UTC, first and last included."""

    first_day: dt.date
    last_day: dt.date

    @property
    def start(self) -> str:
        """The start in Data Connect's format, inclusive."""
        return midnight(self.first_day)

    @property
    def end(self) -> str:
        """The end in Data Connect's format, exclusive."""
        return midnight(self.last_day + ONE_DAY)

    @property
    def days(self) -> tuple[dt.date, ...]:
        return tuple(self.first_day + ONE_DAY * n for n in range((self.last_day - self.first_day).days + 1))

    def __str__(self) -> str:
        return str(self.first_day) if self.first_day == self.last_day else f"{self.first_day}_{self.last_day}"


@dataclass(frozen=True)
class AvailableDays:
    """The days that Data Connect has of a dataset; it deletes days that are too old."""

    first_day: dt.date
    last_day: dt.date

    def __contains__(self, day: dt.date) -> bool:
        return self.first_day <= day <= self.last_day


def available_days(dataset: Dataset, today: dt.date, first_kept: dt.date = dt.date.min) -> AvailableDays:
    """Returns the days that Data Connect has of a dataset on a day (UTC), from the first on that is kept; a day that is
    not over is never among them.
    """
    first_day = first_kept if dataset.history_days is None else today - ONE_DAY * dataset.history_days
    return AvailableDays(max(first_day, first_kept), today - ONE_DAY * max(dataset.delay_days, 1))


def unavailable_days(
    dataset: Dataset, days: Iterable[dt.date], today: dt.date, first_kept: dt.date = dt.date.min
) -> list[str]:
    """Returns one line for the days that Data Connect does not have yet, with their date, and one for those that are
    too old.

    Args:
        first_kept: the first day that the customer keeps: what is older would be deleted at once.
    """
    there, asked = available_days(dataset, today, first_kept), list(days)
    lines = []
    if early := [day for day in asked if day > there.last_day]:
        named = " to ".join(dict.fromkeys(str(day) for day in (min(early), max(early))))
        lines.append(
            f"{dataset.name} {named}: Data Connect has a day after {dataset.delay_days * 24} hours, these from "
            f"{max(early) + ONE_DAY * dataset.delay_days} (UTC) on: extract them then"
        )
    if old := [day for day in asked if day < there.first_day]:
        named = " to ".join(dict.fromkeys(str(day) for day in (min(old), max(old))))
        is_kept = there.first_day > first_kept
        why = f"Data Connect goes {dataset.history_days} days back" if is_kept else "keep_mart_days keeps no such day"
        lines.append(f"{dataset.name} {named}: too old, {why}: extract days from {there.first_day} on")
    return lines


def requested_times(dataset: Dataset, window: Window, snapshot_before: dt.date | None) -> tuple[str, str]:
    """Returns startTime and endTime of the window's run.

    For a snapshot dataset these request the changes since the last snapshot that was extracted, or else the whole
    snapshot of the last day, with equal start and end. Snapshot dates are compared as whole days, the last included.

    Args:
        snapshot_before: the day of an extracted snapshot that ends where the window begins.
    """
    if dataset.slicing == "snapshot":
        return midnight(snapshot_before or window.last_day), midnight(window.last_day)
    if dataset.date_filter == SNAPSHOT_DATE:
        return window.start, midnight(window.last_day)
    return window.start, window.end


def midnight(day: dt.date) -> str:
    """Returns the beginning of a day in Data Connect's format."""
    return f"{day}T00:00:00Z"


def extraction_id(customer: str, dataset: str, window: Window) -> str:
    """Returns the deterministic key of one customer's dataset and window; every process computes the same."""
    return hashlib.sha256(f"{customer}|{dataset}|{window.first_day}|{window.last_day}".encode()).hexdigest()[:32]


def window_of_folder(folder: str) -> Window | None:
    """Returns the window that a run's folder is named after; None if it is not a window's."""
    first, _, last = folder.rpartition("/")[2].partition("_")
    try:
        return Window(dt.date.fromisoformat(first), dt.date.fromisoformat(last or first))
    except ValueError:
        return None


def missing_windows(days: Iterable[dt.date], covered: Collection[dt.date]) -> list[Window]:
    """Returns the fewest windows that hold the days not covered yet: one for each stretch of consecutive days."""
    windows: list[Window] = []
    for day in sorted(set(days) - set(covered)):
        if windows and windows[-1].last_day + ONE_DAY == day:
            windows[-1] = Window(windows[-1].first_day, day)
        else:
            windows.append(Window(day, day))
    return windows
