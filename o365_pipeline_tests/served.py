"""The sandbox's Azure, served over HTTPS to clients that are configured as on Azure.

What belongs here: the server's start and stop, and the certificate that clients are told to trust.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme
import uvicorn
from starlette.types import ASGIApp

from o365_pipeline.sandbox.app import MAX_BYTES
from o365_pipeline.web.browser_guard import BrowserGuard
from o365_pipeline.web.server import Certificate


def certificate(folder: Path) -> tuple[Certificate, Path]:
    """A certificate of localhost with its key, and the authority that signed it, as PEM files."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    files = Certificate(folder / "certificate.pem", folder / "key.pem")
    issued.cert_chain_pems[0].write_to_path(files.certificate)
    issued.private_key_pem.write_to_path(files.key)
    authority.cert_pem.write_to_path(folder / "authority.pem")
    return files, folder / "authority.pem"


@contextmanager
def serving(app: ASGIApp, files: Certificate) -> Iterator[str]:
    """Serve an application over HTTPS on a free port of this machine; yields its address."""
    config = uvicorn.Config(
        BrowserGuard(app, "localhost", max_bytes=MAX_BYTES),
        host="localhost",
        port=0,
        lifespan="off",
        log_level="warning",
        timeout_graceful_shutdown=1,
        ssl_certfile=files.certificate,
        ssl_keyfile=files.key,
    )
    started = threading.Event()

    class Told(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started.set()

    server = Told(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    if not started.wait(20):
        raise AssertionError("the server did not start")
    try:
        yield f"https://localhost:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
