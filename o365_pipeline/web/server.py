"""Serves a web application on this machine: until it is interrupted, or beside something else.

What belongs here: listening and serving. What is served is the caller's.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from o365_pipeline.errors import UsageError

END_SECONDS = 2
"""How long requests under way are waited for when the block ends."""


@dataclass(frozen=True)
class Certificate:
    """What HTTPS is served with: a certificate and its key, each a PEM file."""

    certificate: Path
    key: Path


def serve(
    app: ASGIApp, host: str, port: int, tell: Callable[[str], None], certificate: Certificate | None = None
) -> None:
    """Tell the address, then serve until Ctrl-C; over HTTPS where there is a certificate.

    Raises:
        UsageError: nothing can listen there, as when the port is in use; or the certificate is none.
    """
    config = _configured(app, certificate)
    with listening(host, port) as listener:
        tell(_address(listener, host, "https" if certificate else "http"))
        try:
            uvicorn.Server(config).run(sockets=[listener])
        except KeyboardInterrupt:
            return


@contextmanager
def serving(app: ASGIApp, host: str, listener: socket.socket) -> Iterator[str]:
    """Serve in a thread, on a socket that listens already, while the block runs; yields the address."""
    server = uvicorn.Server(_configured(app, None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield _address(listener, host, "http")
    finally:
        server.should_exit = True
        thread.join(END_SECONDS)


def listening(host: str, port: int, option: str = "--port") -> socket.socket:
    """A socket that listens there.

    Args:
        option: what the user says another port with.

    Raises:
        UsageError: nothing can listen there, as when the port is in use.
    """
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (")[0]
        raise UsageError(f"nothing can listen on {host} port {port}: {reason}; give another {option}") from error


def _address(listener: socket.socket, host: str, scheme: str) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{listener.getsockname()[1]}"


def _configured(app: ASGIApp, files: Certificate | None) -> uvicorn.Config:
    config = uvicorn.Config(
        app,
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
