"""Customers: whose data is extracted, from which tenant, by which factory, into which storage, under which data
request.

What belongs here: the model and the look-up. Reading customers from files belongs to `configuration.py`; which file,
and what stands in for one in the sandbox, belongs to `deployment/`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from o365_pipeline.customers.data_request import DataRequest
from o365_pipeline.customers.partitions import FIRST_DAY
from o365_pipeline.customers.regions import AZURE_REGIONS, azure_region, receiving_regions
from o365_pipeline.customers.retention import Retention
from o365_pipeline.errors import UsageError

NationalCloud = Literal["worldwide", "gcc", "gcc-high", "dod"]
"""The kind of Office 365 plan that a tenant is on; each has its own Management Activity API."""

Storage = Literal["adls-gen2", "blob"]
"""The kinds of storage account that Data Connect copies to: Data Lake Storage Gen2, or Blob Storage."""

CUSTOMER_NAME = r"[a-z0-9][a-z0-9-]{0,62}"
"""Customers' names are partition keys and folders."""

LAST_FIRST_DAY = dt.date(2999, 12, 31)
"""With a later first day, the calendar would end before the customer's window."""

NIGHTLY = "30 3 * * *"

GEN1_RETIRED = (
    "Azure Data Lake Storage Gen1 was retired on 2024-02-29, and Data Connect does not copy there any more: create a "
    "Gen2 account (StorageV2 with hierarchical namespace), move what is left with Azure's migration guide, name that"
)


