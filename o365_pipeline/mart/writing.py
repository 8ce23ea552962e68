"""How each kind of database takes many rows fastest: by COPY, by typed arrays, by executemany.

What belongs here: a writer for each driver. It says what DuckDB makes of a value, so that Python makes nothing of it,
and writes in the caller's transaction. What a value is belongs to `build.py`; replacing a partition belongs to
`loading.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from o365_pipeline.database import postgresql, sql_server
from o365_pipeline.mart.build import Expressions, Partition, Row, Selected, as_python_has_them, literal
from o365_pipeline.mart.references import PARTITION

Chunks = Iterable[list[Row]]
"""Rows as the writer selects them, some at a time."""


@dataclass(frozen=True)
class Writer:
    """How a database takes rows: what is selected of a table, and what is done with it."""

    selected: Selected
    write: Callable[[sa.Connection, sa.Table, Partition, Chunks], None]


def writer_for(dialect: sa.Dialect) -> Writer:
    """Returns the writer for a driver; a driver that has none of its own is written to by SQLAlchemy."""
    return WRITERS.get(f"{dialect.name}+{dialect.driver}", ANY_DATABASE)


def _as_sqlite_has_them(expressions: Expressions) -> str:
    """Selects dates and times as the texts that SQLAlchemy reads again."""

    def written(column: sa.Column[Any], expression: str) -> str:
        if isinstance(column.type, sa.DateTime):
            return f"{expression}::DATE::VARCHAR || strftime({expression}, ' %H:%M:%S.%f')"
        return f"{expression}::VARCHAR" if isinstance(column.type, sa.Date) else expression

    return as_python_has_them({column: written(column, expressions[column]) for column in _own(expressions)})


def _as_pyodbc_takes_them(expressions: Expressions) -> str:
    """Selects flags as numbers: with truth values and nulls in a column, pyodbc would begin a batch at each change."""

    def written(column: sa.Column[Any], expression: str) -> str:
        return f"{expression}::TINYINT" if isinstance(column.type, sa.Boolean) else expression

    return as_python_has_them({column: written(column, expressions[column]) for column in _own(expressions)})


def _own(columns: Iterable[sa.Column[Any]]) -> list[sa.Column[Any]]:
    """Returns the columns that differ within a partition."""
    return [column for column in columns if column.name not in PARTITION]


def _as_csv(expressions: Expressions) -> str:
    """Selects a row as one line of CSV: texts in quotes, others without, and nothing at all for null."""
    values = [
        f"""'"' || replace({expression}, '"', '""') || '"'"""
        if isinstance(column.type, sa.String)
        else f"({expression})::VARCHAR"
        for column, expression in expressions.items()
    ]
    line = ", ',', ".join(values)
    return f"concat({line}, chr(10))"


def _copy(connection: sa.Connection, table: sa.Table, _partition: Partition, chunks: Chunks) -> None:
    postgresql.copy(connection, table, ("".join([line for (line,) in lines]) for lines in chunks))


def _execute_many(connection: sa.Connection, table: sa.Table, partition: Partition, chunks: Chunks) -> None:
    """Passes tuples: of each row SQLAlchemy would make a dictionary, which takes longer than the database."""
    columns = _own(table.columns)
    statement = ""
    for rows in chunks:
        # Many tables of a small day have no rows.
        statement = statement or _insert_statement(connection.dialect, table, partition)
        connection.exec_driver_sql(statement, rows, execution_options={sql_server.COLUMNS: columns})


def _insert_statement(dialect: sa.Dialect, table: sa.Table, partition: Partition) -> str:
    """Returns the statement that inserts a row's own values; what all rows have alike stands in it."""
    alike: dict[str, Any] = {
        name: sa.literal_column(literal(str(value))) for name, value in zip(PARTITION, partition, strict=True)
    }
    # Otherwise SQLAlchemy would ask the database to return the key of each row.
    insert = sa.insert(table).values(alike).inline()
    return str(insert.compile(dialect=dialect, column_keys=[column.name for column in _own(table.columns)]))


def _insert(connection: sa.Connection, table: sa.Table, _partition: Partition, chunks: Chunks) -> None:
    names = table.columns.keys()
    for rows in chunks:
        connection.execute(sa.insert(table), [dict(zip(names, row, strict=True)) for row in rows])


ANY_DATABASE = Writer(as_python_has_them, _insert)

WRITERS = {
    "sqlite+pysqlite": Writer(_as_sqlite_has_them, _execute_many),
    "mssql+pyodbc": Writer(_as_pyodbc_takes_them, _execute_many),
    "postgresql+psycopg2": Writer(_as_csv, _copy),
}
