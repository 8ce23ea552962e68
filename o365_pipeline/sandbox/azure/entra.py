"""Microsoft Entra's sign-in, as far as azure-identity needs it: every client gets a token, and nobody checks the token.

What belongs here: the two routes of the OAuth 2.0 client credentials flow. Source: Microsoft identity platform and the
OAuth 2.0 client credentials flow.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

TOKEN_SECONDS = 3_600


def entra_routes() -> list[Route]:
    """Builds the routes on which an application finds its tenant's endpoints and signs in."""
    return [
        Route("/{tenant}/v2.0/.well-known/openid-configuration", _endpoints, methods=["GET"]),
        Route("/{tenant}/oauth2/v2.0/token", _token, methods=["POST"]),
    ]


async def _endpoints(request: Request) -> Response:
    tenant = f"{str(request.base_url).rstrip('/')}/{request.path_params['tenant']}"
    return JSONResponse(
        {
            "issuer": f"{tenant}/v2.0",
            "authorization_endpoint": f"{tenant}/oauth2/v2.0/authorize",
            "token_endpoint": f"{tenant}/oauth2/v2.0/token",
        }
    )


async def _token(_request: Request) -> Response:
    return JSONResponse({"token_type": "Bearer", "expires_in": TOKEN_SECONDS, "access_token": "sandbox"})
