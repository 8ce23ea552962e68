"""Loads the mart in any database that SQLAlchemy supports: a customer's day in every table, in one transaction.

What belongs here: replacing the rows of a partition, and converting values for the database. Building the rows belongs
to `build.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from o365_pipeline.curated.day_files import CURATED, day_folder, extraction_of, parts_of, rows_in
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import extraction, id_batches, landing, naive_utc
from o365_pipeline.database.transient import transient_code
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.errors import DatabaseError
from o365_pipeline.extraction.windows import Window
from o365_pipeline.mart.build import CURATED_DAY, Row, prepare, rows_of
from o365_pipeline.mart.current_state_views import define_current
from o365_pipeline.mart.ledger_copies import copies_of, write
from o365_pipeline.mart.lookback import depending, lookbacks_at
from o365_pipeline.mart.marts import Marts
from o365_pipeline.mart.row_limits import misfits
from o365_pipeline.mart.sql_files import is_fed
from o365_pipeline.mart.tables import MART_TABLES
from o365_pipeline.raw.duckdb_session import duckdb_session
from o365_pipeline.raw.lake import Lake

FIRST_ROWS = 5

MOST_TOLD = 3

SQLITE = sqlite.dialect()


@dataclass(frozen=True)
class DayLoaded:
    """The result of loading a customer's day: rows per table that is fed, and the extractions of the rows."""

    rows: Mapping[sa.Table, int]
    extractions: frozenset[str]
    first_rows: Mapping[sa.Table, pd.DataFrame]
    """The first few of them, in the order of the table's key."""


def load_day(
    marts: Marts,
    lake: Lake,
    customer: str,
    day: dt.date,
    datasets: Collection[Dataset],
    everyone_names: Collection[str] = (),
) -> DayLoaded:
    """Replace the customer's day in every table of its mart by what is curated for it.

    A dataset without curated rows for the day counts as empty. Readers see the old day or the new one, never half of
    it. A mart in a database of its own gets, in the same transaction, copies of the ledger rows that explain the day's
    rows.

    Args:
        datasets: those that may be used; the others count as empty, whatever is curated of them.
        everyone_names: what the customer calls the claim of all its members.
    """
    extractions: set[str] = set()
    with duckdb_session() as (connection, directory):
        connection.execute(CURATED_DAY)
        usable = {dataset.asset_name for dataset in datasets}
        for dataset in catalogue().newest:
            days = [day] if dataset.asset_name in usable else []
            files = _stage(connection, lake, dataset, customer, days, directory)
            extractions |= {str(extraction_of(connection, file)) for file in files}
            connection.execute(f'CREATE VIEW "{dataset.asset_name}" AS {rows_in(dataset, files)}')
            for lookback in lookbacks_at(dataset.asset_name):
                earlier = [before for today in days for before in lookback.before(today)]
                files = _stage(connection, lake, dataset, customer, earlier, directory)
                connection.execute(f'CREATE VIEW "{lookback.relation}" AS {rows_in(dataset, files)}')
        of_days_before = define_current(connection, marts.ledger, lake, customer, day, datasets, directory)
        usable |= {dataset.current_name for dataset in datasets if dataset.current_name}
        made = {table.name for table in MART_TABLES if is_fed(table.name, frozenset(usable))}
        prepare(connection, customer, day, everyone_names, made)
        copies = copies_of(marts.ledger, extractions | of_days_before) if marts.has_own_mart(customer) else {}
        first_rows: dict[sa.Table, pd.DataFrame] = {}

        def kept(table: sa.Table) -> Iterator[list[Row]]:
            first_rows[table] = pd.DataFrame()
            for chunk in rows_of(connection, table.name) if table.name in made else ():
                if first_rows[table].empty:
                    first_rows[table] = pd.DataFrame(chunk[:FIRST_ROWS], columns=table.columns.keys(), dtype=object)
                yield chunk

        def load(transaction: sa.Connection) -> dict[sa.Table, int]:
            write(transaction, copies)
            rows = {table: load_partition(transaction, table, customer, day, kept(table)) for table in MART_TABLES}
            return {table: count for table, count in rows.items() if table.name in made}

        rows = marts[customer].run(load)
    return DayLoaded(rows, frozenset(extractions), first_rows)


def _stage(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    dataset: Dataset,
    customer: str,
    days: Collection[dt.date],
    directory: Path,
) -> list[Path]:
    """Returns local copies of the existing curated files of the days, and records which days have one."""
    paths = {day: parts_of(lake, day_folder(CURATED, dataset.asset_name, customer, day)) for day in days}
    for day in filter(paths.get, paths):
        connection.execute("INSERT INTO curated_day VALUES (?, ?)", [dataset.asset_name, day])
    return lake.stage([path for found in paths.values() for path in found], directory)


