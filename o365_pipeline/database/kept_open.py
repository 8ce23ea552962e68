"""SQLite files that Dagster and the sandbox open for each event or request: one more connection holds each open.

What belongs here: those connections. SQLite empties its write-ahead log into the file, and waits for the disk, whenever
the last connection to a file is closed; Dagster opens and closes some for each event, which waited eight times.
"""

from __future__ import annotations

import os
import sqlite3
from collections import OrderedDict
from pathlib import Path

FILES_KEPT = 32
"""How many files a process holds open for this: a run has one of its own."""

Identity = tuple[int, int]
"""A file's device and number: another file at the same path is another one."""


class _KeptOpen:
    """The connections of this process; those that it had when it was forked are the parent's."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._connections: OrderedDict[Identity, sqlite3.Connection] = OrderedDict()
        self._of_parents: list[object] = []

    def keep(self, connection: sqlite3.Connection) -> None:
        if self._process != os.getpid():
            # SQLite's connections must not be used, nor closed, on the other side of a fork.
            self._of_parents.append(self._connections)
            self._process, self._connections = os.getpid(), OrderedDict()
        [(_, _, path), *_] = connection.execute("PRAGMA database_list").fetchall()
        if not path or not Path(path).exists():
            return
        found = Path(path).stat()
        identity = (found.st_dev, found.st_ino)
        if identity in self._connections:
            self._connections.move_to_end(identity)
        elif connection.execute("PRAGMA journal_mode").fetchone() == ("wal",):
            another = sqlite3.connect(path, check_same_thread=False)
            # It joins the log when it reads.
            another.execute("SELECT 1 FROM sqlite_master").fetchall()
            self._connections[identity] = another
            while len(self._connections) > FILES_KEPT:
                self._connections.popitem(last=False)[1].close()


_kept = _KeptOpen()


def keep_open(connection: object, _record: object = None) -> None:
    """Holds a connection's file open: for whoever closes each connection after its use, as Dagster's engines do."""
    if isinstance(connection, sqlite3.Connection):
        _kept.keep(connection)
