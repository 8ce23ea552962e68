"""The SQL database that holds the mart and, beside it, the ledger: its connections and its transactions.

What belongs here: the engine, and the one MetaData that all tables join. The ledger's tables are in
`database/ledger.py`, those of the mart in `mart/tables/`; `mart/upgrade.py` makes and upgrades the schema.
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

from o365_pipeline.database import sql_server
from o365_pipeline.database.hidden_values import hide_values
from o365_pipeline.database.transient import repeated
from o365_pipeline.errors import DatabaseError

Result = TypeVar("Result")

SQLITE_WAIT_SECONDS = 60

metadata = sa.MetaData(naming_convention={"pk": "pk_%(table_name)s", "ix": "ix_%(table_name)s_%(column_0_N_name)s"})


def timestamp() -> sa.types.TypeEngine[dt.datetime]:
    """A time in UTC without offset; SQL Server's DATETIME rounds to 3 ms, so DATETIME2 there."""
    return sa.DateTime().with_variant(mssql.DATETIME2(6), "mssql")


def exact_unicode(length: int) -> sa.types.TypeEngine[str]:
    """Text that is compared byte by byte, as DuckDB did; SQL Server would take "ID" and "id" for one key."""
    return sa.Unicode(length).with_variant(mssql.NVARCHAR(length, collation="Latin1_General_100_BIN2"), "mssql")


@dataclass(frozen=True)
class Database:
    """The mart's database, at any SQLAlchemy URL; no configurable resource, since Dagster would show the password."""

    url: sa.URL = field(repr=False)
    credential: TokenCredential | None = field(default=None, repr=False, compare=False)
    """Signs in to Azure SQL where the URL carries neither user nor password."""
    prepare: Callable[[sa.Engine], None] | None = field(default=None, repr=False, compare=False)
    """What is done before the first use in a process: bringing the schema up to date. None: it is taken as it is."""

    @property
    def name(self) -> str:
        """How messages call it: the URL without its password, and without its options, which may hold one too."""
        return self.url.set(query={}).render_as_string()

    @property
    def engine(self) -> sa.Engine:
        """The engine, prepared; a process has one for each URL and credential.

        Raises:
            DatabaseError: it cannot be opened; the message does not repeat the password.
            DatabaseUnavailableError: it could be opened, were it not for errors that pass.
        """
        try:
            # Credentials are told apart by what they are, not by what they hold: each has engines of its own.
            return repeated(
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
        """One transaction: everything in it happens, or nothing."""
        with self.engine.begin() as connection:
            yield connection

    def run(self, work: Callable[[sa.Connection], Result]) -> Result:
        """Do work in one transaction; where an error comes that passes, a deadlock for one, all of it again.

        Once more too where a key is there that the work had not found: another process has inserted it meanwhile. The
        work must begin anew each time it is called, and bear being done twice: a connection that is lost at the commit
        leaves open whether it was done.

        Raises:
            DatabaseUnavailableError: such errors came each time; nothing of the work is done.
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

        return repeated(twice_at_most, f"the mart {self.name}")

    def execute(self, statement: sa.Executable) -> int:
        """Run one statement in a transaction of its own, as `run` does; returns how many rows it changed."""
        return self.run(lambda connection: connection.execute(statement).rowcount)

    def compact(self) -> None:
        """Let deleted rows leave SQLite's file too; other databases see to that themselves."""
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
    """An engine as it is, without a look at the schema. Its errors do not repeat what rows hold."""
    if url.get_backend_name() == "mssql" and url.get_driver_name() == "pyodbc":
        engine = sql_server.create_engine(url, credential)
    else:
        engine = sa.create_engine(url, hide_parameters=True)
    sa.event.listen(engine, "handle_error", hide_values)
    if engine.dialect.name == "sqlite":
        if path := engine.url.database:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        sa.event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    """Let several processes read while one writes, and wait for each other instead of failing."""
    connection.execute(f"PRAGMA busy_timeout = {SQLITE_WAIT_SECONDS * 1000}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
