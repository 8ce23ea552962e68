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

REACHES_THE_MACHINE = """
SELECT bool_or(pg_has_role(session_user, oid, 'MEMBER')) FROM pg_roles
WHERE rolname IN ('pg_read_server_files', 'pg_write_server_files', 'pg_execute_server_program')
"""
"""Whether somebody reaches the machine of PostgreSQL's server; a superuser is a member of every role."""

OPEN_CURSOR = """
DO $$ DECLARE asked refcursor := 'asked'; BEGIN OPEN asked FOR EXECUTE current_setting('o365.asked'); END $$
"""


def rows_of(database: Database, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Returns the names of the columns and the rows.

    Raises:
        UsageError: the statement fails, gives no rows, or would change something; the message holds no value.
    """
    with reading(database) as connection:
        try:
            found = _asked(connection, sql.strip().rstrip(";"))
            if not found.returns_rows:
                raise UsageError("the query gives no rows: a SELECT is wanted")
            return [*found.keys()], [tuple(map(_shown, row)) for row in found]
        except (sa.exc.SQLAlchemyError, sqlite3.Warning, ValueError) as error:
            lines = str(getattr(error, "orig", None) or error).strip().splitlines()
            raise UsageError(f"the query failed: {lines[0] if lines else type(error).__name__}") from None
        finally:
            # What the statement did to its session goes with it.
            connection.invalidate()


def _asked(connection: sa.Connection, sql: str) -> sa.CursorResult[Any]:
    """Asks a question as one statement.

    PostgreSQL's driver would send several, of which one may end the transaction that reads alone; a cursor is of one
    statement that gives rows, whatever the text holds.
    """
    if connection.dialect.name != "postgresql":
        return connection.execution_options(no_parameters=True).exec_driver_sql(sql)
    if connection.scalar(sa.text(REACHES_THE_MACHINE)):
        raise UsageError(
            "the database's user may read files and run programs of its server in SQL, as a superuser may: let "
            "O365_MART_URL name one who may not"
        )
    connection.execute(sa.text("SELECT set_config('o365.asked', :sql, true)"), {"sql": sql})
    connection.exec_driver_sql(OPEN_CURSOR)
    return connection.exec_driver_sql("FETCH ALL FROM asked")


@contextmanager
def reading(database: Database) -> Iterator[sa.Connection]:
    """Opens a connection that reads alone; SQL Server knows no such thing, so that there all is rolled back that the
    statements do not commit themselves.
    """
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
    return bytes(value).hex() if isinstance(value, (bytes, memoryview)) else value
