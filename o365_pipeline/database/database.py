"""The SQL database that holds the mart and, beside it, the ledger: its connection and its schema's upgrades.

What belongs here: the engine, and the one MetaData that all tables join. The tables are in `database/ledger.py` and
`mart/tables/`; the migrations in `mart/migrations/`, and the views, which are made after them, in `mart/views/`.
"""

from __future__ import annotations

import datetime as dt
import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from azure.core.credentials import TokenCredential
from filelock import FileLock
from sqlalchemy.dialects import mssql

from o365_pipeline.database import sql_server
from o365_pipeline.database.hidden_values import hide_values
from o365_pipeline.database.transient import passing, repeated
from o365_pipeline.errors import DatabaseError

LOG = logging.getLogger("o365_pipeline")

Result = TypeVar("Result")

SQLITE_WAIT_SECONDS = 60

SCHEMA_LOCKS = {
    # Without it Python's sqlite3 commits before every CREATE TABLE, and a crash leaves half a schema.
    "sqlite": "BEGIN IMMEDIATE",
    # The session's: a transaction's lock needs one that has begun, and a driver begins it with the first statement
    # that touches a table.
    "mssql": "EXEC sp_getapplock @Resource = 'o365_pipeline schema', @LockMode = 'Exclusive', @LockOwner = 'Session'",
    "postgresql": "SELECT pg_advisory_xact_lock(hashtext('o365_pipeline schema'))",
}
"""The statement that makes a schema upgrade one transaction that others wait for; what they find then is done."""

SCHEMA_UNLOCKS = {"mssql": "EXEC sp_releaseapplock @Resource = 'o365_pipeline schema', @LockOwner = 'Session'"}
"""What ends a lock that does not end with the transaction."""

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

    @property
    def name(self) -> str:
        """How messages call it: the URL without its password, and without its options, which may hold one too."""
        return self.url.set(query={}).render_as_string()

    @property
    def engine(self) -> sa.Engine:
        """The engine, with the schema up to date.

        Raises:
            DatabaseError: it cannot be opened; the message does not repeat the password.
            DatabaseUnavailableError: it could be opened, were it not for errors that pass.
        """
        try:
            # Credentials are told apart by what they are, not by what they hold: each has engines of its own.
            return repeated(lambda: _engine(self.url, self.credential), f"the mart {self.name}")  # type: ignore[arg-type]
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

        The work must begin anew each time it is called, and bear being done twice: a connection that is lost at the
        commit leaves open whether it was done.

        Raises:
            DatabaseUnavailableError: such errors came each time; nothing of the work is done.
        """
        engine = self.engine

        def once() -> Result:
            with engine.begin() as connection:
                return work(connection)

        return repeated(once, f"the mart {self.name}")

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
def _engine(url: sa.URL, credential: TokenCredential | None) -> sa.Engine:
    engine = connectable(url, credential)
    _upgrade(engine)
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


def migrations() -> Config:
    """Alembic's configuration of this project's migrations."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[1] / "mart" / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _upgrade(engine: sa.Engine) -> None:
    """Create or migrate the schema, its views too; processes that start together do it once."""
    config = migrations()
    head = ScriptDirectory.from_config(config).get_current_head()
    path = engine.url.database if engine.dialect.name == "sqlite" else None
    with FileLock(f"{path}.lock") if path else nullcontext():
        with engine.connect() as connection:
            if _is_up_to_date(connection, head):
                return
        logging.getLogger("alembic").setLevel(logging.WARNING)
        with engine.connect() as connection:
            try:
                if lock := SCHEMA_LOCKS.get(engine.dialect.name):
                    connection.exec_driver_sql(lock)
                if not _is_up_to_date(connection, head):
                    config.attributes["connection"] = connection
                    _migrate(config, connection)
                    _views().create(connection)
                connection.commit()
                if unlock := SCHEMA_UNLOCKS.get(engine.dialect.name):
                    connection.exec_driver_sql(unlock)
                    connection.commit()
            except BaseException:
                # The connection's end rolls back, and lets go of whatever it holds.
                connection.invalidate()
                raise


def _is_up_to_date(connection: sa.Connection, head: str | None) -> bool:
    revision = MigrationContext.configure(connection).get_current_revision()
    return revision == head and _views().are_current(connection)


def _views() -> ModuleType:
    """Their selects are made of tables that join this module's MetaData."""
    return import_module("o365_pipeline.mart.views.schema")


def _migrate(config: Config, connection: sa.Connection) -> None:
    """Run the migrations; where a server refuses them with the comments of tables and columns, without these."""
    try:
        command.upgrade(config, "head")
    except sa.exc.DBAPIError as error:
        if connection.dialect.name != "mssql" or not connection.dialect.supports_comments or passing(error):
            raise
        # Servers that only speak as SQL Server does list extended properties, and refuse to take some.
        connection.rollback()
        connection.dialect.supports_comments = False
        command.upgrade(config, "head")
        LOG.warning("The server took the mart's tables without their comments alone; the schema is whole otherwise.")
