"""The current state on a day, for datasets that deliver changes: the last full snapshot with all later changes applied.

What belongs here: finding the days, and combining them. The curated files of the days are the history of changes and
stay as `curation.py` wrote them; a day that landed but is not curated contributes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import duckdb

from o365_pipeline.curated.current.fold_record import FoldRecord, read_record, write_record
from o365_pipeline.curated.day_files import (
    CURATED,
    DayFiles,
    day_files,
    day_folder,
    extraction_of,
    parquet,
    parts_of,
    rows_in,
    table_folder,
    write_day,
)
from o365_pipeline.customers.retention import recorded_horizon
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
    before it. The day's changes are applied to the newest state before it that is still right, so that the work does
    not grow with the days; if there is none, to the last full snapshot. The same history gives the same file either
    way.

    Args:
        columns: the columns that may be used, even if earlier days hold more.
    """
    usable = sorted(column.name for column in dataset.columns if column.name in columns)
    changes = _changes(database, lake, dataset, customer, day)
    horizon = recorded_horizon(database, customer).curated
    base = max((one.day for one in changes if one.day < horizon), default=dt.date.min)
    used: list[DayFiles] = []
    state: list[Path] = []
    before: FoldRecord | None = None
    since: dt.date | None = None
    with duckdb_session() as (connection, directory):
        connection.execute("CREATE TABLE change_file (filename VARCHAR, snapshot_day DATE)")
        while changes and since is None:
            folder = current_folder(dataset, customer, changes[-1].day)
            found = read_record(lake, folder) if changes[-1].day < day else None
            if found and found.is_right(changes, usable, base):
                before, state = found, lake.stage(parts_of(lake, folder), directory)
                break
            used.append(one := changes.pop())
            files = lake.stage(one.paths, directory)
            connection.executemany("INSERT INTO change_file VALUES (?, ?)", [(str(file), one.day) for file in files])
            since = one.day if _holds_snapshot(connection, files) else None
        record = before or FoldRecord(columns=tuple(usable), since=since, changes={})
        folder = current_folder(dataset, customer, day)
        rows = write_day(connection, lake, folder, _query(connection, dataset, usable, state), None, directory)
        write_record(lake, folder, record.followed_by(used, base))
    return rows


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


def _changes(database: Database, lake: Lake, dataset: Dataset, customer: str, day: dt.date) -> list[DayFiles]:
    """Returns the curated files of the landed days up to a day, in their order."""
    landed = set(landed_days(database, customer, dataset, day))
    folder = table_folder(CURATED, dataset.asset_name, customer)
    return [one for one in day_files(lake, folder) if one.day in landed]


def _holds_snapshot(connection: duckdb.DuckDBPyConnection, files: Collection[Path]) -> bool:
    is_full = f"coalesce(lower(operation), '{FULL}') = '{FULL}'"
    found = connection.execute(f"SELECT 1 FROM {parquet(files)} WHERE {is_full} LIMIT 1").fetchall()
    return bool(found)


def _query(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset, columns: Collection[str], state: Sequence[Path]
) -> str:
    """Returns SQL for the rows on the day, in the key's order, from the files of the table `change_file` and those of a
    state before them.
    """
    told = connection.execute("SELECT filename, snapshot_day FROM change_file").fetchall()
    files = [Path(file) for file, _ in told]
    withheld = {name for column in dataset.columns if column.name not in columns for name, _ in column.curated_fields}
    fields = ", ".join(
        f'NULL::{kind} AS "{name}"' if name in withheld else f'"{name}"'
        for name, kind in dataset.curated_schema.items()
    )
    key = ", ".join(f'"{name}"' for name in dataset.curated_key)
    is_same = " AND ".join(f'state."{name}" IS NOT DISTINCT FROM change."{name}"' for name in dataset.curated_key)
    newest = f"SELECT * FROM ({rows_in(dataset, files)})"
    if len({day for _, day in told}) > 1:
        # Within a day a key is told once.
        newest = f"""
            SELECT * EXCLUDE (filename, snapshot_day)
            FROM ({rows_in(dataset, files, with_file=True)}) JOIN change_file USING (filename)
            QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY snapshot_day DESC) = 1
            """
    return f"""
        WITH change AS {"MATERIALIZED" if state else "NOT MATERIALIZED"} ({newest})
        SELECT {fields} FROM (
            SELECT * FROM ({rows_in(dataset, state)}) AS state ANTI JOIN change ON {is_same}
            UNION ALL BY NAME
            SELECT * FROM change WHERE lower(operation) IS DISTINCT FROM '{DELETED}'
        ) ORDER BY {key}
        """
