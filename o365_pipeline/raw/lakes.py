"""The customers' lakes: one for all customers, or each customer's own container on Azure.

What belongs here: which customer has which lake, its address and its sign-in. Reading and writing belong to `lake.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import unquote, urlsplit

from azure.core.credentials import TokenCredential
from obstore.exceptions import BaseError
from obstore.store import AzureStore
from pydantic import SecretStr

from o365_pipeline.customers.customer import Customer
from o365_pipeline.errors import LakeError, SettingsError
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.lake_errors import LakeAccess

if TYPE_CHECKING:
    from azure.identity import DefaultAzureCredential
    from obstore.store import AzureConfig, ClientConfig, RetryConfig

ENDPOINT = "https://{account}.blob.core.windows.net"
"""The address of an account's Blob API, which also serves Data Lake Storage Gen2."""

OPEN_LAKES = 100
"""How many lakes are kept open; each has its own connections."""

CLIENT: ClientConfig = {"connect_timeout": timedelta(seconds=5), "timeout": timedelta(minutes=2)}
"""The time limits of a connection, and of a whole request for one piece of an object."""

RETRIES: RetryConfig = {
    "max_retries": 6,
    "retry_timeout": timedelta(minutes=2),
    "backoff": {"init_backoff": timedelta(milliseconds=250), "max_backoff": timedelta(seconds=8), "base": 2},
}
"""How often a request is repeated after a failure of the server or the network: for about ten seconds, longer after a
timeout.
"""

SignIn = Callable[[str | None], TokenCredential]
"""Signs in to a tenant, or to the deployment's own tenant if none is named."""


class Lakes:
    """The lake of each customer.

    Args:
        url: the one lake of all customers, file:///path or az://account/container; without it each has its
            container.
        endpoint: the address of accounts; {account} is replaced by the account's name.
        account_key: the key that signs requests to all accounts, instead of a sign-in.
        credential: the sign-in if there is no key: to a customer's container in the customer's tenant.
    """

    def __init__(
        self,
        url: str | None = None,
        endpoint: str = ENDPOINT,
        account_key: SecretStr | None = None,
        credential: SignIn | None = None,
    ) -> None:
        self._url = url
        self._endpoint = endpoint
        self._key = account_key or None
        self._credential = credential
        self._opened = lru_cache(maxsize=OPEN_LAKES)(self._open)

    def __repr__(self) -> str:
        return f"Lakes({self._url or self._endpoint})"

    def of(self, customer: Customer) -> Lake:
        """The customer's lake."""
        return self.at(customer.storage_account, customer.container, customer.azure_tenant_id)

    def at(self, storage_account: str, container: str, tenant_id: str | None = None) -> Lake:
        """Returns the lake in a container, or the one of all customers if they share one."""
        if self._url:
            return self._opened(self._url, None)
        return self._opened(f"az://{storage_account}/{container}", tenant_id)

    def _open(self, url: str, tenant_id: str | None) -> Lake:
        parts = urlsplit(url)
        if parts.scheme == "file":
            return Lake.in_folder(Path(unquote(parts.path)))
        account, container = parts.netloc, parts.path.strip("/")
        endpoint = self._endpoint.replace("{account}", account).rstrip("/")
        access = LakeAccess(f"{endpoint}/{container}", by_key=self._key is not None)
        return Lake(url, self._store(account, container, endpoint, tenant_id), access)

    def _store(self, account: str, container: str, endpoint: str, tenant_id: str | None) -> AzureStore:
        """Opens the container's store; these settings take precedence over obstore's environment variables.

        A token is never sent over HTTP, where it could be read; a key is not sent at all, only signatures made with it.
        """
        config: AzureConfig = {
            "account_name": account,
            "container_name": container,
            "endpoint": endpoint,
            "use_emulator": False,
            "skip_signature": False,
        }
        provider = None
        if self._key:
            config |= {"account_key": self._key.get_secret_value(), "credential_type": "access_key"}
        elif endpoint.startswith("http:"):
            raise LakeError(f"{endpoint}/{container} takes no sign-in over http; use https, or set O365_STORAGE_KEY")
        elif self._credential:
            from obstore.auth.azure import AzureCredentialProvider

            provider = AzureCredentialProvider(cast("DefaultAzureCredential", self._credential(tenant_id)))
        else:
            raise LakeError(f"{endpoint}/{container}: there is neither a key nor a sign-in; set O365_STORAGE_KEY")
        client: ClientConfig = {**CLIENT, "allow_http": self._key is not None}
        try:
            return AzureStore(config=config, credential_provider=provider, client_options=client, retry_config=RETRIES)
        except BaseError:
            raise SettingsError("O365_STORAGE_KEY: the base64 text of a storage account's key is needed") from None
