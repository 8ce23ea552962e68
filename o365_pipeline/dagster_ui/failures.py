"""Says in one line what failed where no stage says it: the disk, memory, the network, a database, or something that
nobody foresaw.

What belongs here: reading the exceptions of the system and of libraries. Their own words are never repeated, since they
may hold a row's values, names or signed addresses. What a stage can explain is one of `errors.py`.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import duckdb
from azure.core.exceptions import AzureError, HttpResponseError
from sqlalchemy.exc import DBAPIError

from o365_pipeline.errors import O365PipelineError

AGAIN = "and repeat: what was there before is as it was"
ROOM = f"make room, or let O365_HOME name a folder on another disk, {AGAIN}"
RIGHTS = "grant it, or let O365_HOME name another folder"
DAMAGED = "take its last backup, or move it away and begin with an empty one"

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
NO_RIGHT = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})

SQLITE = {
    "SQLITE_FULL": f"the disk is full: {ROOM}",
    "SQLITE_IOERR": f"the disk is full, or fails: {ROOM}",
    "SQLITE_READONLY": f"there is no right to write: {RIGHTS}",
    "SQLITE_PERM": f"there is no right to it: {RIGHTS}",
    "SQLITE_CANTOPEN": f"its file cannot be opened: see that its folder can be written, {AGAIN}",
    "SQLITE_CORRUPT": f"its file is damaged: {DAMAGED}",
    "SQLITE_NOTADB": f"its file is no database: {DAMAGED}",
    "SQLITE_BUSY": "another process holds it for long: end that process, and repeat",
    "SQLITE_LOCKED": "another process holds it for long: end that process, and repeat",
}
"""What a primary code of SQLite means; the extended codes begin with it."""

UNANSWERED = f"it does not answer, or the connection was lost: see that it runs, {AGAIN}"
STATES = {
    "08": UNANSWERED,
    "57": UNANSWERED,
    "HYT": UNANSWERED,
    "531": "its disk is full: make room there, and repeat",
    "53": "it is out of memory or connections: repeat later",
    "25006": "it takes no changes now, as a copy or during a failover: repeat later",
    "42501": "its user lacks a right: grant it (docs/mart.md)",
    "28": "it refused the sign-in: check O365_MART_URL and its user",
}
"""What a SQLSTATE means that begins so."""

LASTING = frozenset(
    {
        *("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_PERM", "SQLITE_CORRUPT", "SQLITE_NOTADB"),
        *("531", "42501"),
    }
)
"""Those of these codes and states that no repetition by itself ends."""


@dataclass(frozen=True)
class Told:
    """What failed, in one line."""

    line: str
    was_foreseen: bool = True
    lasts: bool = False
    """Whether to try again without doing anything about it changes nothing."""


def told(error: BaseException) -> Told:
    """Reads an exception, and those that it came from."""
    for cause in _causes(error):
        if found := _told(cause):
            return found
    return Told(f"{type(error).__name__}: this was not foreseen", was_foreseen=False)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _told(error: BaseException) -> Told | None:
    if isinstance(error, O365PipelineError):
        return Told(str(error), lasts=error.lasts)
    if isinstance(error, (DBAPIError, sqlite3.Error)):
        return _of_database(error)
    if isinstance(error, duckdb.Error):
        return _of_duckdb(error)
    if isinstance(error, AzureError):
        return _of_azure(error)
    if isinstance(error, MemoryError):
        return Told(f"memory is used up: set O365_MEMORY_MB and O365_THREADS lower, {AGAIN}")
    if isinstance(error, OSError):
        return _of_system(error)
    return None


def _of_system(error: OSError) -> Told | None:
    where = os.fspath(error.filename) if isinstance(error.filename, (str, os.PathLike)) else "a file"
    reason = os.strerror(error.errno) if error.errno else type(error).__name__
    if error.errno in FULL:
        return Told(f"{where} cannot be written, the disk is full ({reason}): {ROOM}", lasts=True)
    if error.errno in NO_RIGHT:
        return Told(f"{where}: there is no right to it ({reason}): {RIGHTS}", lasts=True)
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return Told("too many files are open at once: raise the limit (ulimit -n), and repeat")
    if isinstance(error, (ConnectionError, TimeoutError)):
        return Told(f"a service does not answer ({reason}): see that it runs and can be reached, and repeat")
    return Told(f"{where}: {reason}") if error.filename else None


def _of_database(error: DBAPIError | sqlite3.Error) -> Told | None:
    cause = (error.orig if isinstance(error, DBAPIError) else error) or error
    where = next(iter(getattr(error, "__notes__", ())), "a database below O365_HOME")
    if isinstance(cause, sqlite3.Error):
        return _of_code(where, str(getattr(cause, "sqlite_errorname", "")), SQLITE)
    state = str(getattr(cause, "pgcode", None) or next(iter(cause.args), ""))
    if found := _of_code(where, state[:5], STATES):
        return found
    if isinstance(error, DBAPIError) and (error.connection_invalidated or _is_without_state(cause)):
        return Told(f"{where}: {UNANSWERED}")
    return None


def _of_code(where: str, code: str, meanings: Mapping[str, str]) -> Told | None:
    start = next((start for start in meanings if code.startswith(start)), None)
    return Told(f"{where}: {meanings[start]} ({code})", lasts=start in LASTING) if start else None


def _is_without_state(error: BaseException) -> bool:
    """Whether PostgreSQL's driver tells of a failure of which the server said nothing."""
    return type(error).__name__ == "OperationalError" and getattr(error, "pgcode", "") is None


def _of_duckdb(error: duckdb.Error) -> Told | None:
    words = str(error)
    if isinstance(error, duckdb.OutOfMemoryException):
        line = f"the work needs more memory or disk than there is: set O365_MEMORY_MB higher, or {ROOM}"
        return Told(line, lasts=True)
    if any(os.strerror(number) in words for number in FULL):
        return Told(f"a file of work in progress cannot be written, the disk is full: {ROOM}", lasts=True)
    if isinstance(error, duckdb.IOException):
        return Told(f"a file below O365_HOME cannot be read or written (DuckDB): see that the disk works, {AGAIN}")
    return None


def _of_azure(error: AzureError) -> Told:
    if isinstance(error, HttpResponseError) and error.status_code:
        return Told(f"a service of Azure's answered HTTP {error.status_code}; `o365-pipeline doctor` says which")
    return Told(f"a service of Azure's does not answer ({type(error).__name__}); `o365-pipeline doctor` says which")