class KeyVaultSecret(BaseModel):
    """A secret that stays in its Key Vault; whoever needs it, such as the factory, reads it there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key_vault: str = Field(
        pattern=r"^https://[^/]+/secrets/[A-Za-z0-9-]+$",
        description="The secret's identifier, without a version.",
        examples=["https://kv-contoso.vault.azure.net/secrets/data-connect-application"],
    )

    @property
    def vault_url(self) -> str:
        return self.key_vault.rsplit("/secrets/", 1)[0]

    @property
    def name(self) -> str:
        return self.key_vault.rsplit("/", 1)[-1]


class CustomerSettings(Retention):
    """All settings of a customer except its data request and its secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant_id: str = Field(description="The customer's Microsoft Entra tenant.")
    destination_tenant_id: str | None = Field(
        default=None,
        description="The tenant of factory, storage account and mart, where that is not the customer's own: a vendor's "
        "that hosts (docs/hosting.md).",
    )
    subscription_id: str = Field(description="The Azure subscription of the factory.")
    resource_group: str = Field(
        pattern=r"^[\w.()-]{1,90}$", description="The resource group of the factory.", examples=["rg-o365"]
    )
    factory: str = Field(
        pattern=r"^[A-Za-z0-9-]{3,63}$", description="The Data Factory that extracts.", examples=["adf-o365"]
    )
    region: str = Field(
        description="The Azure region of the factory and the storage account, one that Data Connect delivers into.",
        examples=["westeurope"],
    )
    mailbox_region: str | None = Field(
        default=None,
        description="The mailboxes' Office region, where it is known: checked against the Azure region.",
        examples=["Europe"],
    )
    storage: Storage = Field(default="adls-gen2", description="The storage account's kind.")
    storage_account: str = Field(
        pattern=r"^[a-z0-9]{3,24}$", description="The account that the factory writes to.", examples=["sto365contoso"]
    )
    container: str = Field(
        pattern=r"^[a-z0-9](-?[a-z0-9]){2,62}$", description="The account's container: the lake.", examples=["lake"]
    )
    first_day: dt.date = Field(
        ge=FIRST_DAY,
        le=LAST_FIRST_DAY,
        description="The first day of data to extract once approved.",
        examples=["2026-11-16"],
    )
    initial_days: int = Field(default=7, ge=1, le=396, description="How many days the first window covers.")
    schedule: str = Field(
        default=NIGHTLY,
        description="When the days since the last extraction are extracted: five fields of cron, UTC.",
        examples=[NIGHTLY, "0 4 * * 1"],
    )
    national_cloud: NationalCloud = Field(default="worldwide", description="The tenant's kind of Office 365 plan.")
    purge_grace_days: int = Field(
        default=30, ge=0, le=3_650, description="How long data outlives its approval before it is purged."
    )
    unread_feed_hours: int = Field(
        default=24,
        ge=1,
        le=168,
        description="How long the activity feed may be unread before nothing new is submitted.",
    )
    deny_people: tuple[str, ...] = Field(
        default=(),
        description="Entra object ids or e-mail addresses of people who are left out of all that is curated.",
        examples=['["ann@contoso.com"]'],
    )
    deny_groups: tuple[str, ...] = Field(
        default=(),
        description="Object ids of groups whose members are left out, as the newest GroupMembers rows name them.",
        examples=['["00000000-0000-4000-8000-0000000000a1"]'],
    )
    hash_outside_addresses: bool = Field(
        default=False, description="Whether addresses of other domains go on as hashes, and the names beside them not."
    )
    own_domains: tuple[str, ...] = Field(
        default=(),
        description="The domains whose addresses are the customer's own. Default: those in the newest User rows.",
        examples=['["contoso.com"]'],
    )
    everyone_names: tuple[str, ...] = Field(
        default=(),
        description="What SharePoint calls 'Everyone except external users' in the languages of the customer's sites.",
        examples=['["Jeder, außer externen Benutzern"]'],
    )

    installation: str | None = Field(
        default=None,
        description="Azure's id of the managed resource group, where a managed application installed the factory: its "
        "policies are checked before each extraction.",
    )

    @field_validator("tenant_id", "destination_tenant_id")
    @classmethod
    def _id_in_small_letters(cls, value: str | None) -> str | None:
        return value.lower() if value else value

    @property
    def azure_tenant_id(self) -> str:
        """The tenant that the data moves into, to whose factory and storage account the pipeline signs in."""
        return self.destination_tenant_id or self.tenant_id

    @field_validator("deny_people", "deny_groups", "own_domains", "everyone_names")
    @classmethod
    def _in_small_letters(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(value.strip().lower() for value in values)

    @field_validator("region")
    @classmethod
    def _region_is_one_of_data_connects(cls, name: str) -> str:
        return azure_region(name)

    @field_validator("mailbox_region")
    @classmethod
    def _mailbox_region_is_known(cls, name: str | None) -> str | None:
        if name is not None and name not in AZURE_REGIONS:
            raise ValueError(f"no Office region {name!r}; there are {', '.join(AZURE_REGIONS)}")
        return name

    @field_validator("storage", "storage_account", mode="before")
    @classmethod
    def _storage_is_not_gen1(cls, value: object) -> object:
        if isinstance(value, str) and any(mark in value.lower() for mark in ("gen1", "azuredatalakestore")):
            raise ValueError(GEN1_RETIRED)
        return value

    @model_validator(mode="after")
    def _regions_fit(self) -> Self:
        if self.mailbox_region and self.region not in (fitting := receiving_regions(self.mailbox_region)):
            raise ValueError(
                f"region: Data Connect does not deliver mailboxes of {self.mailbox_region} into {self.region}; "
                f"have factory and storage in {' or '.join(fitting)}"
            )
        return self


class Customer(CustomerSettings):
    """One organization whose approvers may let its data move."""

    name: str = Field(pattern=f"^{CUSTOMER_NAME}$", description="The partition key: contoso.")
    application_secret: SecretStr | KeyVaultSecret = Field(
        default=SecretStr(""), description="The secret of the data request's application: the factory signs in with it."
    )
    address_salt: SecretStr | KeyVaultSecret | None = Field(
        default=None, description="What is hashed with each address from outside; the same salt gives the same hash."
    )
    data_request: DataRequest

    @model_validator(mode="after")
    def _hashes_are_salted(self) -> Self:
        if self.hash_outside_addresses and self.address_salt is None:
            raise ValueError("address_salt: hash_outside_addresses needs a secret to hash with")
        return self

    @property
    def keeps_people_out(self) -> bool:
        """Whether people are denied, or addresses of other domains are hashed."""
        return bool(self.deny_people or self.deny_groups or self.hash_outside_addresses)

    @property
    def sink(self) -> str:
        """The destination that the approver approves: the lake's container."""
        endpoint = {"adls-gen2": "dfs", "blob": "blob"}[self.storage]
        return f"https://{self.storage_account}.{endpoint}.core.windows.net/{self.container}"

    @property
    def initial_days_range(self) -> tuple[dt.date, dt.date]:
        """First and last day of the window agreed with the customer."""
        return self.first_day, self.first_day + dt.timedelta(days=self.initial_days - 1)


class Customers:
    """The customers of this deployment, by name."""

    def __init__(self, customers: Iterable[Customer]) -> None:
        self._customers = {customer.name: customer for customer in customers}

    def __len__(self) -> int:
        return len(self._customers)

    def __contains__(self, name: str) -> bool:
        return name in self._customers

    def __iter__(self) -> Iterator[Customer]:
        return iter(self._customers.values())

    def __getitem__(self, name: str) -> Customer:
        """Returns the customer of that name.

        Raises:
            UsageError: there is none; the message lists the existing ones.
        """
        if customer := self._customers.get(name):
            return customer
        raise UsageError(f"unknown customer {name!r}; known are {', '.join(self._customers) or 'none'}")

    def chosen(self, name: str | None) -> Customer:
        """Returns the customer of that name; without a name, the only customer.

        Raises:
            UsageError: there is no such customer, or a name is needed.
        """
        if name is not None:
            return self[name]
        if len(self._customers) != 1:
            raise UsageError(f"--customer is missing; known are {', '.join(self._customers) or 'none'}")
        return next(iter(self._customers.values()))
