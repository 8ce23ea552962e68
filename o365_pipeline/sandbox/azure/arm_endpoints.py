"""What the routes of Azure's resource providers share: versions, fields of a body, and long-running operations.

What belongs here: reading parts of a request and answering as Resource Manager does. The resources belong to each
provider's own module.
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
    """Checks that a request has the supported api-version.

    Raises:
        ServiceError: it has another.
    """
    if (asked := request.query_params.get("api-version")) != version:
        raise ServiceError(400, "InvalidApiVersionParameter", f"The api-version '{asked}' is invalid; use {version}.")


def refuse_content(message: str) -> ServiceError:
    """Makes ARM's error for a body with a wrong value."""
    return ServiceError(400, "InvalidRequestContent", f"The request content was invalid: {message}.")


def field(content: Any, name: str, kind: type) -> Any:
    """Returns a field of a body.

    Raises:
        ServiceError: it is missing, or has another type.
    """
    value = content.get(name) if isinstance(content, dict) else None
    if not isinstance(value, kind):
        raise refuse_content(f"'{name}' must be given")
    return value


def goes_on(request: Request, status: int, content: Any = None) -> Response:
    """Answers with a long-running operation, which clients poll; in the sandbox it ends at once."""
    subscription = request.url.path.lstrip("/").split("/")[1]
    path = OPERATION.format(subscription=subscription, operation=uuid.uuid4())
    version = request.query_params.get("api-version")
    headers = {"Azure-AsyncOperation": f"{str(request.base_url).rstrip('/')}{path}?api-version={version}"}
    return JSONResponse(content, status, headers) if content else Response(status_code=status, headers=headers)


def operation_routes() -> list[Route]:
    """Builds the routes on which clients poll operations."""

    def ended(request: Request, _: Body) -> Response:
        return JSONResponse({"id": request.url.path, "status": "Succeeded"})

    return [Route(OPERATION, endpoint(ended), methods=["GET"])]
