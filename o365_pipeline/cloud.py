"""Where Azure and Microsoft 365 answer: the credential and the transport that every Azure client is built with.

The clients are the real ones everywhere; a cloud decides what lies beneath them. What they are used for is the stages'.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cache
from typing import Any

import dagster as dg
from azure.core.credentials import AccessToken, AccessTokenInfo, TokenCredential, TokenRequestOptions
from azure.core.pipeline.transport import HttpTransport, RequestsTransport
from azure.identity import DefaultAzureCredential

CONNECTION_SECONDS, READ_SECONDS = 5, 30
"""How long a call waits for a connection and for an answer: a host that swallows requests must not hold a sensor."""


class Cloud(dg.ConfigurableResource, ABC):
    """A cloud under the Azure SDK."""

    @abstractmethod
    def credential(self, tenant_id: str | None = None) -> TokenCredential:
        """What the clients sign in with; for a tenant's own APIs, in that tenant."""

    @abstractmethod
    def transport(self) -> HttpTransport[Any, Any]:
        """What carries the clients' requests."""


class AzureCloud(Cloud):
    """Azure itself, over HTTPS, signed in by azure-identity's default chain."""

    def credential(self, tenant_id: str | None = None) -> TokenCredential:
        return _signed_in() if tenant_id is None else TenantCredential(_signed_in(), tenant_id)

    def transport(self) -> HttpTransport[Any, Any]:
        return RequestsTransport(connection_timeout=CONNECTION_SECONDS, read_timeout=READ_SECONDS)


@cache
def _signed_in() -> DefaultAzureCredential:
    return DefaultAzureCredential(additionally_allowed_tenants=["*"])


class TenantCredential:
    """Signs in to one tenant: the application of a vendor, in the tenant of a customer that has admitted it."""

    def __init__(self, credential: DefaultAzureCredential, tenant_id: str) -> None:
        self._credential = credential
        self._tenant_id = tenant_id

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return self._credential.get_token(*scopes, **{**options, "tenant_id": self._tenant_id})

    def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        in_tenant: TokenRequestOptions = {**(options or {}), "tenant_id": self._tenant_id}
        return self._credential.get_token_info(*scopes, options=in_tenant)
