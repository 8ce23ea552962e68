"""A stand-in for the services that offers are published to, beneath the real clients: it keeps what it is sent.

What belongs here: answers in the shape of Azure's, refusals on demand, and what was asked.
"""

from __future__ import annotations

import json
from typing import Any

from azure.core.credentials import TokenCredential
from azure.core.pipeline.transport import RequestsTransport
from pydantic import PrivateAttr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from o365_pipeline.azure.cloud import Cloud
from o365_pipeline.sandbox.transport import sandbox_transport
from o365_pipeline_tests.credentials import AnyToken


class StandIn(Cloud):
    """A cloud that answers a path with what was put there, and what `answers` says of it before that."""

    _held: dict[str, dict[str, Any]] = PrivateAttr(default_factory=dict)
    _asked: list[tuple[str, str]] = PrivateAttr(default_factory=list)
    _answers: list[tuple[int, dict[str, Any] | str]] = PrivateAttr(default_factory=list)
    _slept: list[float] = PrivateAttr(default_factory=list)

    @property
    def held(self) -> dict[str, dict[str, Any]]:
        return self._held

    @property
    def asked(self) -> list[tuple[str, str]]:
        """(method, path) of all requests."""
        return self._asked

    def answer(self, status: int, body: dict[str, Any] | str, times: int = 1) -> None:
        """Let the next requests be answered so; a text is a web page."""
        self._answers += [(status, body)] * times

    def refuse(self, status: int, code: str, message: str = "refused", times: int = 1) -> None:
        self.answer(status, {"error": {"code": code, "message": message}}, times)

    def credential(self, tenant_id: str | None = None) -> TokenCredential:
        return AnyToken()

    def transport(self) -> RequestsTransport:
        transport = sandbox_transport(
            Starlette(routes=[Route("/{path:path}", self._respond, methods=["GET", "PUT", "POST"])])
        )
        transport.sleep = self._slept.append
        return transport

    async def _respond(self, request: Request) -> Response:
        path = request.url.path
        self._asked.append((request.method, path))
        if self._answers:
            status, body = self._answers.pop(0)
            return HTMLResponse(body, status) if isinstance(body, str) else JSONResponse(body, status)
        if request.method != "GET":
            self._held[path] = json.loads(await request.body())
            return JSONResponse(self._held[path])
        if path in self._held:
            return JSONResponse(self._held[path])
        return JSONResponse({"error": {"code": "ResourceNotFound", "message": "nothing there"}}, 404)