def mark_loaded(database: Database, customer: str, loaded: Mapping[dt.date, Collection[str]]) -> None:
    """Records extractions whose days are all in the mart; `loaded` says which extractions are in which day."""
    held = sa.select(extraction.c.extraction_id, extraction.c.first_day, extraction.c.last_day).where(
        extraction.c.customer == customer,
        extraction.c.first_day >= min(loaded),
        extraction.c.last_day <= max(loaded),
    )
    now = naive_utc(dt.datetime.now(dt.UTC))

    def note(connection: sa.Connection) -> None:
        whole = [
            row.extraction_id
            for row in connection.execute(held)
            if all(row.extraction_id in loaded.get(day, ()) for day in Window(row.first_day, row.last_day).days)
        ]
        for ids in id_batches(whole):
            connection.execute(landing.update().where(landing.c.extraction_id.in_(ids)).values(loaded_at=now))

    database.run(note)


def loaded_days(mart: Database, customer: str) -> set[dt.date]:
    """Returns the days of which the customer has rows in the mart."""
    with mart.begin() as connection:
        return {
            day
            for table in MART_TABLES
            for day in connection.scalars(sa.select(table.c.day).where(table.c.customer == customer).distinct())
        }


def stale_days(mart: Database, lake: Lake, customer: str, days: Collection[dt.date]) -> list[dt.date]:
    """Returns the customer's other days in the mart whose rows depend on the days that are loaded again.

    Rows depend on some days before; the current state on a day depends on every day before it that has changes.
    """
    others = loaded_days(mart, customer) - set(days)
    change_datasets = [dataset for dataset in catalogue().newest if dataset.current_name]
    changed_days = [
        day
        for day in days
        if any(later > day for later in others)
        and any(parts_of(lake, day_folder(CURATED, dataset.asset_name, customer, day)) for dataset in change_datasets)
    ]
    after = {day for day in others if changed_days and day > min(changed_days)}
    return sorted(after | (depending(days) & others))


def load_partition(
    connection: sa.Connection, table: sa.Table, customer: str, day: dt.date, chunks: Iterator[list[Row]]
) -> int:
    """Replaces the partition's rows with those of the chunks, in the caller's transaction; returns how many.

    One statement is executed for many rows (executemany), so SQL Server's limit of 2,100 parameters is never reached.
    Rows have the table's columns in their order.

    Raises:
        DatabaseError: the database refuses a row; the message says which and why, and nothing that it holds.
        ValueError: a row belongs to another partition.
    """
    connection.execute(sa.delete(table).where(table.c.customer == customer, table.c.day == day))
    rows = 0
    of_partition = itemgetter(*(list(table.columns.keys()).index(name) for name in ("customer", "day")))
    for chunk in chunks:
        if set(map(of_partition, chunk)) - {(customer, day)}:
            raise ValueError(f"{table.name}: a row of another partition in the load of {customer}, {day}")
        _insert(connection, table, f"{customer}, {day}", chunk, rows)
        rows += len(chunk)
    return rows


def _insert(connection: sa.Connection, table: sa.Table, partition: str, rows: list[Row], before: int) -> None:
    try:
        if connection.dialect.name == "sqlite":
            # SQLAlchemy would make a dictionary of each row, and a list of that, which takes longer than SQLite.
            connection.exec_driver_sql(str(sa.insert(table).compile(connection)), _as_sqlite_has_them(table, rows))
        else:
            connection.execute(sa.insert(table), _records(table, rows))
    except (sa.exc.StatementError, ArithmeticError, TypeError, ValueError) as error:
        if isinstance(error, sa.exc.DBAPIError) and transient_code(error):
            raise
        found = [
            f"row {before + place}, {column}: {reason}"
            for place, column, reason in misfits(table, _records(table, rows))
        ]
        told = "; ".join(found[:MOST_TOLD]) or f"a row from {before + 1} to {before + len(rows)}, for another reason"
        kind = type(getattr(error, "orig", None) or error).__name__
        raise DatabaseError(
            f"{table.name} of {partition}: the database refuses rows ({kind}), in the order of the key {told}; nothing "
            "of the day was changed"
        ) from (None if found else error)


def _records(table: sa.Table, rows: list[Row]) -> list[dict[str, object]]:
    names = table.columns.keys()
    return [dict(zip(names, row, strict=True)) for row in rows]


def _as_sqlite_has_them(table: sa.Table, rows: list[Row]) -> list[Row]:
    """Returns the rows with dates and times as the texts that SQLAlchemy reads again."""
    columns: list[Iterable[Any]] = list(zip(*rows, strict=True))
    for place, column in enumerate(table.columns):
        if isinstance(column.type, sa.Date | sa.DateTime):
            written = column.type.dialect_impl(SQLITE).bind_processor(SQLITE)
            assert written
            columns[place] = map(cache(written), columns[place])
    return list(zip(*columns, strict=True))
