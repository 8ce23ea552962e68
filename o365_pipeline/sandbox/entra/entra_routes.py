"""Microsoft Entra's routes: an application's endpoints and sign-in, and the endpoint of a machine's managed identities.

What belongs here: reading requests and writing answers. Who gets a token is decided in `sign_in.py`. Sources: Microsoft
identity platform and the OAuth 2.0 client credentials flow; managed identities in App Service and Container Apps.
"""

from __future__ import annotations

import datetime as dt
import uuid
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from o365_pipeline.sandbox.entra.graph_routes import SERVED
from o365_pipeline.sandbox.entra.sign_in import Entra, SignInError
from o365_pipeline.sandbox.entra.tokens import ARM, GRAPH, TOKEN_SECONDS

MANAGED_IDENTITY = "/msi/token"
"""The path of the address that Container Apps give a container in IDENTITY_ENDPOINT."""


def entra_routes(entra: Entra) -> list[Route]:
    """Builds the routes on which clients find a tenant's endpoints and get tokens."""

    async def sign_in(request: Request) -> Response:
        asked = dict(parse_qsl((await request.body()).decode()))
        return await run_in_threadpool(application_token, request, asked)

    def application_token(request: Request, asked: dict[str, str]) -> Response:
        resource = asked.get("scope", asked.get("resource", ""))
        try:
            text, _ = entra.application_token(
                request.path_params["tenant"],
                asked.get("client_id", ""),
                asked.get("client_secret"),
                _public(request, resource),
            )
        except SignInError as error:
            return _refused(error)
        return JSONResponse({"token_type": "Bearer", "expires_in": TOKEN_SECONDS, "access_token": text})

    def managed_identity_token(request: Request) -> Response:
        asked = request.query_params
        header = request.headers.get("X-IDENTITY-HEADER")
        if not header:
            return _refused(SignInError(400, "invalid_request", 900144, "The header X-IDENTITY-HEADER is missing."))
        resource, client_id = asked.get("resource", ""), asked.get("client_id", "")
        try:
            text, token = entra.managed_identity_token(client_id, _public(request, resource), header)
        except SignInError as error:
            return _refused(error)
        return JSONResponse(
            {
                "access_token": text,
                "expires_on": str(token.expires_on),
                "resource": resource,
                "token_type": "Bearer",
                "client_id": client_id,
            }
        )

    return [
        Route("/{tenant}/v2.0/.well-known/openid-configuration", _endpoints, methods=["GET"]),
        Route("/{tenant}/oauth2/v2.0/token", sign_in, methods=["POST"]),
        Route(MANAGED_IDENTITY, managed_identity_token, methods=["GET"]),
    ]


def _public(request: Request, resource: str) -> str:
    """Returns the public name of a resource: where all services share one address, that is Resource Manager's, or
    Graph's below its path.
    """
    own = str(request.base_url).rstrip("/")
    if resource.startswith(f"{own}{SERVED}"):
        return resource.replace(f"{own}{SERVED}", GRAPH, 1)
    return resource.replace(own, ARM, 1) if resource.startswith(own) else resource


async def _endpoints(request: Request) -> Response:
    tenant = f"{str(request.base_url).rstrip('/')}/{request.path_params['tenant']}"
    return JSONResponse(
        {
            "issuer": f"{tenant}/v2.0",
            "authorization_endpoint": f"{tenant}/oauth2/v2.0/authorize",
            "token_endpoint": f"{tenant}/oauth2/v2.0/token",
        }
    )


def _refused(error: SignInError) -> Response:
    return JSONResponse(
        {
            "error": error.error,
            "error_description": str(error),
            "error_codes": [error.code] if error.code else [],
            "timestamp": f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M:%SZ}",
            "trace_id": str(uuid.uuid4()),
            "correlation_id": str(uuid.uuid4()),
        },
        error.status,
    )
