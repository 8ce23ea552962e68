"""Loads the mart in any database that SQLAlchemy supports: a customer's day in every table, in one transaction.

What belongs here: replacing the rows of a partition. Building them belongs to `build.py`; how a database takes them
belongs to `writing.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import duckdb
import sqlalchemy as sa

from o365_pipeline.curated.day_files import CURATED, day_folder, extraction_of, parts_of, rows_in
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import extraction, id_batches, landing, naive_utc
from o365_pipeline.database.transient import transient_code
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.errors import DatabaseError
from o365_pipeline.extraction.windows import Window
from o365_pipeline.mart.build import CURATED_DAY, Row, partition_of, prepare, rows_of
from o365_pipeline.mart.current_state_views import define_current
from o365_pipeline.mart.ledger_copies import copies_of, write
from o365_pipeline.mart.lookback import depending, lookbacks_at
from o365_pipeline.mart.marts import Marts
from o365_pipeline.mart.row_limits import misfits
from o365_pipeline.mart.sql_files import is_fed
from o365_pipeline.mart.tables import MART_TABLES, dim_customer
from o365_pipeline.mart.writing import writer_for
from o365_pipeline.raw.duckdb_session import duckdb_session
from o365_pipeline.raw.lake import Lake

FIRST_ROWS = 5

MOST_TOLD = 3

SMALL_BYTES = 10_000_000
"""A day whose files are no larger is read once, into tables: each view of a file would open it again, and a statement
over views of views is planned longer than it runs.
"""


@dataclass(frozen=True)
class DayLoaded:
    """The result of loading a customer's day: rows per table that is fed, and the extractions of the rows."""

    rows: Mapping[sa.Table, int]
    extractions: frozenset[str]
    first_rows: Mapping[sa.Table, list[Row]]
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
        staged: dict[str, tuple[Dataset, list[Path]]] = {}
        for dataset in catalogue().newest:
            days = [day] if dataset.asset_name in usable else []
            files = _stage(connection, lake, dataset, customer, days, directory)
            extractions |= {str(extraction_of(connection, file)) for file in files}
            staged[dataset.asset_name] = dataset, files
            for lookback in lookbacks_at(dataset.asset_name):
                earlier = [before for today in days for before in lookback.before(today)]
                staged[lookback.relation] = dataset, _stage(connection, lake, dataset, customer, earlier, directory)
        is_small = sum(file.stat().st_size for _, files in staged.values() for file in files) <= SMALL_BYTES
        for relation, (dataset, files) in staged.items():
            kind = "TABLE" if is_small else "VIEW"
            connection.execute(f'CREATE {kind} "{relation}" AS {rows_in(dataset, files)}')
        of_days_before = define_current(connection, marts.ledger, lake, customer, day, datasets, directory)
        usable |= {dataset.current_name for dataset in datasets if dataset.current_name}
        made = {table.name for table in MART_TABLES if is_fed(table.name, frozenset(usable))}
        prepare(connection, customer, day, everyone_names, made, is_small)
        copies = copies_of(marts.ledger, extractions | of_days_before) if marts.has_own_mart(customer) else {}

        def load(transaction: sa.Connection) -> tuple[dict[sa.Table, int], dict[sa.Table, list[Row]]]:
            write(transaction, copies)
            rows = {}
            for table in MART_TABLES:
                if table.name in made:
                    rows[table] = load_partition(transaction, table, connection)
                else:
                    delete_partition(transaction, table, customer, day)
            return rows, {
                table: _first_rows(transaction, table, customer, day) if rows.get(table) else []
                for table in MART_TABLES
            }

        rows, first_rows = marts[customer].run(load)
    return DayLoaded(rows, frozenset(extractions), first_rows)


def _first_rows(connection: sa.Connection, table: sa.Table, customer: str, day: dt.date) -> list[Row]:
    of_partition = sa.select(table).where(table.c.customer == customer, table.c.day == day)
    rows = connection.execute(of_partition.order_by(*table.primary_key).limit(FIRST_ROWS)).all()
    return [tuple(row) for row in rows]


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
    has_landed = sa.exists().where(
        landing.c.extraction_id == extraction.c.extraction_id, landing.c.factory_run_id == extraction.c.factory_run_id
    )
    now = naive_utc(dt.datetime.now(dt.UTC))

    def note(connection: sa.Connection) -> None:
        whole = [
            row.extraction_id
            for row in connection.execute(held)
            if all(row.extraction_id in loaded.get(day, ()) for day in Window(row.first_day, row.last_day).days)
        ]
        for ids in id_batches(whole):
            connection.execute(
                extraction.update().where(extraction.c.extraction_id.in_(ids), has_landed).values(loaded_at=now)
            )

    database.run(note)


def loaded_days(mart: Database, customer: str) -> set[dt.date]:
    """Returns the days of which the customer has rows in the mart: each has its row in dim_customer.

    Other tables can have millions of rows for a day, which would all be read.
    """
    with mart.begin() as connection:
        return set(connection.scalars(sa.select(dim_customer.c.day).where(dim_customer.c.customer == customer)))


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


def load_partition(connection: sa.Connection, table: sa.Table, prepared: duckdb.DuckDBPyConnection) -> int:
    """Replaces the partition's rows with those that DuckDB has prepared, in the caller's transaction.

    Returns how many there are. Many rows go with one statement, so SQL Server's limit of 2,100 parameters is never
    reached.

    Raises:
        DatabaseError: the database refuses a row; the message says which and why, and nothing that it holds.
    """
    customer, day = partition = partition_of(prepared)
    delete_partition(connection, table, customer, day)
    writer, counts = writer_for(connection.dialect), [0]

    def counted() -> Iterator[list[Row]]:
        for rows in rows_of(prepared, table.name, writer.selected):
            counts.append(len(rows))
            yield rows

    try:
        writer.write(connection, table, partition, counted())
    except (sa.exc.StatementError, ArithmeticError, TypeError, ValueError) as error:
        # A full disk or a lost server is no row's fault.
        if isinstance(error, sa.exc.OperationalError) or (
            isinstance(error, sa.exc.DBAPIError) and transient_code(error)
        ):
            raise
        sent = islice((row for rows in rows_of(prepared, table.name) for row in rows), sum(counts))
        found = [
            f"row {place}, {column}: {reason}" for place, column, reason in islice(misfits(table, sent), MOST_TOLD)
        ]
        told = "; ".join(found) or f"one of the first {sum(counts)} rows, for another reason"
        kind = type(getattr(error, "orig", None) or error).__name__
        raise DatabaseError(
            f"{table.name} of {customer}, {day}: the database refuses rows ({kind}), in the order of the key {told}; "
            "nothing of the day was changed"
        ) from (None if found else error)
    return sum(counts)


def delete_partition(connection: sa.Connection, table: sa.Table, customer: str, day: dt.date) -> None:
    """Deletes the partition's rows in the caller's transaction."""
    connection.execute(sa.delete(table).where(table.c.customer == customer, table.c.day == day))
