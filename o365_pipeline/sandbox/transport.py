"""Connects the Azure SDK to the sandbox: the SDK's own transport, over a session that hands requests to the
application.

What belongs here: the bridge from `requests` to ASGI. Nothing leaves the process.
"""

from __future__ import annotations

import asyncio
import os
import threading
from functools import cache
from io import BytesIO
from typing import Any

import httpx2
import requests
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import HTTPAdapter
from starlette.types import ASGIApp
from urllib3 import HTTPResponse

from o365_pipeline.errors import UsageError


class ApplicationAdapter(HTTPAdapter):
    """Answers requests from an ASGI application; an exception of the application reaches the caller unchanged."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__()
        self._client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app))

    def send(self, request: requests.PreparedRequest, *_args: Any, **_options: Any) -> requests.Response:
        asked = self._client.request(
            request.method or "GET", request.url or "", content=_body(request), headers=_headers(request)
        )
        answer = asyncio.run_coroutine_threadsafe(asked, _event_loop(os.getpid())).result()
        body = HTTPResponse(
            body=BytesIO(answer.content),
            headers=dict(answer.headers),
            status=answer.status_code,
            reason=answer.reason_phrase,
            preload_content=False,
        )
        return self.build_response(request, body)


@cache
def _event_loop(_process: int) -> asyncio.AbstractEventLoop:
    """Returns the event loop in which this process answers its requests, in a thread that ends with the process."""
    loop = asyncio.new_event_loop()
    # It runs for ever as the loop's one task, so that the threads of endpoints are used again.
    threading.Thread(target=lambda: loop.run_until_complete(loop.create_future()), name="sandbox", daemon=True).start()
    return loop


def _body(request: requests.PreparedRequest) -> bytes | str | None:
    if request.body is None or isinstance(request.body, bytes | str):
        return request.body
    raise UsageError(f"the sandbox takes requests whose body is in memory, not {type(request.body).__name__}")


def _headers(request: requests.PreparedRequest) -> dict[str, str]:
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()}


def sandbox_transport(app: ASGIApp) -> RequestsTransport:
    """Makes a transport for Azure clients that ends at the application."""
    session = requests.Session()
    session.mount("https://", ApplicationAdapter(app))
    return RequestsTransport(session=session, session_owner=False)
