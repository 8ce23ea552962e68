"""Serves a web application on this machine, until it is interrupted or during a block of code.

What belongs here: listening and serving, behind the guard that every server of ours has. The application belongs to the
caller.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from o365_pipeline.errors import UsageError
from o365_pipeline.web.bounded_connections import BoundedConnection
from o365_pipeline.web.browser_guard import MAX_BYTES, BrowserGuard

END_SECONDS = 2
"""How long the server waits for requests under way when the block ends."""


@dataclass(frozen=True)
class Certificate:
    """A certificate for HTTPS and its key, each a PEM file."""

    certificate: Path
    key: Path


def serve(
    app: ASGIApp,
    host: str,
    port: int,
    announce: Callable[[str], None],
    certificate: Certificate | None = None,
    names: Collection[str] | None = (),
    max_bytes: int = MAX_BYTES,
) -> None:
    """Shows the address, then serves until Ctrl-C; over HTTPS if there is a certificate.

    Args:
        names: the names that requests may ask for, beside the host's and those of this machine; None for any.
        max_bytes: how much the body of a request may hold.

    Raises:
        UsageError: it cannot listen there, for example because the port is in use; or the certificate is invalid.
    """
    config = _configured(BrowserGuard(app, host, names, max_bytes), certificate)
    with listening(host, port) as listener:
        announce(address(host, listener.getsockname()[1], "https" if certificate else "http"))
        try:
            uvicorn.Server(config).run(sockets=[listener])
        except KeyboardInterrupt:
            return


@contextmanager
def serving(app: ASGIApp, host: str, listener: socket.socket) -> Iterator[str]:
    """Serves in a thread, on a socket that is listening already, while the block runs; yields the address."""
    server = uvicorn.Server(_configured(BrowserGuard(app, host), None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield address(host, listener.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(END_SECONDS)


def listening(host: str, port: int, option: str = "--port") -> socket.socket:
    """Opens a socket that listens there.

    Args:
        option: the option with which the user names another port.

    Raises:
        UsageError: it cannot listen there, for example because the port is in use.
    """
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (")[0]
        raise UsageError(f"nothing can listen on {host} port {port}: {reason}; give another {option}") from error


def address(host: str, port: int, scheme: str = "http") -> str:
    """Where a browser finds what listens there."""
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _configured(app: ASGIApp, files: Certificate | None) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
        http=BoundedConnection,
        log_level="warning",
        # Addresses hold what grants access, as signatures do.
        access_log=False,
        lifespan="off",
        ssl_certfile=files.certificate if files else None,
        ssl_keyfile=files.key if files else None,
    )
    try:
        config.load()
    except OSError as error:
        named = f"{files.certificate} and {files.key}" if files else ""
        raise UsageError(f"{named} are no certificate with its key, as PEM files: {error.strerror or error}") from error
    return config
