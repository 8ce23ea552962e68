"""Microsoft Graph's routes of service principals, and Entra's consent link: how an administrator admits and grants.

What belongs here: reading requests and writing answers for `az ad sp show`, `az rest` and a browser. What is stored
belongs to `directory.py`. Sources: Microsoft Graph, appRoleAssignment; Microsoft identity platform, admin consent.
"""

from __future__ import annotations

import re
import uuid
from html import escape
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from o365_pipeline.sandbox.endpoints import Body, endpoint
from o365_pipeline.sandbox.entra.directory import Directory, Principal
from o365_pipeline.sandbox.entra.tokens import ACTIVITY_FEED_READ, FEED, GRAPH, MAY_GRANT, Token, TokenError, Tokens
from o365_pipeline.sandbox.wire_errors import ServiceError

SERVED = "/graph"
"""Where Graph answers if all services share one address."""

MANAGEMENT_API = "c5393580-f805-4401-95e8-94b7a6ef2fc2"
ROLE_IDS = {"594c1fb6-4f81-4475-ae41-0c394909246c": ACTIVITY_FEED_READ}
"""The application of the Office 365 Management APIs, and its app roles by id, the same in every tenant."""

WANTED = re.compile(r"(?:c|appId) eq '([^']*)'")

CONSENT_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Permissions requested</title>
<h1>Permissions requested</h1>
<p>The application {application} asks the administrator of {tenant} to read activity data of the organization
(ActivityFeed.Read).</p>
<form method="post" action="{action}"><button>Accept</button></form>
</html>
"""


def graph_routes(directory: Directory, tokens: Tokens, at: str = "") -> list[Route]:
    """Builds Graph's routes, below a path."""

    def principals(request: Request, _: Body) -> Response:
        token = _token(tokens, request)
        wanted = WANTED.search(request.query_params.get("$filter", ""))
        found = [*map(_described, directory.in_tenant(token.tenant_id)), _management_api(token.tenant_id)]
        return JSONResponse({"value": [entry for entry in found if wanted is None or entry["appId"] == wanted[1]]})

    def principal(request: Request, _: Body) -> Response:
        token = _token(tokens, request)
        if request.path_params["principal"] == _management_api(token.tenant_id)["id"]:
            return JSONResponse(_management_api(token.tenant_id))
        return JSONResponse(_described(_found(directory, token, request)))

    def assignments(request: Request, _: Body) -> Response:
        token = _token(tokens, request)
        found = _found(directory, token, request)
        return JSONResponse({"value": [_assignment(found, role) for role in directory.app_roles(found, FEED)]})

    def assign(request: Request, body: Body) -> Response:
        token = _token(tokens, request)
        if MAY_GRANT not in token.roles:
            raise ServiceError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
        found, role = _found(directory, token, request), ROLE_IDS.get(str(body.get("appRoleId")).lower())
        if (
            body.get("principalId") != found.object_id
            or body.get("resourceId") != _management_api(token.tenant_id)["id"]
        ):
            raise ServiceError(400, "Request_BadRequest", "One or more properties are invalid.")
        if role is None:
            raise ServiceError(400, "Request_BadRequest", "Permission being assigned was not found on application.")
        directory.grant(found, FEED, role)
        return JSONResponse(_assignment(found, role), 201)

    one = f"{at}/v1.0/servicePrincipals/{{principal}}"
    return [
        Route(f"{at}/v1.0/servicePrincipals", endpoint(principals), methods=["GET"]),
        Route(one, endpoint(principal), methods=["GET"]),
        Route(f"{one}/appRoleAssignments", endpoint(assignments), methods=["GET"]),
        Route(f"{one}/appRoleAssignments", endpoint(assign), methods=["POST"]),
    ]


def consent_routes(directory: Directory) -> list[Route]:
    """Builds the routes of the consent link: its page asks whoever opens it, as the tenant's administrator.

    The page's own form alone grants. A link grants nothing, since any site can lead a browser here.
    """

    def wanted(request: Request) -> str:
        asked, tenant_id = request.query_params, request.path_params["tenant"]
        application = directory.application(asked.get("client_id", ""))
        if application is None or not (application.is_multi_tenant or application.tenant_id == tenant_id.lower()):
            raise ServiceError(400, "AADSTS700016", f"No application {asked.get('client_id')} can be admitted here.")
        if urlsplit(asked.get("redirect_uri", "")).scheme not in ("https", "http"):
            raise ServiceError(400, "AADSTS900971", "No reply address provided.")
        return application.application_id

    def ask(request: Request, _: Body) -> Response:
        return HTMLResponse(
            CONSENT_PAGE.format(
                application=escape(wanted(request)),
                tenant=escape(request.path_params["tenant"]),
                action=escape(f"{request.url.path}?{request.url.query}"),
            )
        )

    def consent(request: Request, _: Body) -> Response:
        asked, tenant_id = request.query_params, request.path_params["tenant"]
        directory.grant(directory.admit(tenant_id, wanted(request)), FEED, ACTIVITY_FEED_READ)
        answer = {"admin_consent": "True", "tenant": tenant_id, "scope": asked.get("scope", "")}
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}", HTTPStatus.SEE_OTHER)

    path = "/{tenant}/v2.0/adminconsent"
    return [
        Route(path, endpoint(ask), methods=["GET"]),
        Route(path, endpoint(consent), methods=["POST"]),
    ]


def _token(tokens: Tokens, request: Request) -> Token:
    try:
        token = tokens.of(request)
    except TokenError as error:
        raise ServiceError(401, "InvalidAuthenticationToken", str(error)) from error
    if token.audience != GRAPH:
        raise ServiceError(401, "InvalidAuthenticationToken", "Access token validation failure. Invalid audience.")
    return token


def _found(directory: Directory, token: Token, request: Request) -> Principal:
    """Returns the principal whose object id a path names, in the caller's tenant."""
    found = directory.by_object_id(request.path_params["principal"])
    if found is None or found.tenant_id != token.tenant_id:
        name = request.path_params["principal"]
        raise ServiceError(404, "Request_ResourceNotFound", f"Resource '{name}' does not exist.")
    return found


def _described(found: Principal) -> dict[str, Any]:
    kind = "ManagedIdentity" if found.is_managed else "Application"
    return {"id": found.object_id, "appId": found.application_id, "servicePrincipalType": kind, "appRoles": []}


def _management_api(tenant_id: str) -> dict[str, Any]:
    """The principal of the Office 365 Management APIs, which every tenant has."""
    roles = [{"id": name, "value": role, "isEnabled": True} for name, role in ROLE_IDS.items()]
    object_id = uuid.uuid5(uuid.NAMESPACE_URL, f"{MANAGEMENT_API} in {tenant_id}")
    described = {"id": str(object_id), "appId": MANAGEMENT_API, "displayName": "Office 365 Management APIs"}
    return {**described, "servicePrincipalType": "Application", "appRoles": roles}


def _assignment(found: Principal, role: str) -> dict[str, Any]:
    [role_id] = [name for name, value in ROLE_IDS.items() if value == role]
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{found.object_id} {role}")),
        "principalId": found.object_id,
        "resourceId": _management_api(found.tenant_id)["id"],
        "appRoleId": role_id,
    }
