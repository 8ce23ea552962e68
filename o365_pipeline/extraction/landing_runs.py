"""The runs that take what landed to the mart: the one selection that the sensor and the terminal ask for.

What belongs here: which datasets of which days a run takes on, and the assets that it materializes. When one is due
belongs to `landing_sensor.py`.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from itertools import groupby

import dagster as dg

from o365_pipeline.customers.partitions import range_tags
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.extraction.extraction_ledger import Extraction
from o365_pipeline.extraction.landing_attempts import LANDING_TAG
from o365_pipeline.extraction.windows import missing_windows

LANDING_JOB = "landing_job"


def landing_selection(datasets: Iterable[Dataset], mart_assets: Sequence[dg.AssetKey]) -> list[dg.AssetKey]:
    """Returns all assets that are made of the datasets: raw, curated, what there is as of the day, and the mart."""
    landed = sorted(datasets, key=lambda dataset: dataset.name)
    return [
        *(dg.AssetKey([stage, dataset.asset_name]) for stage in ("raw", "curated") for dataset in landed),
        *(dg.AssetKey(["curated", dataset.current_name]) for dataset in landed if dataset.current_name),
        *mart_assets,
    ]


def landing_requests(
    landed: Sequence[Extraction],
    mart_assets: Sequence[dg.AssetKey],
    days: Iterable[dt.date] | None = None,
    attempt: tuple[str, int] | None = None,
) -> list[dg.RunRequest]:
    """Requests one run for each stretch of days of which the same datasets landed, the earliest first.

    Args:
        landed: extractions of one customer.
        days: the days that are taken on; None for all that the extractions hold.
        attempt: the tag and the number of the attempt, where it is counted and all extractions have one window.
    """
    run_key = f"{attempt[0]}:{attempt[1]}" if attempt else None
    counted = {LANDING_TAG: attempt[0]} if attempt else {}
    held = {day for entry in landed for day in entry.window.days}
    wanted = held if days is None else held.intersection(days)
    datasets = {
        day: frozenset(entry.dataset for entry in landed if entry.first_day <= day <= entry.last_day)
        for day in sorted(wanted)
    }
    return [
        dg.RunRequest(
            run_key=run_key,
            job_name=LANDING_JOB,
            asset_selection=landing_selection((catalogue()[name] for name in names), mart_assets),
            tags={**range_tags(landed[0].customer, stretch.first_day, stretch.last_day), **counted},
        )
        for names, alike in groupby(datasets, key=datasets.__getitem__)
        for stretch in missing_windows(alike, ())
    ]
