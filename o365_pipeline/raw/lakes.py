"""The customers' lakes: one for all of them, or each one's own container on Azure.

What belongs here: which lake is whose, and how it is reached and signed in to. What is done with it belongs to
`lake.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import unquote, urlsplit

from azure.core.credentials import TokenCredential
from obstore.auth.azure import AzureCredentialProvider
from obstore.exceptions import BaseError
from obstore.store import AzureStore
from pydantic import SecretStr

from o365_pipeline.customers.customer import Customer
from o365_pipeline.errors import LakeError, SettingsError
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.lake_errors import Place

if TYPE_CHECKING:
    from azure.identity import DefaultAzureCredential
    from obstore.store import AzureConfig, ClientConfig, RetryConfig

ENDPOINT = "https://{account}.blob.core.windows.net"
"""Where the Blob API of an account answers; of Data Lake Storage Gen2 as well."""

OPEN_LAKES = 100
"""How many lakes are kept open: each has connections of its own."""

CLIENT: ClientConfig = {"connect_timeout": timedelta(seconds=5), "timeout": timedelta(minutes=2)}
"""How long a connection, and the whole of a request of one piece of an object, may take."""

RETRIES: RetryConfig = {
    "max_retries": 6,
    "retry_timeout": timedelta(minutes=2),
    "backoff": {"init_backoff": timedelta(milliseconds=250), "max_backoff": timedelta(seconds=8), "base": 2},
}
"""How often what failed at the server or on the way is tried again: for some ten seconds, longer where it hangs."""

SignIn = Callable[[str | None], TokenCredential]
"""What signs in to a tenant, or to one's own where none is named."""


class Lakes:
    """The lake of each customer.

    Args:
        url: the one lake of all customers, file:///path or az://account/container; without it each has its container.
        endpoint: where accounts answer; {account} stands for the account's name.
        account_key: what signs requests to all accounts, instead of a sign-in.
        credential: what signs in where there is no key: to a customer's container in the customer's tenant.
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
        return self.at(customer.storage_account, customer.container, customer.tenant_id)

    def at(self, storage_account: str, container: str, tenant_id: str | None = None) -> Lake:
        """The lake in a container; the one of all customers where they share one."""
        if self._url:
            return self._opened(self._url, None)
        return self._opened(f"az://{storage_account}/{container}", tenant_id)

    def _open(self, url: str, tenant_id: str | None) -> Lake:
        parts = urlsplit(url)
        if parts.scheme == "file":
            return Lake.in_folder(Path(unquote(parts.path)))
        account, container = parts.netloc, parts.path.strip("/")
        endpoint = self._endpoint.replace("{account}", account).rstrip("/")
        place = Place(f"{endpoint}/{container}", by_key=self._key is not None)
        return Lake(url, self._store(account, container, endpoint, tenant_id), place)

    def _store(self, account: str, container: str, endpoint: str, tenant_id: str | None) -> AzureStore:
        """The container's store; what is given here wins over what obstore reads from the environment.

        Over HTTP a token could be read on the way; a key is not sent, only what it signed.
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
            provider = AzureCredentialProvider(cast("DefaultAzureCredential", self._credential(tenant_id)))
        else:
            raise LakeError(f"{endpoint}/{container}: there is neither a key nor a sign-in; set O365_STORAGE_KEY")
        client: ClientConfig = {**CLIENT, "allow_http": self._key is not None}
        try:
            return AzureStore(config=config, credential_provider=provider, client_options=client, retry_config=RETRIES)
        except BaseError:
            raise SettingsError("O365_STORAGE_KEY: the base64 text of a storage account's key is needed") from None
