"""The current state on a day, for datasets that deliver changes: the last full snapshot with all later changes applied.

What belongs here: finding the days, and combining them. The curated files of the days are the history of changes and
stay as `curation.py` wrote them; a day that landed but is not curated contributes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from pathlib import Path

import duckdb

from o365_pipeline.curated.day_files import CURATED, day_folder, extraction_of, parquet, parts_of, rows_in, write_day
from o365_pipeline.database.database import Database
from o365_pipeline.datasets import Dataset
from o365_pipeline.raw.duckdb_session import duckdb_session
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.manifest import landed_days

FULL, DELETED = "full", "deleted"
"""Values of the column Operation, whatever their case; the others are Created and Updated. A row without one belongs to
a full snapshot.
"""


def current_folder(dataset: Dataset, customer: str, day: dt.date) -> str:
    """Returns the folder of a day's table: curated/share_point_sites_current/customer=contoso/day=2026-11-16."""
    return day_folder(CURATED, str(dataset.current_name), customer, day)


def newest_current(database: Database, lake: Lake, dataset: Dataset, customer: str, day: dt.date) -> list[str]:
    """Returns the paths of the newest table up to the day; none if there is no table."""
    days = reversed(landed_days(database, customer, dataset, day))
    found = (parts_of(lake, current_folder(dataset, customer, held)) for held in days)
    return next(filter(None, found), [])


def build_current_state(
    database: Database, lake: Lake, dataset: Dataset, customer: str, day: dt.date, columns: Collection[str]
) -> int:
    """Writes the state on the day; returns the number of rows.

    For each key the last row up to the day counts. Deleted keys are left out, and a full snapshot replaces everything
    before it. The same history gives the same file.

    Args:
        columns: the columns that may be used, even if earlier days hold more.
    """
    days = landed_days(database, customer, dataset, day)
    with duckdb_session() as (connection, directory):
        connection.execute("CREATE TABLE change_file (file VARCHAR, snapshot_day DATE)")
        for snapshot_day, file in _since_the_last_snapshot(connection, lake, dataset, customer, days, directory):
            connection.execute("INSERT INTO change_file VALUES (?, ?)", [str(file), snapshot_day])
        query = _query(connection, dataset, columns)
        return write_day(connection, lake, current_folder(dataset, customer, day), query, None, directory)


def become_snapshot(
    database: Database, lake: Lake, dataset: Dataset, customer: str, day: dt.date, columns: Collection[str]
) -> None:
    """Writes the state on a day, also in the place of the day's changes: no change before the day is needed any more.

    Repeating it changes nothing.
    """
    build_current_state(database, lake, dataset, customer, day, columns)
    folder = day_folder(CURATED, dataset.asset_name, customer, day)
    with duckdb_session() as (connection, directory):
        extraction_id = extraction_of(connection, lake.stage(parts_of(lake, folder), directory)[0])
        state = lake.stage(parts_of(lake, current_folder(dataset, customer, day)), directory)
        query = f"SELECT * REPLACE ('{FULL}' AS operation) FROM {parquet(state)}"
        write_day(connection, lake, folder, query, extraction_id, directory)


def rebuild_states(
    database: Database,
    lake: Lake,
    dataset: Dataset,
    customer: str,
    days: Collection[dt.date],
    columns: Collection[str],
) -> Iterator[tuple[dt.date, int]]:
    """Writes the states on days that were curated, and anew those of days after them, because they used them; yields
    each day with its number of rows.
    """
    for day in landed_days(database, customer, dataset, dt.date.max):
        if day in days or (day > min(days) and parts_of(lake, current_folder(dataset, customer, day))):
            yield day, build_current_state(database, lake, dataset, customer, day, columns)


def _since_the_last_snapshot(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    dataset: Dataset,
    customer: str,
    days: list[dt.date],
    directory: Path,
) -> Iterator[tuple[dt.date, Path]]:
    """Returns the curated files of the days, the newest first, down to the one that holds a full snapshot."""
    for day in reversed(days):
        files = lake.stage(parts_of(lake, day_folder(CURATED, dataset.asset_name, customer, day)), directory)
        yield from ((day, file) for file in files)
        if not files:
            continue
        is_full = f"SELECT count(*) > 0 FROM {parquet(files)} WHERE coalesce(lower(operation), '{FULL}') = '{FULL}'"
        if connection.execute(is_full).fetchall()[0][0]:
            return


def _query(connection: duckdb.DuckDBPyConnection, dataset: Dataset, columns: Collection[str]) -> str:
    """Returns SQL for the rows on the day, from the files of the table `change_file`, in the key's order."""
    files = [
        Path(file) for (file,) in connection.execute("SELECT file FROM change_file ORDER BY snapshot_day").fetchall()
    ]
    withheld = {name for column in dataset.columns if column.name not in columns for name, _ in column.curated_fields}
    fields = ", ".join(
        f'NULL::{kind} AS "{name}"' if name in withheld else f'"{name}"'
        for name, kind in dataset.curated_schema.items()
    )
    key = ", ".join(f'"{name}"' for name in dataset.curated_key)
    changes = rows_in(dataset, files, with_file=True)
    return (
        f"SELECT {fields} FROM (SELECT * FROM ({changes}) AS change "
        "JOIN change_file ON change_file.file = change.filename "
        f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY snapshot_day DESC) = 1) "
        f"WHERE lower(operation) IS DISTINCT FROM '{DELETED}' ORDER BY {key}"
    )
