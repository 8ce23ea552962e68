"""Connections of a web server that nobody can hold by being slow, and of which there are never too many.

What belongs here: how long a request's head may take, and what happens where more connect than are served. How long a
body may take is decided by whoever reads it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
"""How long a connection may take, from its beginning or its last answer, until it has sent the head of a request."""

MAX_CONNECTIONS = 500


class BoundedConnection(H11Protocol):
    """One connection. It is closed if the head of its next request takes too long; and, where there are too many
    connections, the one that has sent no request for the longest time is closed.
    """

    _head_timer: asyncio.TimerHandle | None = None
    _waiting_since = 0.0

    @property
    def is_waiting(self) -> bool:
        """Whether no request is under way."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()
        if len(self.connections) > MAX_CONNECTIONS:
            waiting = [one for one in self.connections if isinstance(one, BoundedConnection) and one.is_waiting]
            min(waiting, key=lambda one: one._waiting_since, default=self).abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.is_waiting:
            self._stop_waiting()
        elif self._head_timer is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def abort(self) -> None:
        """Closes the connection at once."""
        self.connections.discard(self)
        self.transport.abort()

    def _wait(self) -> None:
        self._waiting_since = self.loop.time()
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._took_too_long)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _took_too_long(self, *_: Any) -> None:
        self._head_timer = None
        if self.is_waiting:
            self.abort()
