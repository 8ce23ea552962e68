"""Curation: the rows of a landing, typed and deduplicated, become a table of each day; no row is dropped.

What belongs here: the order of the steps, and the place of each row: the day's table, the user rows (Data Connect's
report on a mailbox without data), or quarantine with a reason. The types belong to `typed_table.py`, the files to
`day_files.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from o365_pipeline.curated.body_text import define_text
from o365_pipeline.curated.day_files import CURATED, QUARANTINE, USER_ROWS, day_folder, write_day
from o365_pipeline.curated.json_values import define_json_values
from o365_pipeline.curated.landing_reader import Source, locate_rows, read
from o365_pipeline.curated.privacy import NOBODY, People, define_people
from o365_pipeline.curated.schema_drift import Drift, RowKeys, drift_of
from o365_pipeline.curated.typed_table import fill
from o365_pipeline.curated.value_sql import define_values
from o365_pipeline.datasets import Dataset
from o365_pipeline.raw.duckdb_session import duckdb_session
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.manifest import Landed, Manifest
from o365_pipeline.raw.parts import staged_parts

SORTED_BYTES = 256 * 1024 * 1024
"""The rows of a landing up to this size are sorted by their key, however wide they are."""

WIDE_BYTES = 1_000
"""Rows of a larger landing that are wider in the mean stay in the order in which they landed: DuckDB sorts 122,880 rows
in memory at once for each thread.
"""

UPDATED_ROWS = 500_000
"""The most rows that are updated where they are: what an update changes stays in memory."""

OF_SO_MANY_ROWS = 32
"""One of them is measured."""


@dataclass(frozen=True)
class Counts:
    """Where the rows of a dataset's day are."""

    curated: int = 0
    user_rows: int = 0
    quarantined: int = 0
    removed: int = 0
    """Rows of people whom the customer denies."""

    @property
    def total(self) -> int:
        return self.curated + self.user_rows + self.quarantined + self.removed

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.curated + other.curated,
            self.user_rows + other.user_rows,
            self.quarantined + other.quarantined,
            self.removed + other.removed,
        )


@dataclass(frozen=True)
class Curated:
    """The result of curating a landing: where the rows of each day are, and how its schema differs from the published
    one.
    """

    counts: Mapping[dt.date, Counts]
    drift: Drift


@dataclass(frozen=True)
class Typed:
    """A landing's rows as the table `typed`: the connection, its folder, the files read, the keys that rows have."""

    connection: duckdb.DuckDBPyConnection
    directory: Path
    sources: list[Source]
    requested: Sequence[str]
    keys: RowKeys


def curate(
    lake: Lake,
    dataset: Dataset,
    landed: Landed,
    days: Sequence[dt.date],
    columns: Sequence[str],
    people: People = NOBODY,
) -> Curated:
    """Writes the days' Parquet files from one landing, which is read once.

    Args:
        columns: the columns that may be used; all others stay in the lake's raw files.
        people: the denied people, and what happens to addresses of other domains.
    """
    with typed_rows(lake, dataset, landed.manifest, columns, people) as typed:
        connection, directory = typed.connection, typed.directory
        removed = {day: _count_removed(connection, day) for day in days}
        _reject_repeated(connection, dataset)
        locate_rows(connection, typed.sources, directory)
        drift = drift_of(connection, dataset, typed.requested, typed.keys)
        if people.is_anybody:
            for table in ("located", "unreadable"):
                connection.execute(f"UPDATE {table} SET raw = NULL WHERE raw IS NOT NULL AND is_withheld(raw)")
        row_bytes = _row_bytes(connection, dataset, landed.manifest)
        counts = {
            day: _write_day(connection, lake, dataset, landed.manifest, day, directory, row_bytes)
            + Counts(removed=removed[day])
            for day in days
        }
        return Curated(counts, drift)


@contextmanager
def typed_rows(
    lake: Lake, dataset: Dataset, manifest: Manifest, columns: Sequence[str], people: People = NOBODY
) -> Iterator[Typed]:
    """Reads a landing's rows into the table `typed`."""
    with duckdb_session() as (connection, directory):
        define_values(connection)
        define_text(connection)
        define_json_values(connection, people, frozenset(path.rpartition(".")[2] for path in dataset.enums))
        define_people(connection, people)
        requested = [name for name in manifest.columns if name in columns]
        with staged_parts(lake, manifest, directory) as staged:
            sources = read(connection, manifest, staged, directory)
            keys = fill(connection, dataset, manifest, requested, people, sources)
        yield Typed(connection, directory, sources, requested, keys)


