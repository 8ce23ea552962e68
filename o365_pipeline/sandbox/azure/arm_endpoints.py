"""What the routes of Azure's resource providers have in common: versions, fields of a body, operations that go on.

What belongs here: reading a request's parts and answering as Resource Manager does. What a provider keeps is its own.
"""

from __future__ import annotations

import re
import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from o365_pipeline.sandbox.endpoints import Body, endpoint
from o365_pipeline.sandbox.wire_errors import ServiceError

OPERATION = "/subscriptions/{subscription}/providers/Microsoft.Resources/operationStatuses/{operation}"
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def check_version(request: Request, version: str) -> None:
    """See to it that a request is of the version that is answered.

    Raises:
        ServiceError: it is not.
    """
    if (asked := request.query_params.get("api-version")) != version:
        raise ServiceError(400, "InvalidApiVersionParameter", f"The api-version '{asked}' is invalid; use {version}.")


def refuse_content(message: str) -> ServiceError:
    """What ARM answers to a body that says something wrong."""
    return ServiceError(400, "InvalidRequestContent", f"The request content was invalid: {message}.")


def field(content: Any, name: str, kind: type) -> Any:
    """A part of a body.

    Raises:
        ServiceError: it is missing, or something else.
    """
    value = content.get(name) if isinstance(content, dict) else None
    if not isinstance(value, kind):
        raise refuse_content(f"'{name}' must be given")
    return value


def goes_on(request: Request, status: int, content: Any = None) -> Response:
    """An answer whose operation the client asks after until it has ended, which the sandbox's have at once."""
    subscription = request.url.path.lstrip("/").split("/")[1]
    path = OPERATION.format(subscription=subscription, operation=uuid.uuid4())
    version = request.query_params.get("api-version")
    headers = {"Azure-AsyncOperation": f"{str(request.base_url).rstrip('/')}{path}?api-version={version}"}
    return JSONResponse(content, status, headers) if content else Response(status_code=status, headers=headers)


def operation_routes() -> list[Route]:
    """Where clients ask after operations."""

    def ended(request: Request, _: Body) -> Response:
        return JSONResponse({"id": request.url.path, "status": "Succeeded"})

    return [Route(OPERATION, endpoint(ended), methods=["GET"])]
