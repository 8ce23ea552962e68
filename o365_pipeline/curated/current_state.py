"""What there is as of a day, of datasets that tell of changes: the last full snapshot and the changes since, folded.

What belongs here: finding the days to fold and folding them. The curated files of the days are the history of changes
and stay as `curation.py` wrote them; a day that is landed but not curated tells nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from pathlib import Path

import duckdb

from o365_pipeline.curated.curation import CURATED, path_of, rows_in
from o365_pipeline.curated.duck import duck
from o365_pipeline.database.database import Database
from o365_pipeline.datasets import Dataset
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.manifest import landed_days

FULL, DELETED = "Full", "Deleted"
"""Values of the column Operation; the others are Created and Updated, and a row without one is of a full snapshot."""


def current_path(dataset: Dataset, customer: str, day: dt.date) -> str:
    """Where the table as of a day lies in the lake: curated/share_point_sites_current/contoso/2026-11-16.parquet."""
    return f"{CURATED}/{dataset.current_name}/{customer}/{day}.parquet"


def newest_current(database: Database, lake: Lake, dataset: Dataset, customer: str, day: dt.date) -> str | None:
    """The path of the last table that there is as of the day or a day before it."""
    paths = (current_path(dataset, customer, held) for held in reversed(landed_days(database, customer, dataset, day)))
    return next((path for path in paths if lake.exists(path)), None)


def fold(
    database: Database, lake: Lake, dataset: Dataset, customer: str, day: dt.date, columns: Collection[str]
) -> int:
    """Write what there is as of the day; returns how many rows.

    The last row of each key counts, up to the day; what was deleted is left out, and a full snapshot replaces
    everything before it. The same history gives the same file.

    Args:
        columns: those that may go on, also where earlier days hold more.
    """
    days = landed_days(database, customer, dataset, day)
    with duck() as (connection, directory):
        connection.execute("CREATE TABLE told (file VARCHAR, told_on DATE)")
        for told_on, file in _since_the_last_snapshot(connection, lake, dataset, customer, days, directory):
            connection.execute("INSERT INTO told VALUES (?, ?)", [str(file), told_on])
        local = directory / "current.parquet"
        query = _query(connection, dataset, columns)
        [(rows,)] = connection.execute(f"COPY ({query}) TO '{local}' (FORMAT parquet, COMPRESSION zstd)").fetchall()
        lake.write(current_path(dataset, customer, day), local)
    return int(rows)


def fold_later(
    database: Database,
    lake: Lake,
    dataset: Dataset,
    customer: str,
    days: Collection[dt.date],
    columns: Collection[str],
) -> Iterator[tuple[dt.date, int]]:
    """Fold the days anew that were folded before some days that lie before them were; yields each with its rows."""
    for day in landed_days(database, customer, dataset, dt.date.max):
        if day > min(days) and day not in days and lake.exists(current_path(dataset, customer, day)):
            yield day, fold(database, lake, dataset, customer, day, columns)


def _since_the_last_snapshot(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    dataset: Dataset,
    customer: str,
    days: list[dt.date],
    directory: Path,
) -> Iterator[tuple[dt.date, Path]]:
    """The curated files of the days, the newest first, down to the one that holds a full snapshot."""
    for day in reversed(days):
        path = path_of(CURATED, dataset, customer, day)
        if not lake.exists(path):
            continue
        [file] = lake.stage([path], directory)
        yield day, file
        is_full = f"SELECT count(*) > 0 FROM read_parquet('{file}') WHERE coalesce(operation, '{FULL}') = '{FULL}'"
        if connection.execute(is_full).fetchall()[0][0]:
            return


def _query(connection: duckdb.DuckDBPyConnection, dataset: Dataset, columns: Collection[str]) -> str:
    """The rows as of the day, from the files of the table `told`, in the key's order."""
    files = [Path(file) for (file,) in connection.execute("SELECT file FROM told ORDER BY told_on").fetchall()]
    withheld = {name for column in dataset.columns if column.name not in columns for name, _ in column.curated_fields}
    fields = ", ".join(
        f'NULL::{kind} AS "{name}"' if name in withheld else f'"{name}"'
        for name, kind in dataset.curated_schema.items()
    )
    key = ", ".join(f'"{name}"' for name in dataset.curated_key)
    changes = rows_in(dataset, files, with_file=True)
    return (
        f"SELECT {fields} FROM (SELECT * FROM ({changes}) AS change JOIN told ON told.file = change.filename "
        f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY told_on DESC) = 1) "
        f"WHERE operation IS DISTINCT FROM '{DELETED}' ORDER BY {key}"
    )
