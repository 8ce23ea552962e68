"""What Azure Resource Manager tells a client that looks for the other services: the endpoints of this cloud.

What belongs here: that one answer, in which all services are at this address. Source: Microsoft, Azure Resource Manager
metadata endpoint; azure-cli reads it at `az cloud register`.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from o365_pipeline.sandbox.entra.graph_routes import SERVED

LIST_OF_CLOUDS = "2019-05-01"
"""The version of the answer that lists clouds; newer ones describe the one that was asked."""


def metadata_routes() -> list[Route]:
    """Builds the route, which needs no token."""
    return [Route("/metadata/endpoints", _endpoints, methods=["GET"])]


async def _endpoints(request: Request) -> Response:
    own = str(request.base_url).rstrip("/")
    cloud: dict[str, Any] = {
        "name": "O365Sandbox",
        "portal": own,
        "authentication": {"loginEndpoint": own, "audiences": [own], "tenant": "common", "identityProvider": "AAD"},
        "resourceManager": own,
        "gallery": own,
        "sqlManagement": own,
        "batch": own,
        "media": own,
        "vmImageAliasDoc": own,
        "graph": own,
        "graphAudience": f"{own}{SERVED}",
        "microsoftGraphResourceId": f"{own}{SERVED}",
        "activeDirectoryDataLake": own,
        "suffixes": {
            "storage": "core.windows.net",
            "keyVaultDns": "vault.azure.net",
            "sqlServerHostname": "database.windows.net",
            "acrLoginServer": "azurecr.io",
        },
    }
    listed = request.query_params.get("api-version") == LIST_OF_CLOUDS
    return JSONResponse([cloud] if listed else cloud)
