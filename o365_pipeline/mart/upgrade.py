"""The schema of ledger and mart in a database: it is created if there is none, and upgraded if it is older.

What belongs here: the steps and their order, and the lock that lets processes which start together upgrade once. The
migrations belong to `migrations/`, the views belong to `views/`.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from azure.core.credentials import TokenCredential
from filelock import FileLock

from o365_pipeline.database.database import Database
from o365_pipeline.database.transient import transient_code
from o365_pipeline.errors import DatabaseError
from o365_pipeline.mart.dictionary import write_dictionary
from o365_pipeline.mart.views import readers
from o365_pipeline.mart.views import schema as views

LOG = logging.getLogger("o365_pipeline")

LOCKS = {
    # Without it Python's sqlite3 commits before every CREATE TABLE, and a crash leaves half a schema.
    "sqlite": "BEGIN IMMEDIATE",
    # The session's: a transaction's lock needs one that has begun, and a driver begins it with the first statement
    # that touches a table.
    "mssql": "EXEC sp_getapplock @Resource = 'o365_pipeline schema', @LockMode = 'Exclusive', @LockOwner = 'Session'",
    "postgresql": "SELECT pg_advisory_xact_lock(hashtext('o365_pipeline schema'))",
}
"""The statement that makes an upgrade one transaction for which other processes wait; they then find it done."""

UNLOCKS = {"mssql": "EXEC sp_releaseapplock @Resource = 'o365_pipeline schema', @LockOwner = 'Session'"}
"""Releases a lock that does not end with the transaction."""


def mart_database(url: sa.URL, credential: TokenCredential | None = None) -> Database:
    """Opens a database with the tables and views of ledger and mart, which are upgraded before its first use."""
    return Database(url, credential, prepare=upgrade)


def migrations() -> Config:
    """Returns Alembic's configuration of this project's migrations."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(engine: sa.Engine) -> None:
    """Creates or upgrades the schema with its views; processes that start together do it once.

    Raises:
        DatabaseError: another version created it, and there is no migration from that version.
    """
    path = engine.url.database if engine.dialect.name == "sqlite" else None
    with FileLock(f"{path}.lock") if path else nullcontext():
        with engine.connect() as connection:
            if _is_up_to_date(connection):
                return
        logging.getLogger("alembic").setLevel(logging.WARNING)
        with engine.connect() as connection:
            try:
                if lock := LOCKS.get(engine.dialect.name):
                    connection.exec_driver_sql(lock)
                if not _is_up_to_date(connection):
                    config = migrations()
                    config.attributes["connection"] = connection
                    _make_with_comments(config, connection)
                connection.commit()
                if unlock := UNLOCKS.get(engine.dialect.name):
                    connection.exec_driver_sql(unlock)
                    connection.commit()
            except BaseException:
                # The connection's end rolls back, and lets go of whatever it holds.
                connection.invalidate()
                raise


@cache
def _revisions() -> tuple[frozenset[str], str | None]:
    """Returns the revisions that there are migrations to, and the last one."""
    scripts = ScriptDirectory.from_config(migrations())
    return frozenset(script.revision for script in scripts.walk_revisions()), scripts.get_current_head()


def _is_up_to_date(connection: sa.Connection) -> bool:
    revision = MigrationContext.configure(connection).get_current_revision()
    known, head = _revisions()
    if revision and revision not in known:
        raise DatabaseError(
            f"the mart {Database(connection.engine.url).name} was made by another version of o365-pipeline (revision "
            f"{revision}) and cannot be upgraded: start with an empty database, by another O365_MART_URL or, in the "
            "sandbox, another O365_HOME"
        )
    return revision == head and views.are_current(connection)


def _make_with_comments(config: Config, connection: sa.Connection) -> None:
    """Creates the schema; if a server refuses the comments of tables and columns, without comments."""
    try:
        _make(config, connection)
    except sa.exc.DBAPIError as error:
        if connection.dialect.name != "mssql" or not connection.dialect.supports_comments or transient_code(error):
            raise
        # Servers that only speak as SQL Server does list extended properties, and refuse to take some.
        connection.rollback()
        connection.dialect.supports_comments = False
        _make(config, connection)
        LOG.warning("The server took the mart's tables without their comments alone; the schema is whole otherwise.")


def _make(config: Config, connection: sa.Connection) -> None:
    # Tables cannot change on every database while views read them.
    views.drop(connection)
    command.upgrade(config, "head")
    write_dictionary(connection)
    views.create(connection)
    readers.serve_if_allowed(connection)
