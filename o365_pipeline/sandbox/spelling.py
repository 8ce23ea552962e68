"""Azure Resource Manager reads paths in any case: `resourcegroups` is `resourceGroups`.

What belongs here: writing the words of a path as the routes have them. Names keep their case.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

SUBSCRIPTIONS = "subscriptions"


class AnyCase:
    """Writes the paths of requests as an application's routes write them, without a doubled or a last slash."""

    def __init__(self, app: ASGIApp, routes: Iterable[Route]) -> None:
        self._app = app
        words = {word for route in routes for word in route.path.split("/") if word and not word.startswith("{")}
        self._words = {word.lower(): word for word in words}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].strip("/").lower().startswith(SUBSCRIPTIONS):
            scope = {**scope, "path": self._spelled(scope["path"])}
        await self._app(scope, receive, send)

    def _spelled(self, path: str) -> str:
        """Returns a path whose words, at every other place, and providers' names are as the routes write them."""
        parts = path.strip("/").split("/")
        for place, part in enumerate(parts):
            if place % 2 == 0 or parts[place - 1] == "providers":
                parts[place] = self._words.get(part.lower(), part)
        return "/" + "/".join(parts)
