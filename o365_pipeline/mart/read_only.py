"""Reading the mart's database by connections that change nothing, whatever they are asked.

What belongs here: keeping a connection from writing, on each kind of database, and asking a question that somebody else
wrote. What may be read is for the rights of the user of the database to say.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

import sqlalchemy as sa

from o365_pipeline.database.database import Database
from o365_pipeline.errors import UsageError

READS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
"""What SQLite is asked for by a statement that only reads: https://www.sqlite.org/c3ref/c_alter_table.html."""


def rows_of(database: Database, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Returns the names of the columns and the rows.

    Raises:
        UsageError: the statement fails, gives no rows, or would change something; the message holds no value.
    """
    with reading(database) as connection:
        connection.execution_options(no_parameters=True)
        try:
            found = connection.exec_driver_sql(sql.strip().rstrip(";"))
            if not found.returns_rows:
                raise UsageError("the query gives no rows: a SELECT is wanted")
            return [*found.keys()], [tuple(map(_shown, row)) for row in found]
        except (sa.exc.SQLAlchemyError, sqlite3.Warning) as error:
            lines = str(getattr(error, "orig", None) or error).strip().splitlines()
            raise UsageError(f"the query failed: {lines[0] if lines else type(error).__name__}") from None
        finally:
            # What the statement did to its session goes with it.
            connection.invalidate()


@contextmanager
def reading(database: Database) -> Iterator[sa.Connection]:
    """Opens a connection that reads alone; SQL Server knows no such thing, so that there all is rolled back."""
    with replace(database, prepare=_for_readers(database.prepare)).engine.connect() as connection:
        try:
            yield connection
        finally:
            connection.rollback()


@cache
def _for_readers(prepare: Callable[[sa.Engine], None] | None) -> Callable[[sa.Engine], None]:
    """Prepares an engine of its own for readers: whatever it connects to later reads alone."""

    def prepared(engine: sa.Engine) -> None:
        if prepare:
            prepare(engine)
            engine.dispose()
        sa.event.listen(engine, "connect", _forbid_changes)

    return prepared


def _forbid_changes(connection: Any, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in READS else sqlite3.SQLITE_DENY)
    elif type(connection).__module__.startswith("psycopg"):
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
        connection.commit()


def _shown(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value
