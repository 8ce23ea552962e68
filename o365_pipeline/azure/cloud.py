"""The cloud under the Azure SDK: the credential and the transport that every Azure client uses.

What belongs here: sign-in and transport. The clients are the real ones everywhere; a cloud decides what is beneath
them. Calls belong to the stages.
"""

from __future__ import annotations

import base64
import json
import re
from abc import ABC, abstractmethod
from functools import cache
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

import dagster as dg
from azure.core.credentials import (
    AccessToken,
    AccessTokenInfo,
    SupportsTokenInfo,
    TokenCredential,
    TokenRequestOptions,
)
from azure.core.exceptions import ClientAuthenticationError, DecodeError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.core.pipeline.transport import HttpTransport, RequestsTransport
from pydantic import Field

CONNECTION_SECONDS, READ_SECONDS = 5, 30
"""How long a call waits for a connection and for an answer, so that an unreachable host does not block a sensor."""


ARM_URL = "https://management.azure.com"

SignIn = Literal["default", "managed-identity", "workload-identity", "service-principal", "azure-cli"]
"""How to sign in to Microsoft Entra; `default` tries azure-identity's chain and uses the first method that works."""


REMEDIES = {
    "AADSTS700016": "an administrator of that tenant must admit the application first (docs/hosting.md)",
    "Identity not found": "assign the identity to this machine, and see that AZURE_CLIENT_ID is its client id",
    "AADSTS500011": "check O365_ARM_URL where it is set",
}
"""What to do about a refusal of Microsoft Entra's, by its code or words."""


def sign_in_failure(error: ClientAuthenticationError) -> str:
    """Says in one line, without names, why the sign-in failed and what to do; azure-identity's text has many lines."""
    first = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(". ")
    told = re.sub(r"\S+@\S+", "(somebody)", first)
    if "HTTPSConnection" in told:
        return f"{told}: check the network, the proxy, and AZURE_AUTHORITY_HOST where it is set"
    for code, remedy in REMEDIES.items():
        if code in told:
            return f"{told}: {remedy}"
    return f"{told}: set O365_CREDENTIAL to the way that works here, or sign in (az login)"


def tenant_of(token: str) -> str | None:
    """Returns the tenant that an access token says it is of; None if the token cannot be read."""
    try:
        claims = token.split(".")[1]
        tenant_id = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["tid"]
    except (IndexError, ValueError, KeyError, TypeError):
        return None
    return str(tenant_id).lower()


class JsonAlone(SansIOHTTPPolicy[Any, Any]):
    """Refuses answers that are not JSON, such as a proxy's page, with the error of Azure's SDK that callers expect."""

    def on_response(self, _request: PipelineRequest[Any], response: PipelineResponse[Any, Any]) -> None:
        answer = response.http_response
        kind, length = (answer.headers.get(name, "") for name in ("Content-Type", "Content-Length"))
        if answer.status_code < 300 and kind and "json" not in kind and length != "0":
            raise DecodeError(f"{kind} was answered, not JSON: check O365_ARM_URL and the proxy", response=answer)


class Credential(TokenCredential, SupportsTokenInfo, Protocol):
    """The interface of azure-identity's credentials."""


class Cloud(dg.ConfigurableResource, ABC):
    """A cloud under the Azure SDK."""

    arm_url: str = Field(default=ARM_URL, description="Where Azure Resource Manager answers.")
    feed_url: str | None = Field(
        default=None, description="Where the Management Activity API answers, if not where the tenant's plan says."
    )

    @abstractmethod
    def credential(self, tenant_id: str | None = None) -> TokenCredential:
        """Returns the credential for the clients; for a tenant's own APIs, one that signs in to that tenant."""

    @abstractmethod
    def transport(self) -> HttpTransport[Any, Any]:
        """Returns the transport of the clients' requests."""


class AzureCloud(Cloud):
    """Azure itself, over HTTPS."""

    sign_in: str = Field(default="default", description="How to sign in to Microsoft Entra.")
    client_id: str | None = Field(default=None, description="The client id of a user-assigned managed identity.")
    authority: str | None = Field(default=None, description="Where to sign in, if not at login.microsoftonline.com.")

    def credential(self, tenant_id: str | None = None) -> TokenCredential:
        signed_in = _signed_in(self.sign_in, self.client_id, self.authority)
        return signed_in if tenant_id is None else TenantCredential(signed_in, tenant_id)

    def transport(self) -> HttpTransport[Any, Any]:
        return RequestsTransport(connection_timeout=CONNECTION_SECONDS, read_timeout=READ_SECONDS)


@cache
def _signed_in(sign_in: str, client_id: str | None, authority: str | None) -> Credential:
    """Makes the one credential of this process, which caches its tokens. A vendor's may sign in to its customers'
    tenants.
    """
    # The sandbox has a sign-in of its own, which need not wait for the library.
    from azure import identity

    everywhere = ["*"]
    hosts = identity.AzureAuthorityHosts
    public = (hosts.AZURE_PUBLIC_CLOUD, hosts.AZURE_GOVERNMENT, hosts.AZURE_CHINA)
    # Nobody but Microsoft's own authorities can be asked whether an authority is one.
    private = authority is not None and urlsplit(authority).netloc not in public
    match sign_in:
        case "managed-identity":
            return identity.ManagedIdentityCredential(client_id=client_id)
        case "workload-identity":
            return identity.WorkloadIdentityCredential(
                client_id=client_id, additionally_allowed_tenants=everywhere, disable_instance_discovery=private
            )
        case "service-principal":
            return identity.EnvironmentCredential(
                additionally_allowed_tenants=everywhere, disable_instance_discovery=private
            )
        case "azure-cli":
            return identity.AzureCliCredential(additionally_allowed_tenants=everywhere)
    return identity.DefaultAzureCredential(additionally_allowed_tenants=everywhere)


class TenantCredential:
    """Signs in to one tenant: a vendor's application, in the tenant of a customer that has admitted it."""

    def __init__(self, credential: Credential, tenant_id: str) -> None:
        self._credential = credential
        self._tenant_id = tenant_id

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return self._credential.get_token(*scopes, **{**options, "tenant_id": self._tenant_id})

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        in_tenant: TokenRequestOptions = {**(options or {}), "tenant_id": self._tenant_id}
        return self._credential.get_token_info(*scopes, options=in_tenant)