def _row_bytes(connection: duckdb.DuckDBPyConnection, dataset: Dataset, manifest: Manifest) -> int:
    """Returns the mean size of some of a large landing's typed rows, the same at each run; 0 if it is not large."""
    if manifest.size <= SORTED_BYTES:
        return 0
    sizes = " + ".join(f'coalesce(strlen("{name}"::VARCHAR), 0)' for name in dataset.curated_schema)
    query = f"SELECT coalesce(avg({sizes}), 0)::BIGINT FROM complete WHERE row_id % {OF_SO_MANY_ROWS} = 0"
    return int(connection.execute(query).fetchall()[0][0])


def _count_removed(connection: duckdb.DuckDBPyConnection, day: dt.date) -> int:
    query = "SELECT count(*) FROM typed WHERE is_removed AND (day IS NULL OR day = ?)"
    return int(connection.execute(query, [day]).fetchall()[0][0])


def _reject_repeated(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> None:
    """Keeps the latest of the rows with one key; the others are rejected with a reason.

    A dataset that delivers changes may have one row of each key on each day.
    """
    if not dataset.curated_key:
        return
    within = [*dataset.curated_key, *(["day"] if dataset.current_name else [])]
    key = ", ".join(f'"{name}"' for name in within)
    fields = ", ".join(f'"{name}"' for name in dataset.curated_schema)
    latest = (
        '"last_modified_date_time" DESC NULLS LAST, ' if "last_modified_date_time" in dataset.curated_schema else ""
    )
    [(distinct, rows)] = connection.execute(
        f"SELECT count(DISTINCT hash({key})), count(*) FROM kept WHERE reason IS NULL AND NOT is_user_row"
    ).fetchall()
    if distinct == rows:
        return
    connection.execute(
        f"""
        CREATE TABLE repeated AS
        SELECT row_id FROM (
            SELECT row_id, row_number() OVER (PARTITION BY {key} ORDER BY {latest}hash({fields}), row_id) AS place
            FROM kept WHERE reason IS NULL AND NOT is_user_row
            QUALIFY place > 1
        )
        """
    )
    reason = f"'repeats the key {', '.join(dataset.curated_key)} of a row that was kept'"
    if connection.execute("SELECT count(*) FROM repeated").fetchall()[0][0] <= UPDATED_ROWS:
        connection.execute(f"UPDATE typed SET reason = {reason} WHERE rowid IN (SELECT row_id FROM repeated)")
        return
    connection.execute(
        f"""
        CREATE TABLE standing AS
        SELECT row_id, bool_or(is_repeated) AS is_repeated FROM (
            SELECT row_id, true AS is_repeated FROM repeated UNION ALL SELECT rowid, false FROM typed
        ) GROUP BY row_id ORDER BY row_id;
        CREATE OR REPLACE VIEW kept AS
        SELECT complete.* REPLACE (CASE WHEN is_repeated THEN {reason} ELSE reason END AS reason)
        FROM complete POSITIONAL JOIN standing WHERE NOT is_removed
        """
    )


def _write_day(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    dataset: Dataset,
    manifest: Manifest,
    day: dt.date,
    directory: Path,
    row_bytes: int,
) -> Counts:
    """Writes the day's three tables, the curated one last, each completely or not at all."""
    fields = ", ".join(f'"{name}"' for name in dataset.curated_schema)
    key = ", ".join(f'"{name}"' for name in dataset.curated_key) or fields
    order = f"ORDER BY {key}" if row_bytes < WIDE_BYTES else ""
    landed_bytes = manifest.size // max(manifest.rows, 1)
    owner = dataset.owner_field or "NULL::VARCHAR"
    of_day = f"(day IS NULL OR day = DATE '{day}')"
    of_landing = "true" if day == manifest.first_day else "false"
    queries = {
        QUARANTINE: (
            f"SELECT '{manifest.extraction_id}' AS extraction_id, file, line, reason, raw FROM ("
            "SELECT file, line, reason, raw FROM kept JOIN located USING (row_id) "
            f"WHERE reason IS NOT NULL AND {of_day} "
            f"UNION ALL SELECT file, line, reason, raw FROM unreadable WHERE {of_landing}) "
            "ORDER BY file, line, reason, raw"
        ),
        USER_ROWS: (
            f"SELECT extraction_id, {owner} AS puser, file, raw FROM kept JOIN located USING (row_id) "
            f"WHERE is_user_row AND {of_day} ORDER BY puser, raw"
        ),
        CURATED: f"SELECT {fields} FROM kept WHERE reason IS NULL AND NOT is_user_row AND {of_day} {order}",
    }
    counts = {
        stage: write_day(
            connection,
            lake,
            day_folder(stage, dataset.asset_name, manifest.customer, day),
            query,
            manifest.extraction_id,
            directory,
            row_bytes if stage == CURATED else landed_bytes,
        )
        for stage, query in queries.items()
    }
    return Counts(counts[CURATED], counts[USER_ROWS], counts[QUARANTINE])
