"""The SQL database that holds the mart and, beside it, the ledger: its connections and its transactions.

What belongs here: the engine, and the one MetaData of all tables. The ledger's tables belong to `database/ledger.py`,
those of the mart belong to `mart/tables/`; creating and upgrading the schema belongs to `mart/upgrade.py`.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from azure.core.credentials import TokenCredential
from sqlalchemy.dialects import mssql

from o365_pipeline.database import kept_open, postgresql, sql_server
from o365_pipeline.database.compiled_statements import share_compiled_statements
from o365_pipeline.database.hidden_values import hide_values
from o365_pipeline.database.transient import retry_transient
from o365_pipeline.errors import DatabaseError

Result = TypeVar("Result")

SQLITE_WAIT_SECONDS = 60

metadata = sa.MetaData(naming_convention={"pk": "pk_%(table_name)s", "ix": "ix_%(table_name)s_%(column_0_N_name)s"})


def timestamp() -> sa.types.TypeEngine[dt.datetime]:
    """A time in UTC without offset; in SQL Server a DATETIME2, since its DATETIME rounds to 3 ms."""
    return sa.DateTime().with_variant(mssql.DATETIME2(6), "mssql")


def exact_unicode(length: int) -> sa.types.TypeEngine[str]:
    """Text that is compared byte by byte, as in DuckDB; otherwise SQL Server would treat "ID" and "id" as one key."""
    return sa.Unicode(length).with_variant(mssql.NVARCHAR(length, collation="Latin1_General_100_BIN2"), "mssql")


@dataclass(frozen=True)
class Database:
    """The mart's database, at any SQLAlchemy URL. It is not a configurable resource, since Dagster would show the
    password.
    """

    url: sa.URL = field(repr=False)
    credential: TokenCredential | None = field(default=None, repr=False, compare=False)
    """Signs in to Azure SQL if the URL has neither user nor password."""
    prepare: Callable[[sa.Engine], None] | None = field(default=None, repr=False, compare=False)
    """Is called before the first use in a process, to upgrade the schema. None: the schema is used as it is."""

    @property
    def name(self) -> str:
        """The name in messages: the URL without its password, and without its options, which may contain one too."""
        return self.url.set(query={}).render_as_string()

    @property
    def engine(self) -> sa.Engine:
        """The prepared engine; a process has one for each URL and credential.

        Raises:
            DatabaseError: it cannot be opened; the message does not repeat the password.
            DatabaseUnavailableError: it could not be opened because of a transient error.
        """
        try:
            # Credentials are told apart by what they are, not by what they hold: each has engines of its own.
            return retry_transient(
                lambda: _engine(self.url, self.credential, self.prepare),  # type: ignore[arg-type]
                f"the mart {self.name}",
            )
        except (sa.exc.SQLAlchemyError, ImportError, OSError) as error:
            cause = getattr(error, "orig", None) or error
            raise DatabaseError(
                f"the mart {self.name} cannot be opened ({type(cause).__name__}): "
                "check O365_MART_URL, the driver and the rights"
            ) from error

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """Opens one transaction: everything in it happens, or nothing."""
        with self.engine.begin() as connection:
            yield connection

    def run(self, work: Callable[[sa.Connection], Result]) -> Result:
        """Runs work in one transaction; after a transient error, such as a deadlock, all of it is repeated.

        It is also repeated once if another process has inserted the same key meanwhile. The work must start from the
        beginning each time it is called, and may be done twice: if the connection is lost at the commit, nobody knows
        whether it was done.

        Raises:
            DatabaseUnavailableError: every attempt ended with a transient error; nothing of the work is done.
        """
        engine = self.engine

        def once() -> Result:
            with engine.begin() as connection:
                return work(connection)

        def twice_at_most() -> Result:
            try:
                return once()
            except sa.exc.IntegrityError:
                return once()

        return retry_transient(twice_at_most, f"the mart {self.name}")

    def execute(self, statement: sa.Executable) -> int:
        """Runs one statement in a transaction of its own, as `run` does; returns how many rows it changed."""
        return self.run(lambda connection: connection.execute(statement).rowcount)

    def compact(self) -> None:
        """Removes deleted rows from SQLite's file too; other databases do that by themselves."""
        if self.engine.dialect.name == "sqlite":
            with self.engine.connect() as connection:
                connection.exec_driver_sql("VACUUM")
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


@cache
def _engine(url: sa.URL, credential: TokenCredential | None, prepare: Callable[[sa.Engine], None] | None) -> sa.Engine:
    engine = connectable(url, credential)
    if prepare:
        prepare(engine)
    return engine


def connectable(url: sa.URL, credential: TokenCredential | None = None) -> sa.Engine:
    """Makes an engine without looking at the schema. Its errors do not repeat the values of rows."""
    if url.get_backend_name() == "mssql" and url.get_driver_name() == "pyodbc":
        engine = sql_server.create_engine(url, credential)
    else:
        engine = sa.create_engine(url, hide_parameters=True)
    sa.event.listen(engine, "handle_error", hide_values)
    if engine.dialect.name == "postgresql":
        postgresql.let_copy(engine)
    if engine.dialect.name == "sqlite":
        if path := engine.url.database:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        sa.event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    """Lets several processes read while one writes, and wait for each other instead of failing."""
    connection.execute(f"PRAGMA busy_timeout = {SQLITE_WAIT_SECONDS * 1000}")
    connection.execute("PRAGMA journal_mode = WAL")


sa.event.listen(sa.Engine, "engine_connect", share_compiled_statements)
sa.event.listen(sa.NullPool, "connect", kept_open.keep_open)


@sa.event.listens_for(sa.Engine, "connect")
def _wait_for_no_disk(connection: object, _record: object) -> None:
    """SQLite's files of this process, also those in which Dagster keeps its events, are written without waiting for the
    disk at each transaction. A crash of the machine may lose the last ones; with a write-ahead log it breaks no file.
    """
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = NORMAL")


@sa.event.listens_for(sa.Engine, "handle_error")
def _name_database(context: sa.engine.interfaces.ExceptionContext) -> None:
    """Lets an error of any database, also of Dagster's, say which it is about; drivers do not."""
    if context.sqlalchemy_exception is not None and context.engine is not None:
        context.sqlalchemy_exception.add_note(f"the database {Database(context.engine.url).name}")
