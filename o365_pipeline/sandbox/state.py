"""The sandbox's memory: one SQLite file that the UI, the daemon, run workers and the command line share.

What belongs here: the tables and the connections. The meaning of the rows belongs to the services.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from o365_pipeline.database.kept_open import keep_open

BUSY_SECONDS = 60

TABLES = """
CREATE TABLE IF NOT EXISTS document (
    factory TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, etag TEXT NOT NULL, properties TEXT NOT NULL,
    PRIMARY KEY (factory, kind, name)
);
CREATE TABLE IF NOT EXISTS run (
    number INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT NOT NULL UNIQUE, factory TEXT NOT NULL,
    pipeline TEXT NOT NULL, parameters TEXT NOT NULL, job TEXT, problem TEXT, status TEXT NOT NULL,
    created_at TEXT NOT NULL, starts_at TEXT NOT NULL, ends_at TEXT NOT NULL, last_updated TEXT NOT NULL,
    ended_at TEXT, message TEXT, output TEXT
);
CREATE INDEX IF NOT EXISTS run_by_factory ON run (factory, last_updated);
CREATE TABLE IF NOT EXISTS registration (
    tenant TEXT NOT NULL, application TEXT NOT NULL, data_request TEXT NOT NULL, sinks TEXT NOT NULL,
    PRIMARY KEY (tenant, application)
);
CREATE TABLE IF NOT EXISTS subscription (
    tenant TEXT NOT NULL, content_type TEXT NOT NULL, PRIMARY KEY (tenant, content_type)
);
CREATE TABLE IF NOT EXISTS record (
    sequence INTEGER PRIMARY KEY, content_id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL, record_type INTEGER NOT NULL,
    available_at TEXT NOT NULL, content TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS resource (
    id TEXT NOT NULL PRIMARY KEY, type TEXT NOT NULL, content TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS violation (
    resource_group TEXT NOT NULL, definition TEXT NOT NULL, PRIMARY KEY (resource_group, definition)
);
CREATE TABLE IF NOT EXISTS application (
    application TEXT NOT NULL PRIMARY KEY, tenant TEXT NOT NULL, is_multi_tenant INTEGER NOT NULL, secret_digest TEXT
);
CREATE TABLE IF NOT EXISTS principal (
    tenant TEXT NOT NULL, application TEXT NOT NULL, object_id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, header TEXT,
    PRIMARY KEY (tenant, application)
);
CREATE TABLE IF NOT EXISTS app_role (
    object_id TEXT NOT NULL, audience TEXT NOT NULL, role TEXT NOT NULL, PRIMARY KEY (object_id, audience, role)
);
CREATE TABLE IF NOT EXISTS group_member (
    group_id TEXT NOT NULL, object_id TEXT NOT NULL, PRIMARY KEY (group_id, object_id)
);
CREATE TABLE IF NOT EXISTS azure_subscription (
    subscription TEXT NOT NULL PRIMARY KEY, tenant TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS portal_registration (
    application TEXT NOT NULL PRIMARY KEY, tenant TEXT NOT NULL, publish_type TEXT NOT NULL, data_request TEXT NOT NULL,
    sink TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS cross_tenant_migration (tenant TEXT NOT NULL PRIMARY KEY);
CREATE TABLE IF NOT EXISTS signing_key (number INTEGER NOT NULL PRIMARY KEY, key TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS record_by_time ON record (tenant, available_at);
"""


class State:
    """Opens `<home>/sandbox.db`; every connection lives for one block, so threads and processes may share a State."""

    def __init__(self, home: Path) -> None:
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        # Turning WAL on does not wait for other connections, so the first processes take turns.
        with FileLock(home / "sandbox.db.lock"), self._connection() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(TABLES)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Opens a connection for reading; every statement sees what is committed."""
        with self._connection() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Opens one transaction, without other writers at the same time; it is committed at the end, and rolled back by
        an exception.
        """
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def run_lock(self, run_id: str) -> FileLock:
        """Holds the lock of a run, whose holder advances it; the system releases the lock if the process dies."""
        folder = self.home / "locks"
        folder.mkdir(exist_ok=True)
        return FileLock(folder / f"{run_id}.lock")

    def forget_lock(self, run_id: str) -> None:
        (self.home / "locks" / f"{run_id}.lock").unlink(missing_ok=True)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        path = self.home / "sandbox.db"
        try:
            connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
            connection.row_factory = sqlite3.Row
            keep_open(connection)
            # A lost power supply may cost the last seconds of a sandbox, which is worth not waiting for the disk.
            connection.execute("PRAGMA synchronous = NORMAL")
            try:
                yield connection
            finally:
                connection.close()
        except sqlite3.Error as error:
            error.add_note(f"the sandbox's database {path}")
            raise
