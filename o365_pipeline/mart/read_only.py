"""Questions to the mart's database that somebody else wrote, which may read and change nothing.

What belongs here: keeping such a question from writing, on each kind of database. What it may read is for the rights
of the user of the database to say.
"""

from __future__ import annotations

import sqlite3
from typing import Any

import sqlalchemy as sa

from o365_pipeline.database.database import Database
from o365_pipeline.errors import UsageError

READS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
"""What SQLite is asked for by a statement that only reads: https://www.sqlite.org/c3ref/c_alter_table.html."""

HEXADECIMAL_DIGITS = 64


def rows_of(database: Database, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Returns the names of the columns and the rows.

    Raises:
        UsageError: the statement fails, gives no rows, or would change something; the message holds no value.
    """
    with database.engine.connect().execution_options(no_parameters=True) as connection:
        try:
            _forbid_changes(connection)
            found = connection.exec_driver_sql(sql.strip().rstrip(";"))
            if not found.returns_rows:
                raise UsageError("the query gives no rows: a SELECT is wanted")
            return [*found.keys()], [tuple(map(_shown, row)) for row in found]
        except (sa.exc.SQLAlchemyError, sqlite3.Warning) as error:
            lines = str(getattr(error, "orig", None) or error).strip().splitlines()
            raise UsageError(f"the query failed: {lines[0] if lines else type(error).__name__}") from None
        finally:
            connection.rollback()
            # What forbids changes belongs to this question alone.
            connection.invalidate()


def _forbid_changes(connection: sa.Connection) -> None:
    """Lets the connection read alone; SQL Server knows no such thing, so that there all is rolled back."""
    if connection.dialect.name == "sqlite":
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        raw.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in READS else sqlite3.SQLITE_DENY)
    elif connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
        connection.commit()


def _shown(value: object) -> object:
    return value.hex()[:HEXADECIMAL_DIGITS] if isinstance(value, bytes) else value
