"""SQLite files that Dagster and the sandbox open for each event or request: one more connection holds each open.

What belongs here: those connections. SQLite empties its write-ahead log into the file, and waits for the disk, whenever
the last connection to a file is closed; Dagster opens and closes some for each event, which waited eight times.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import OrderedDict
from functools import cache
from pathlib import Path

FILES_KEPT = 32
"""How many files a process holds open for this: a run has one of its own."""

Identity = tuple[int, int]
"""A file's device and number: another file at the same path is another one."""


class _KeptOpen:
    """The connections of one process, whose threads may ask at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connections: OrderedDict[Identity, sqlite3.Connection] = OrderedDict()

    def keep(self, connection: sqlite3.Connection) -> None:
        [(_, _, path), *_] = connection.execute("PRAGMA database_list").fetchall()
        if not path or not Path(path).exists():
            return
        found = Path(path).stat()
        identity = (found.st_dev, found.st_ino)
        with self._lock:
            if identity in self._connections:
                self._connections.move_to_end(identity)
            elif connection.execute("PRAGMA journal_mode").fetchone() == ("wal",):
                another = sqlite3.connect(path, check_same_thread=False)
                # It joins the log when it reads.
                another.execute("SELECT 1 FROM sqlite_master").fetchall()
                self._connections[identity] = another
                while len(self._connections) > FILES_KEPT:
                    self._connections.popitem(last=False)[1].close()


@cache
def _kept(_process: int) -> _KeptOpen:
    """Returns the connections of a process. A forked one has its own, and neither uses nor closes its parent's, as
    SQLite demands.
    """
    return _KeptOpen()


def keep_open(connection: object, _record: object = None) -> None:
    """Holds a connection's file open: for whoever closes each connection after its use, as Dagster's engines do."""
    if isinstance(connection, sqlite3.Connection):
        _kept(os.getpid()).keep(connection)
