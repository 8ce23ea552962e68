"""Quarantine as a table: the rejected rows of some customers, for people who investigate them.

What belongs here: finding and reading quarantine's files. Rejecting rows belongs to `curation.py`, reading them again
belongs to `replay.py`. The rows are personal data: they are shown in a terminal, never in a log.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath

import duckdb

from o365_pipeline.curated.day_files import QUARANTINE, day_of, parquet, parts_below, table_folder
from o365_pipeline.customers.customer import Customer
from o365_pipeline.datasets import Dataset
from o365_pipeline.raw.duckdb_session import duckdb_session
from o365_pipeline.raw.lakes import Lakes


@dataclass(frozen=True)
class Selection:
    """A selection of rows in quarantine; a field that is None does not limit it."""

    dataset: Dataset | None = None
    first_day: dt.date | None = None
    last_day: dt.date | None = None
    reason: str | None = None
    """A part of the reason."""

    def includes(self, asset_name: str, day: dt.date) -> bool:
        return (
            (self.dataset is None or self.dataset.asset_name == asset_name)
            and (self.first_day is None or self.first_day <= day)
            and (self.last_day is None or day <= self.last_day)
        )


@dataclass(frozen=True)
class Rejected:
    """How many rows of a partition were rejected for one reason."""

    customer: str
    dataset: str
    day: dt.date
    reason: str
    rows: int


@contextmanager
def opened(lakes: Lakes, customers: Iterable[Customer], selection: Selection) -> Iterator[duckdb.DuckDBPyConnection]:
    """Opens a connection with the relation `quarantine` (customer, dataset, day, extraction_id, file, line, reason,
    raw).
    """
    with duckdb_session() as (connection, directory):
        connection.execute("CREATE TABLE held (local VARCHAR, customer VARCHAR, dataset VARCHAR, day DATE)")
        for customer in customers:
            lake = lakes.of(customer)
            paths = [
                path
                for folder in lake.folders(QUARANTINE)
                for path, _ in parts_below(lake, table_folder(QUARANTINE, folder, customer.name))
                if selection.includes(folder, day_of(path))
            ]
            for path, local in zip(paths, lake.stage(paths, directory) if paths else [], strict=True):
                row = (str(local), customer.name, PurePosixPath(path).parts[1], day_of(path))
                connection.execute("INSERT INTO held VALUES (?, ?, ?, ?)", row)
        files = [local for (local,) in connection.execute("SELECT local FROM held").fetchall()]
        _create_relation(connection, files)
        if selection.reason is not None:
            connection.execute("SET VARIABLE reason = ?", [selection.reason])
            connection.execute(
                "ALTER VIEW quarantine RENAME TO every_reason;"
                "CREATE VIEW quarantine AS SELECT * FROM every_reason WHERE contains(reason, getvariable('reason'))"
            )
        yield connection


def lock(connection: duckdb.DuckDBPyConnection) -> None:
    """Lets a connection reach the rejected rows alone, no file, no network, no setting, whatever it is asked."""
    connection.execute(
        "CREATE TABLE rows AS FROM quarantine; DROP VIEW quarantine; ALTER TABLE rows RENAME TO quarantine;"
        "SET enable_external_access = false; SET lock_configuration = true"
    )


def summary(connection: duckdb.DuckDBPyConnection) -> list[Rejected]:
    """Counts the rejected rows of each partition, by reason."""
    rows = connection.execute(
        "SELECT customer, dataset, day, reason, count(*) FROM quarantine GROUP BY ALL ORDER BY 1, 2, 3, 5 DESC, 4"
    )
    return [Rejected(*row) for row in rows.fetchall()]


def _create_relation(connection: duckdb.DuckDBPyConnection, files: list[str]) -> None:
    if not files:
        connection.execute(
            "CREATE VIEW quarantine AS SELECT NULL::VARCHAR AS customer, NULL::VARCHAR AS dataset, NULL::DATE AS day, "
            "NULL::VARCHAR AS extraction_id, NULL::VARCHAR AS file, NULL::BIGINT AS line, NULL::VARCHAR AS reason, "
            "NULL::VARCHAR AS raw WHERE false"
        )
        return
    connection.execute(
        "CREATE VIEW quarantine AS SELECT customer, dataset, day, extraction_id, file, line, reason, raw "
        f"FROM {parquet(files, 'filename = true')} AS rows JOIN held ON held.local = rows.filename"
    )
