"""The current state on a day, as relations for the mart's SQL, for datasets that deliver changes.

What belongs here: finding the newest table and making it a view. Building the table belongs to
`curated/current/current_state.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from pathlib import Path

import duckdb

from o365_pipeline.curated.current.current_state import newest_current
from o365_pipeline.curated.day_files import rows_in
from o365_pipeline.database.database import Database
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.raw.lake import Lake


def define_current(
    connection: duckdb.DuckDBPyConnection,
    ledger: Database,
    lake: Lake,
    customer: str,
    day: dt.date,
    datasets: Collection[Dataset],
    directory: Path,
) -> set[str]:
    """Makes a view of each dataset's newest table up to the day; returns the extractions whose rows are in them.

    Args:
        datasets: the datasets that may be used; the others count as empty.
    """
    extractions: set[str] = set()
    for dataset in catalogue().newest:
        if dataset.current_name is None:
            continue
        paths = newest_current(ledger, lake, dataset, customer, day) if dataset in datasets else []
        files = lake.stage(paths, directory)
        connection.execute(f'CREATE VIEW "{dataset.current_name}" AS {rows_in(dataset, files)}')
        ids = connection.execute(f'SELECT DISTINCT extraction_id FROM "{dataset.current_name}"').fetchall()
        extractions |= {extraction_id for (extraction_id,) in ids}
    return extractions
