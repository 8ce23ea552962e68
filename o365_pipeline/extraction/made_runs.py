"""Runs that a factory has made for days of a dataset, whatever the ledger knows: they are not paid for again.

What belongs here: recognising such runs in the factory's list, by the window key and the folder in their parameters.
What is done with them belongs to `submission.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from typing import NamedTuple

from o365_pipeline.extraction.data_factory import FactoryRun
from o365_pipeline.extraction.extraction_ledger import WITHOUT_DATA
from o365_pipeline.extraction.windows import Window, extraction_id, window_of_folder

LISTED_FOR = dt.timedelta(days=45)
"""Data Factory keeps its runs for so long (Microsoft: monitor Data Factory)."""


class MadeRun(NamedTuple):
    """A factory run and the window that it extracts."""

    window: Window
    run: FactoryRun


def newest_run_of(runs: Iterable[FactoryRun], window_key: str, released: Collection[str]) -> FactoryRun | None:
    """Returns the newest run of a window that has not failed, and is not one whose files were given up; None if there
    is none.
    """
    of_window = [run for run in runs if run.window_key == window_key and run.run_id not in released]
    found = [run for run in of_window if run.status not in WITHOUT_DATA]
    return found[-1] if found else None


def runs_of_days(runs: Iterable[FactoryRun], customer: str, dataset: str, days: Collection[dt.date]) -> list[MadeRun]:
    """Returns the runs that have not failed and extract some of the days of a customer's dataset, the newest first.

    A run counts if its window key is that of the customer, the dataset and the window that its folder is named after.
    """
    found = []
    for run in runs:
        window = window_of_folder(run.folder)
        if window is None or run.status in WITHOUT_DATA or set(days).isdisjoint(window.days):
            continue
        if run.window_key == extraction_id(customer, dataset, window):
            found.append(MadeRun(window, run))
    oldest = dt.datetime.min.replace(tzinfo=dt.UTC)
    return sorted(found, key=lambda made: made.run.started_at or oldest, reverse=True)
