"""Makes a Starlette endpoint of a plain function: it reads the JSON body first, and works outside the event loop.

What belongs here: that step alone, for both services.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from o365_pipeline.sandbox.wire_errors import ServiceError

Body = dict[str, Any]


def endpoint(function: Callable[[Request, Body], Response]) -> Callable[[Request], Awaitable[Response]]:
    """Makes an endpoint that answers with the function of the request and its JSON body ({} if there is none)."""

    async def answer(request: Request) -> Response:
        try:
            body = json.loads(await request.body() or b"{}")
        except ValueError as error:
            raise ServiceError(400, "InvalidRequestContent", f"The request's body is not JSON: {error}.") from error
        return await run_in_threadpool(function, request, body)

    return answer
