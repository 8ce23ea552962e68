"""Who may call Azure Resource Manager: the token's audience and tenant, and a role that allows the action.

What belongs here: the checks before a route answers, and their refusals in Azure's words. Tokens belong to `entra/`;
roles belong to `roles.py`. Source: Microsoft, Troubleshoot common Azure deployment errors; managed applications.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from o365_pipeline.sandbox.azure.resources import Resource, Resources
from o365_pipeline.sandbox.azure.roles import RoleAssignments, lies_within, role_allows
from o365_pipeline.sandbox.azure.solutions import APPLICATION_TYPE
from o365_pipeline.sandbox.azure.subscriptions import Subscriptions
from o365_pipeline.sandbox.entra.directory import Directory
from o365_pipeline.sandbox.entra.tokens import ARM, Token, TokenError, Tokens
from o365_pipeline.sandbox.wire_errors import ServiceError

VERBS = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete", "POST": "action"}
FOR_ANYBODY_SIGNED_IN = re.compile(r"/providers/Microsoft\.Resources/operationStatuses/", re.IGNORECASE)


@dataclass(frozen=True)
class ArmAccess:
    """Checks requests to Azure Resource Manager."""

    directory: Directory
    tokens: Tokens
    subscriptions: Subscriptions
    resources: Resources

    def token(self, request: Request) -> Token:
        """Returns the token of a request.

        Raises:
            ServiceError: there is none, it is not good, or it is for another service.
        """
        if "Authorization" not in request.headers:
            raise ServiceError(
                401, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."
            )
        try:
            token = self.tokens.of(request)
        except TokenError as error:
            raise ServiceError(401, "InvalidAuthenticationToken", str(error)) from error
        if token.audience != ARM:
            raise ServiceError(
                401,
                "InvalidAuthenticationTokenAudience",
                f"The access token has been obtained for wrong audience or resource '{token.audience}'. It should "
                f"exactly match with one of the allowed audiences '{ARM}/'.",
            )
        return token

    def subscriptions_of(self, request: Request) -> list[tuple[str, str]]:
        """Returns the subscriptions that a caller sees, each with its tenant: those in which it has some role.

        Raises:
            ServiceError: its token is not good.
        """
        token = self.token(request)
        assigned = RoleAssignments(self.resources).scopes_of(token.object_id)
        return [
            (subscription_id, token.tenant_id)
            for subscription_id in self.subscriptions.of_tenant(token.tenant_id)
            if self.directory.grants_unasked
            or any(lies_within(scope, f"/subscriptions/{subscription_id}") for scope in assigned)
        ]

    def check(self, request: Request) -> None:
        """Checks that the caller may do what a request asks for.

        Raises:
            ServiceError: it may not.
        """
        token, scope = self.token(request), f"/{request.url.path.strip('/')}"
        _, place, *rest = scope.split("/")
        if place.lower() != "subscriptions" or not rest:
            return
        tenant_id = self._tenant_of(rest[0], token)
        if FOR_ANYBODY_SIGNED_IN.search(scope):
            return
        action = action_of(request.method, scope)
        if token.tenant_id == tenant_id:
            allowed = self.directory.grants_unasked or RoleAssignments(self.resources).allows(
                token.object_id, action, scope
            )
        else:
            allowed = self._allowed_from_outside(token, tenant_id, action, scope)
        if not allowed:
            raise ServiceError(
                403,
                "AuthorizationFailed",
                f"The client '{token.application_id}' with object id '{token.object_id}' does not have authorization "
                f"to perform action '{action}' over scope '{scope}' or the scope is invalid. If access was recently "
                "granted, please refresh your credentials.",
            )

    def _tenant_of(self, subscription_id: str, token: Token) -> str:
        if self.directory.grants_unasked:
            self.subscriptions.create(subscription_id, token.tenant_id)
        tenant_id = self.subscriptions.tenant_of(subscription_id)
        if tenant_id is None:
            raise ServiceError(404, "SubscriptionNotFound", f"The subscription '{subscription_id}' could not be found.")
        return tenant_id

    def _allowed_from_outside(self, token: Token, tenant_id: str, action: str, scope: str) -> bool:
        """Tells whether a publisher's token, of its own tenant, opens what a managed application lets it see.

        Raises:
            ServiceError: nothing in the subscription is of that publisher's.
        """
        sold = [
            application
            for application in self.resources.of_type(APPLICATION_TYPE, "/".join(scope.split("/")[:3]))
            if application["properties"].get("publisherTenantId", "").lower() == token.tenant_id
        ]
        of_publisher = any(_shows(application, scope) for application in sold)
        if self.directory.grants_unasked and (of_publisher or f"/{APPLICATION_TYPE}/".lower() in scope.lower()):
            return True
        if not sold:
            raise ServiceError(
                401,
                "InvalidAuthenticationTokenTenant",
                f"The access token is from the wrong issuer '{token.issuer}'. It must match the tenant "
                f"'https://sts.windows.net/{tenant_id}/' associated with this subscription.",
            )
        granted_as = self.directory.ids_of(token.object_id)
        roles = [
            authorization["roleDefinitionId"]
            for application in sold
            if _shows(application, scope)
            for authorization in application["properties"].get("authorizations") or []
            if authorization["principalId"].lower() in granted_as
        ]
        return role_allows(roles, action)


def _shows(application: Resource, scope: str) -> bool:
    """Tells whether something is an application itself, or lies in its managed resource group."""
    return scope.lower() == application["id"].lower() or lies_within(
        scope, application["properties"]["managedResourceGroupId"]
    )


def action_of(method: str, path: str) -> str:
    """Returns the action that a request is, such as Microsoft.DataFactory/factories/pipelines/createRun/action."""
    before, found, after = path.rpartition("/providers/")
    if found:
        provider, *parts = after.split("/")
        kinds = [provider, *parts[::2]]
    else:
        kinds = ["Microsoft.Resources", *before.split("/")[1::2], *after.split("/")[1::2]]
    return "/".join([*kinds, VERBS[method]])


def guarded(routes: Iterable[Route], check: Callable[[Request], None]) -> list[Route]:
    """Returns the same routes, which answer after a check of the request."""
    guard = Middleware(_Guard, check=check)
    return [
        Route(route.path, route.endpoint, methods=list(route.methods or ()), middleware=[guard]) for route in routes
    ]


class _Guard:
    def __init__(self, app: ASGIApp, check: Callable[[Request], None]) -> None:
        self._app = app
        self._check = check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await run_in_threadpool(self._check, Request(scope))
        await self._app(scope, receive, send)
