"""Errors as the services answer them: an HTTP status and the envelope {"error": {"code", "message"}}.

What belongs here: the exception and its answer. Raising it belongs to the services.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from o365_pipeline.errors import O365PipelineError


class ServiceError(O365PipelineError):
    """A request that the service refuses."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def answer_error(_request: Request, error: Exception) -> Response:
    """Makes the envelope of an error; what the sandbox itself cannot do is answered as a bad request."""
    status, code = (error.status, error.code) if isinstance(error, ServiceError) else (400, "BadRequest")
    return JSONResponse({"error": {"code": code, "message": str(error)}}, status)
