"""Statements that SQLAlchemy has compiled for SQLite, kept for engines that come and go.

What belongs here: the one cache of a process. SQLAlchemy keeps compiled statements with their engine; Dagster's storage
in SQLite makes an engine for each connection, so that it would compile the same few statements for each event anew,
which is a third of what an event costs.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

STATEMENTS_KEPT = 1_000


class _OfAnyEngine(dict[Any, Any]):
    """Finds what was compiled for another engine of the same dialect; SQLAlchemy's key begins with the engine's own."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get((type(key[0]), *key[1:]), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        if len(self) >= STATEMENTS_KEPT:
            self.clear()
        super().__setitem__((type(key[0]), *key[1:]), compiled)


_compiled = _OfAnyEngine()


def share_compiled_statements(connection: sa.Connection) -> None:
    """Lets every connection to SQLite in this process use the same cache, also Dagster's."""
    if connection.dialect.name == "sqlite":
        connection.execution_options(compiled_cache=_compiled)
