"""Microsoft Entra's decisions about tokens: an application in a tenant that has admitted it, or a managed identity.

What belongs here: who gets a token, and the refusals in Entra's words. The routes belong to `entra_routes.py`. Source:
Microsoft Entra authentication and authorization error codes.
"""

from __future__ import annotations

import time
from typing import Any

from azure.core.credentials import AccessToken, AccessTokenInfo
from azure.core.exceptions import ClientAuthenticationError

from o365_pipeline.errors import O365PipelineError
from o365_pipeline.sandbox.entra.directory import Directory, Principal
from o365_pipeline.sandbox.entra.tokens import (
    ACTIVITY_FEED_READ,
    FEED,
    GRAPH,
    MAY_GRANT,
    TOKEN_SECONDS,
    Token,
    Tokens,
    audience_of,
)

GRANTED_UNASKED = {FEED: ACTIVITY_FEED_READ, GRAPH: MAY_GRANT}
"""The app roles that an administrator who grants unasked gives to every application."""


class SignInError(O365PipelineError):
    """A token that Entra does not issue."""

    def __init__(self, status: int, error: str, code: int | None, message: str) -> None:
        super().__init__(f"AADSTS{code}: {message}" if code else message)
        self.status = status
        self.error = error
        self.code = code


class Entra:
    """Issues tokens of a directory's tenants."""

    def __init__(self, directory: Directory, tokens: Tokens) -> None:
        self.directory = directory
        self.tokens = tokens

    def application_token(
        self, tenant_id: str, application_id: str, secret: str | None, resource: str
    ) -> tuple[str, Token]:
        """Signs an application in to a tenant, for a resource; returns the token as it is sent, and what it says.

        Raises:
            SignInError: the tenant has not admitted it, its secret is wrong, or nothing has the resource's name.
        """
        if self.directory.grants_unasked:
            self._admit(tenant_id, application_id)
        principal = self.directory.find(tenant_id, application_id)
        application = self.directory.application(application_id)
        if principal is None or principal.is_managed or application is None:
            raise _not_found(tenant_id, application_id)
        if not application.takes(secret):
            raise SignInError(
                401,
                "invalid_client",
                7000215,
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
                f"value, not the client secret ID, for a secret added to app '{application_id}'.",
            )
        return self._issued(principal, resource)

    def managed_identity_token(self, client_id: str, resource: str, header: str | None) -> tuple[str, Token]:
        """Signs a managed identity in to the only tenant that it has, whichever a client asks for.

        Args:
            header: what the machine says that asks.

        Raises:
            SignInError: there is no such identity on this machine, or nothing has the resource's name.
        """
        principal = self.directory.managed_identity(client_id)
        if principal is None or principal.header not in (None, header):
            raise SignInError(400, "invalid_request", None, f"Identity not found: no identity has the id {client_id}")
        if self.directory.grants_unasked:
            self._grant(principal)
        return self._issued(principal, resource)

    def _issued(self, principal: Principal, resource: str) -> tuple[str, Token]:
        audience = audience_of(resource)
        if audience is None:
            raise SignInError(
                400,
                "invalid_resource",
                500011,
                f"The resource principal named {resource.removesuffix('/.default')} was not found in the tenant named "
                f"{principal.tenant_id}.",
            )
        token = Token(
            principal.tenant_id,
            audience,
            principal.application_id,
            principal.object_id,
            self.directory.app_roles(principal, audience),
            int(time.time()) + TOKEN_SECONDS,
        )
        return self.tokens.write(token), token

    def _admit(self, tenant_id: str, application_id: str) -> None:
        if self.directory.find(tenant_id, application_id):
            return
        if self.directory.application(application_id) is None:
            self.directory.register(application_id, tenant_id, is_multi_tenant=True)
        self._grant(self.directory.admit(tenant_id, application_id))

    def _grant(self, principal: Principal) -> None:
        for audience, role in GRANTED_UNASKED.items():
            self.directory.grant(principal, audience, role)


class SandboxCredential:
    """Signs the deployment's identity in, in this process, as azure-identity's credentials do.

    Args:
        tenant_id: the tenant to sign in to; a managed identity has one of its own, and does not look at it.
        header: what this machine says to get the tokens of its managed identities.
    """

    def __init__(
        self, entra: Entra, tenant_id: str, client_id: str, *, is_managed: bool = False, header: str | None = None
    ) -> None:
        self._entra = entra
        self._tenant_id = tenant_id
        self._client_id = client_id
        self._is_managed = is_managed
        self._header = header

    def get_token(self, *scopes: str, tenant_id: str | None = None, **_options: object) -> AccessToken:
        text, token = self._token(scopes[0], tenant_id)
        return AccessToken(text, token.expires_on)

    def get_token_info(self, *scopes: str, options: dict[str, Any] | None = None) -> AccessTokenInfo:
        text, token = self._token(scopes[0], (options or {}).get("tenant_id"))
        return AccessTokenInfo(text, token.expires_on)

    def _token(self, scope: str, tenant_id: str | None) -> tuple[str, Token]:
        try:
            if self._is_managed:
                return self._entra.managed_identity_token(self._client_id, scope, self._header)
            return self._entra.application_token(tenant_id or self._tenant_id, self._client_id, None, scope)
        except SignInError as error:
            raise ClientAuthenticationError(f"Authentication failed: {error}") from error


def _not_found(tenant_id: str, application_id: str) -> SignInError:
    return SignInError(
        400,
        "unauthorized_client",
        700016,
        f"Application with identifier '{application_id}' was not found in the directory '{tenant_id}'. This can happen "
        "if the application has not been installed by the administrator of the tenant or consented to by any user in "
        "the tenant. You may have sent your authentication request to the wrong tenant.",
    )
