"""How the Azure SDK reaches the sandbox: its own transport, over a session that hands requests to the application.

What belongs here: the bridge from `requests` to ASGI. Nothing leaves the process.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO

import requests
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import HTTPAdapter
from starlette.testclient import TestClient
from starlette.types import ASGIApp
from urllib3 import HTTPResponse


class ApplicationAdapter(HTTPAdapter):
    """Answers requests from an ASGI application; what the application raises reaches the caller as it is."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__()
        self._app = app

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        # A client of its own for each request: each has its own event loop, so threads do not meet.
        answer = TestClient(self._app).request(
            request.method or "GET", request.url or "", content=request.body, headers=dict(request.headers)
        )
        body = HTTPResponse(
            body=BytesIO(answer.content),
            headers=dict(answer.headers),
            status=answer.status_code,
            reason=answer.reason_phrase,
            preload_content=False,
        )
        return self.build_response(request, body)


def sandbox_transport(app: ASGIApp) -> RequestsTransport:
    """A transport for Azure clients that ends at the application."""
    session = requests.Session()
    session.mount("https://", ApplicationAdapter(app))
    return RequestsTransport(session=session, session_owner=False)
