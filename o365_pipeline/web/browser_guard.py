"""Guards a web application that this machine serves against the pages of other sites, which reach it through the
browser of whoever sits here.

What belongs here: rules that hold for every server of ours: the names that it answers to, who may send what to it, how
much and for how long, and the headers of its answers. The content of an answer belongs to the application.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
from collections.abc import Collection
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG = logging.getLogger("o365_pipeline.web")

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # With no-referrer, browsers would hide the origin of the page's own posts too.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

LOCAL_NAMES = frozenset(("localhost", "127.0.0.1", "::1"))
EVERY_ADDRESS = ("0.0.0.0", "::", "")  # noqa: S104 - recognised here, not listened on
HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{0,5})?", re.IGNORECASE)

MAX_BYTES = 256 * 1024
"""How much the body of a request may hold, where the server does not say otherwise: no form of ours is longer."""

BODY_SECONDS = 60.0
"""How long a body may take to arrive."""


class BrowserGuard:
    """An application that hands on what comes from its own pages or from no browser at all, and refuses the rest."""

    def __init__(
        self, app: ASGIApp, bound: str, names: Collection[str] | None = (), max_bytes: int = MAX_BYTES
    ) -> None:
        """Guards an application.

        Args:
            bound: the name or address that the server listens on.
            names: other names that the server has, such as its name at a reverse proxy; None if it answers to any,
                since the application believes nobody for where they sit.
        """
        self._app, self._bound, self._max_bytes = app, bound, max_bytes
        self._names = LOCAL_NAMES | {name.lower() for name in (bound, *(names or ()))}
        self._has_any_name = names is None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        refusal = self._refusal(Request(scope))
        if refusal is None:
            await self._app(scope, self._bounded(receive), send_guarded)
            return
        # What was asked for is not repeated: it may hold what nobody else should read.
        LOG.warning("%d %s", refusal.status_code, refusal.detail)
        answer = PlainTextResponse(f"{refusal.detail}\n", refusal.status_code)
        await answer(scope, receive, send_guarded)

    def _refusal(self, request: Request) -> HTTPException | None:
        if not (self._has_any_name or self._is_ours(request.headers.getlist("host"))):
            return HTTPException(
                HTTPStatus.MISDIRECTED_REQUEST,
                f"The request asks for another host. This server answers to {', '.join(sorted(self._names))}; "
                "listen on another name (--host) to answer to that.",
            )
        if comes_from_elsewhere(request):
            return HTTPException(HTTPStatus.FORBIDDEN, "The request was sent from another site. Send it from here.")
        return None

    def _is_ours(self, hosts: list[str]) -> bool:
        """Tells whether a request is for this server. A site whose name is made to lead to this machine (DNS rebinding)
        sends its own name; so an address is always a true one.
        """
        found = HOST.fullmatch(hosts[0]) if len(hosts) == 1 else None
        if found is None:
            return False
        name = found[1].strip("[]").lower()
        return name in self._names or (self._bound in EVERY_ADDRESS and _is_address(name))

    def _bounded(self, receive: Receive) -> Receive:
        """Reads no body that is too long or takes too long; the application answers the exception as its others."""
        taken, is_read = 0, False
        until = asyncio.get_running_loop().time() + BODY_SECONDS

        async def receive_bounded() -> Message:
            nonlocal taken, is_read
            if is_read:
                return await receive()
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, "The request did not come to its end.") from None
            is_read = not message.get("more_body", False)
            taken += len(message.get("body", b""))
            if taken > self._max_bytes:
                raise HTTPException(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The request holds more than {self._max_bytes:,} bytes."
                )
            return message

        return receive_bounded


def comes_from_elsewhere(request: Request) -> bool:
    """Tells whether a browser says that another site's page sent the request, other than by a link that leads here.
    Clients other than browsers do not say.
    """
    told = request.headers
    if told.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        is_link = (told.get("sec-fetch-mode"), told.get("sec-fetch-dest")) == ("navigate", "document")
        return not (is_link and request.method in ("GET", "HEAD"))
    return any(_netloc(origin) != told.get("host", "").lower() for origin in told.getlist("origin"))


def _netloc(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
