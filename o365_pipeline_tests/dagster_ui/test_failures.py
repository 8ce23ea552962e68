"""Failures of the disk, the network, a database, and of what nobody foresaw: the line that is told of each."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa
from azure.core.exceptions import ServiceRequestError

from o365_pipeline.dagster_ui.failures import Told, told
from o365_pipeline.database.database import Database, connectable
from o365_pipeline.errors import DatabaseUnavailableError, LandingError, SettingsError

SECRET = "ada@contoso.example"


class PostgresError(Exception):
    """An error as psycopg2 makes it."""

    def __init__(self, code: str | None) -> None:
        super().__init__(f"{SECRET}\nDETAIL: {SECRET}")
        self.pgcode = code


class OdbcError(Exception):
    """An error as pyodbc makes it."""


def of_server(cause: Exception, lost: bool = False) -> sa.exc.OperationalError:
    return sa.exc.OperationalError("INSERT", {"name": SECRET}, cause, connection_invalidated=lost)


@pytest.mark.parametrize(
    ("error", "words", "lasts"),
    [
        (OSError(errno.ENOSPC, SECRET, "/lake/part"), "/lake/part cannot be written, the disk is full", True),
        (OSError(errno.EROFS, SECRET, "/lake/part"), "/lake/part: there is no right to it", True),
        (OSError(errno.EMFILE, SECRET), "too many files are open", False),
        (FileExistsError(errno.EEXIST, SECRET, "/home/sandbox"), "/home/sandbox: File exists", False),
        (ConnectionRefusedError(errno.ECONNREFUSED, SECRET), "a service does not answer", False),
        (MemoryError(SECRET), "memory is used up", False),
        (duckdb.OutOfMemoryException(SECRET), "needs more memory or disk than there is", True),
        (duckdb.IOException(f"{SECRET}: No space left on device"), "the disk is full", True),
        (ServiceRequestError(SECRET), "does not answer (ServiceRequestError)", False),
        (of_server(PostgresError("53100")), "its disk is full", True),
        (of_server(PostgresError("57P01")), "the connection was lost", False),
        (of_server(PostgresError(None), lost=True), "the connection was lost", False),
        (of_server(OdbcError("08S01", SECRET)), "the connection was lost", False),
        (of_server(PostgresError("42501")), "lacks a right", True),
        (LandingError("raw/part-0.json has other contents"), "other contents", True),
        (DatabaseUnavailableError("the table dim_damaged is busy, which was damaged before"), "is busy", False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_fails_beneath_the_pipeline_is_one_line_that_repeats_no_value(
    error: Exception, words: str, lasts: bool
) -> None:
    found = told(error)

    assert words in found.line and SECRET not in found.line and "\n" not in found.line
    assert (found.was_foreseen, found.lasts) == (True, lasts)


@pytest.mark.parametrize("error", [KeyError(SECRET), duckdb.ConversionException(SECRET), sa.exc.ArgumentError(SECRET)])
def test_what_nobody_foresaw_is_its_kind_alone(error: Exception) -> None:
    assert told(error) == Told(f"{type(error).__name__}: this was not foreseen", was_foreseen=False)


def test_what_it_came_from_is_found_and_what_the_pipeline_says_is_taken_as_it_is() -> None:
    error = RuntimeError(SECRET)
    error.__cause__ = SettingsError("O365_HOME: choose another")

    assert told(error) == Told("O365_HOME: choose another", lasts=True)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("PRAGMA max_page_count = 3; CREATE TABLE a (b); CREATE TABLE c (d); CREATE TABLE e (f)", "the disk is full"),
        ("PRAGMA query_only = 1; CREATE TABLE a (b)", "there is no right to write"),
    ],
)
def test_a_failing_database_is_named(tmp_path: Path, statement: str, words: str) -> None:
    url = sa.URL.create("sqlite", database=str(tmp_path / "mart.db"))

    def work(connection: sa.Connection) -> None:
        for part in statement.split(";"):
            connection.exec_driver_sql(part)

    with pytest.raises(sa.exc.OperationalError) as failed:
        Database(url).run(work)

    assert told(failed.value).line.startswith(f"the database {url}: {words}")


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "mart.db").write_bytes(b"no database" * 2000)

    with (
        pytest.raises(sa.exc.DatabaseError) as failed,
        connectable(sa.make_url(f"sqlite:///{tmp_path}/mart.db")).begin(),
    ):
        pass

    assert "its file is no database: take its last backup" in told(failed.value).line


def test_errors_that_cause_each_other_end(monkeypatch: pytest.MonkeyPatch) -> None:
    first: Any = sqlite3.OperationalError("no such table: ada")
    first.__cause__ = first

    assert not told(first).was_foreseen
