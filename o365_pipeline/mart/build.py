"""Builds the mart's rows in DuckDB from one customer's day of curated datasets.

What belongs here: running the SQL of `sql/` in order, and returning its rows. The content of a table belongs
to that SQL and to `tables/`; writing the rows to the database belongs to `loading.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from graphlib import TopologicalSorter
from typing import Any

import duckdb
import sqlalchemy as sa

from o365_pipeline.curated.time_zones import define_time_zones
from o365_pipeline.database.database import metadata
from o365_pipeline.errors import DatabaseError
from o365_pipeline.mart.references import PARTITION, own_key, references
from o365_pipeline.mart.sql_files import MACROS, relations_in, sql_files, text_of
from o365_pipeline.mart.tables import MART_TABLES

Partition = tuple[str, dt.date]
"""A customer and a day."""

Row = tuple[Any, ...]
"""A row's values as Python has them: None, texts, numbers, truth values, dates, times in UTC without offset."""

Expressions = Mapping[sa.Column[Any], str]
"""DuckDB's expressions for the values of a table's columns, in their order."""

Selected = Callable[[Expressions], str]
"""Writes what is selected of a table, so that its rows come as somebody wants them."""

TABLE_NAMES = frozenset(table.name for table in MART_TABLES)

CHUNK_ROWS = 20_000
"""How many rows are Python's at a time."""

CURATED_DAY = "CREATE TABLE curated_day (asset_name VARCHAR, day DATE)"
"""Lists which datasets are curated for which days, even with no rows: an empty calendar is not an unknown one."""


@cache
def relations(tables: frozenset[str] = TABLE_NAMES, is_small: bool = False) -> Mapping[str, str]:
    """Returns the files of `sql/` that these tables need, in the order of their dependencies, as TABLE or VIEW.

    A file that others read becomes a table, which is computed once: half the time and two thirds of the memory of
    views. The copies of all mailboxes are views, since they are as large as what they read, unless that is small.
    """
    whole, needed = _dependencies(TABLE_NAMES), _dependencies(tables)
    read = frozenset().union(*whole.values())
    return {
        name: "TABLE" if name in read and (is_small or not name.endswith("_copy")) else "VIEW"
        for name in TopologicalSorter({name: sorted(needed[name]) for name in sorted(needed)}).static_order()
    }


def _dependencies(tables: Collection[str]) -> Mapping[str, frozenset[str]]:
    """Returns, for these tables and all that they need, the files that each reads."""
    graph: dict[str, frozenset[str]] = {}
    open_names = list(tables)
    while open_names:
        name = open_names.pop()
        if name not in graph:
            graph[name] = relations_in(name) & sql_files()
            open_names += graph[name]
    return graph


def prepare(
    connection: duckdb.DuckDBPyConnection,
    customer: str,
    day: dt.date,
    everyone_names: Collection[str] = (),
    tables: Collection[str] = TABLE_NAMES,
    is_small: bool = False,
) -> None:
    """Build mart tables as temporary relations over the curated ones.

    Args:
        connection: holds one relation per dataset of the catalogue, named by its asset_name, for this customer and
            day;
        one per lookback, for the days before; for datasets that deliver changes also the current state on the day,
        named by their current_name; and `curated_day`.
        customer: the customer of the partition.
        day: the day of the partition.
        everyone_names: what the customer calls the claim of all its members, beside what its rows call it.
        tables: the mart tables that are asked for; what they are made of is built too.
        is_small: whether what the connection holds is no more than can be kept twice.
    """
    define_time_zones(connection)
    connection.execute(text_of(MACROS))
    connection.execute(f"CREATE OR REPLACE TEMP MACRO partition_customer() AS {literal(customer)}")
    connection.execute(f"CREATE OR REPLACE TEMP MACRO partition_day() AS DATE {literal(day.isoformat())}")
    connection.execute("SET VARIABLE everyone_names = ?::VARCHAR[]", [list(everyone_names)])
    for name, kind in relations(frozenset(tables), is_small).items():
        with _telling_no_values(name):
            connection.execute(f"CREATE OR REPLACE TEMP {kind} {name} AS {text_of(name)}")


def partition_of(connection: duckdb.DuckDBPyConnection) -> Partition:
    """Returns the customer and the day whose tables are prepared."""
    [(customer, day)] = connection.execute("SELECT partition_customer(), partition_day()").fetchall()
    return customer, day


def as_python_has_them(expressions: Expressions) -> str:
    """Selects a table's columns, by name."""
    return ", ".join(f"{expression} AS {column.name}" for column, expression in expressions.items())


def rows_of(
    connection: duckdb.DuckDBPyConnection, table_name: str, selected: Selected = as_python_has_them
) -> Iterator[list[Row]]:
    """Returns the rows of a mart table in its primary key's order, some at a time, with its columns in their order.

    The connection serves one such iterator at a time: exhaust it before the connection runs anything else.

    Args:
        connection: holds the prepared tables.
        table_name: the mart table.
        selected: says how a row is written, of the expressions for its columns.
    """
    table = metadata.tables[table_name]
    columns = selected({column: _typed(column) for column in table.columns})
    key = ", ".join(own_key(table)) or "ALL"
    with _telling_no_values(table_name):
        connection.execute(f"SELECT {columns} FROM {table_name} ORDER BY {key}")
        while some := connection.fetchmany(CHUNK_ROWS):
            yield some


@contextmanager
def _telling_no_values(name: str) -> Iterator[None]:
    """Let an error name the relation instead of the value that could not be converted."""
    try:
        yield
    except duckdb.DataError as error:
        raise DatabaseError(
            f"{name}: its rows cannot be made ({type(error).__name__}): a value of a curated row fits no column"
        ) from None


def _typed(column: sa.Column[object]) -> str:
    """The expression for a column, of the type and within the bounds that the table declares."""
    if column.name in PARTITION:
        return f"partition_{column.name}()"
    if isinstance(column.type, sa.String):
        # What is a key, here or where it leads, must tell apart what a cut would not.
        is_key = column.primary_key or any(reference.column is column for reference in references(column.table))
        return f"{'key_of' if is_key else 'cut'}({column.name}, {column.type.length})"
    if isinstance(column.type, sa.Integer):
        within = "within_bigint" if isinstance(column.type, sa.BigInteger) else "within_integer"
        return f"{within}({column.name})"
    if isinstance(column.type, sa.Float):
        return f"CASE WHEN isfinite({column.name}) THEN {column.name}::DOUBLE END"
    if isinstance(column.type, sa.Date | sa.DateTime):
        return f"within_years({column.name}::{column.type.compile()})"
    return f"{column.name}::{column.type.compile()}"


def literal(text: str) -> str:
    """Returns a text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"
