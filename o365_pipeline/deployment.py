"""The deployment: the environment's settings turned into customers and resources. The only reader of the environment.

What belongs here: which cloud lies beneath the stages, where the lake and the mart are, who the customers are, what is
offered to new ones. What a file of customers may say is `configuration.py`'s.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import sqlalchemy as sa
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from o365_pipeline.azure.cloud import ARM_URL, AzureCloud, Cloud, SignIn
from o365_pipeline.consent.activity_feed import ActivityFeed
from o365_pipeline.customers.configuration import Configured, mart_url, read_customers
from o365_pipeline.customers.customer import GEN1_RETIRED, LAST_FIRST_DAY, Customers, KeyVaultSecret, NationalCloud
from o365_pipeline.customers.data_request import read_data_request
from o365_pipeline.customers.partitions import FIRST_DAY
from o365_pipeline.database.database import Database
from o365_pipeline.errors import SettingsError
from o365_pipeline.extraction.data_factory import DataFactory
from o365_pipeline.managed_app.installations.applications import read_secret
from o365_pipeline.managed_app.installations.installations import Installation, InstalledCustomers
from o365_pipeline.managed_app.installations.vendor import Vendor
from o365_pipeline.managed_app.offer import Offer, read_offer
from o365_pipeline.managed_app.publishing.service_catalog import ServiceCatalog
from o365_pipeline.mart.marts import Marts
from o365_pipeline.raw.lakes import ENDPOINT, Lakes
from o365_pipeline.sandbox.cloud import SandboxCloud
from o365_pipeline.sandbox.customer import customer_of_files, sandbox_customer
from o365_pipeline.sandbox.microsoft365.admin_center import Sandbox
from o365_pipeline.sandbox.tenant import tenant_data as tenant_files

SECRET_SETTINGS = (
    *("O365_MART_URL", "O365_STORAGE_KEY", "O365_ADDRESS_SALT", "O365_DENY_PEOPLE"),
    "O365_NOTIFICATION_SIGNATURE",
)
"""Settings whose values no message repeats."""

PATTERN_CHARACTERS = "*?[]'#%"
"""Characters of file patterns, SQL and URLs; local paths stand in all of them, Dagster's own included."""

SIGNATURE_CHARACTERS = 32
"""How long the signature of notifications is at least: anybody can reach their endpoint, and it alone tells Azure."""

SANDBOX_SIGNATURE = SecretStr("sandbox")

FEED_POLL_SECONDS = 60
"""Microsoft grants a publisher some 2,000 requests to the feed a minute; a thousand customers stay below that."""

PROJECT = Path(__file__).parents[1]
AZURE_NEEDS = {
    "customers": "customers.toml, as `o365-pipeline customers example` prints one",
    "mart_url": "mssql+pyodbc://@server.database.windows.net/mart",
}
"""Settings without which there is no deployment on Azure, with an example of each."""

AN_APPLICATION = {
    "AZURE_TENANT_ID": "the tenant of the application to sign in as",
    "AZURE_CLIENT_ID": "the client id of the application to sign in as",
}
SIGN_IN_NEEDS: Mapping[str, Mapping[str, str]] = {
    "workload-identity": {**AN_APPLICATION, "AZURE_FEDERATED_TOKEN_FILE": "/var/run/secrets/azure/tokens/token"},
    "service-principal": AN_APPLICATION,
}
"""Variables that azure-identity reads itself; what is missing is told at the start, not hours later."""

FOR_THE_SANDBOXES_CUSTOMER = (
    *("data_request", "first_day", "initial_days", "national_cloud", "purge_grace_days"),
    *("deny_people", "deny_groups", "hash_outside_addresses", "own_domains", "address_salt"),
)
"""Settings that a file of customers has for each of them."""


Names = Annotated[tuple[str, ...], NoDecode]
"""Names with commas between them."""


class Settings(BaseSettings):
    """The environment variables that the project reads, each O365_ and the field's name."""

    model_config = SettingsConfigDict(env_prefix="O365_", extra="ignore")

    deployment: Literal["sandbox", "azure"] = Field(
        default="sandbox", description="Whether the sandbox or Azure lies beneath the pipeline."
    )
    home: Path = Field(
        default=Path(".o365"),
        description="Where everything local lies: lake, mart, sandbox, and what Dagster remembers.",
    )
    mart_url: str | None = Field(
        default=None,
        description=(
            "SQLAlchemy URL of the ledger, and of the mart of each customer that names none. Azure needs it, "
            "and signs in by Microsoft Entra where it has no password; the sandbox makes a SQLite file in the "
            "home."
        ),
    )
    lake_url: str | None = Field(
        default=None,
        description=(
            "Store URL of one lake for all customers, file:///path or az://account/container; else each has "
            "its own container on Azure, and a folder in the home in the sandbox."
        ),
    )
    storage_url: str | None = Field(
        default=None,
        description=f"Where storage accounts answer, {ENDPOINT}; Azurite: http://127.0.0.1:10000/{{account}}.",
    )
    storage_key: SecretStr | None = Field(
        default=None,
        description="Access key of the storage accounts, where Microsoft Entra cannot be used; else a sign-in.",
    )
    customers: Path | None = Field(
        default=None,
        description=(
            "File (TOML, YAML) or folder of files that names the customers. Azure needs it; the sandbox has "
            "one of its own."
        ),
    )
    credential: SignIn = Field(default="default", description="Azure: how to sign in to Microsoft Entra.")
    arm_url: str = Field(
        default=ARM_URL,
        description=(
            "Azure: where Azure Resource Manager answers; another for a sovereign cloud, a proxy, a rehearsal."
        ),
    )
    feed_url: str | None = Field(
        default=None,
        description="Azure: where the Management Activity API answers; else the address of each customer's plan.",
    )
    data_request: Path | None = Field(
        default=None,
        description=(
            "Customer: TOML file of the data request (application, datasets, columns, scope); else the shipped one."
        ),
    )
    first_day: dt.date | None = Field(
        default=None,
        ge=FIRST_DAY,
        le=LAST_FIRST_DAY,
        description=(
            "Customer: first day to extract; else the Monday of the last week that Data Connect has of every dataset."
        ),
    )
    initial_days: int = Field(
        default=7, ge=1, le=366, description="Customer: days of the first window after an approval."
    )
    national_cloud: NationalCloud = Field(
        default="worldwide", description="Customer: the tenant's kind of Office 365 plan."
    )
    purge_grace_days: int = Field(
        default=30, ge=0, le=3_650, description="Customer: days that data outlives its approval."
    )
    deny_people: Names = Field(default=(), description="Customer: ids or addresses of people who are left out.")
    deny_groups: Names = Field(default=(), description="Customer: ids of groups whose members are left out.")
    hash_outside_addresses: bool = Field(
        default=False, description="Customer: whether addresses from outside go on as hashes."
    )
    own_domains: Names = Field(
        default=(), description="Customer: domains that are not outside; else those of the members' addresses."
    )
    address_salt: SecretStr | None = Field(
        default=None, description="Customer: secret that addresses from outside are hashed with."
    )
    offer: Path | None = Field(
        default=None,
        description=(
            "TOML file of the offer that is sold as a managed application; else none on Azure, and the shipped "
            "one in the sandbox."
        ),
    )
    notification_signature: SecretStr | None = Field(
        default=None,
        description=(
            "Secret that Azure signs its notifications of installations with, of 32 characters at least on Azure."
        ),
    )
    tenant_data: Path | None = Field(default=None, description="Sandbox: folder of files that stand in for the tenant.")
    sandbox_seconds: float = Field(default=4, ge=0, le=86_400, description="Sandbox: how long a factory run works.")
    sandbox_users: int = Field(default=60, ge=2, le=100_000, description="Sandbox: people of the organization.")
    sandbox_mails: float = Field(default=6, gt=0, le=500, description="Sandbox: mails a person sends on a working day.")
    sandbox_seed: int = Field(default=7, description="Sandbox: the same seed gives the same organization.")

    @field_validator("deny_people", "deny_groups", "own_domains", mode="before")
    @classmethod
    def _names_stand_between_commas(cls, value: object) -> object:
        return tuple(filter(None, re.split(r"[\s,;]+", value))) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _hashes_are_salted(self) -> Self:
        if self.hash_outside_addresses and self.address_salt is None:
            raise ValueError("O365_ADDRESS_SALT is missing: O365_HASH_OUTSIDE_ADDRESSES needs a secret to hash with")
        return self

    @model_validator(mode="after")
    def _signature_cannot_be_guessed(self) -> Self:
        signature = self.notification_signature
        if self.deployment == "azure" and signature and len(signature.get_secret_value()) < SIGNATURE_CHARACTERS:
            raise ValueError(
                f"O365_NOTIFICATION_SIGNATURE: at least {SIGNATURE_CHARACTERS} characters are needed, such as "
                "`openssl rand -hex 32` prints"
            )
        return self

    @field_validator("lake_url")
    @classmethod
    def _lake_url_is_a_store(cls, url: str | None) -> str | None:
        if url and (url.startswith("adl://") or "azuredatalakestore" in url):
            raise ValueError(GEN1_RETIRED)
        if url and not re.fullmatch(r"file:///.+|az://[^/]+/[^/]+/?", url):
            raise ValueError("a lake is file:///path or az://account/container")
        return url

    @field_validator("storage_url")
    @classmethod
    def _storage_url_is_a_template(cls, url: str | None) -> str | None:
        if url and not re.fullmatch(r"https?://\S*{account}\S*", url):
            raise ValueError(f"an address with {{account}} for the account's name is needed, such as {ENDPOINT}")
        return url

    @field_validator("arm_url", "feed_url")
    @classmethod
    def _service_is_at_an_https_address(cls, url: str | None) -> str | None:
        """A token is sent there, so nobody may read it on the way; paths are put behind the address as it is."""
        if url and not re.fullmatch(r"https://[^\s/?#]+/*", url):
            raise ValueError(f"an address such as {ARM_URL} is needed")
        return url.rstrip("/") if url else None

    @field_validator("home", "lake_url")
    @classmethod
    def _path_is_plain(cls, path: Path | str | None) -> Path | str | None:
        if path and set(str(path)) & set(PATTERN_CHARACTERS):
            raise ValueError(f"a path without any of {PATTERN_CHARACTERS} is needed")
        return path

    @field_validator("mart_url")
    @classmethod
    def _mart_url_is_sqlalchemys(cls, url: str | None) -> str | None:
        if url:
            mart_url(url)
        return url


@dataclass(frozen=True)
class Deployment:
    """What the environment asks for, ready to use."""

    home: Path
    customers: Customers
    database: Database
    lakes: Lakes
    cloud: Cloud
    own_marts: Mapping[str, Database] = field(default_factory=dict)
    """The databases of customers whose mart does not lie in the deployment's."""

    offer: Offer | None = None
    """What is sold as a managed application; None where nothing is."""

    notification_signature: SecretStr | None = None
    """What Azure signs its notifications of installations with; None where none was agreed on."""

    vendor: Vendor | None = None
    """Who sells it: the same offer, with what its installations need."""

    @property
    def marts(self) -> Marts:
        joining = self.vendor.installed.mart if self.vendor else None
        return Marts(default=self.database, own=self.own_marts, joining=joining)

    @property
    def resources(self) -> Mapping[str, Any]:
        """The stages' resources, by the names under which assets and sensors ask for them."""
        return {
            "database": self.database,
            "marts": self.marts,
            "lakes": self.lakes,
            "activity_feed": ActivityFeed(cloud=self.cloud, poll_seconds=0 if self.is_sandbox else FEED_POLL_SECONDS),
            "data_factory": DataFactory(cloud=self.cloud),
            "customers": self.customers,
            "cloud": self.cloud,
            "home": self.home,
            "service_catalog": self.service_catalog,
            **({"vendor": self.vendor} if self.vendor else {}),
        }

    @property
    def service_catalog(self) -> ServiceCatalog:
        """Where the offer is published."""
        return ServiceCatalog(self.cloud, self.lakes, self.notification_signature)

    @property
    def sandbox(self) -> Sandbox:
        """The sandbox beneath this deployment.

        Raises:
            SettingsError: there is none; this deployment runs on Azure.
        """
        return Sandbox(Path(self.sandbox_cloud.home))

    @property
    def sandbox_cloud(self) -> SandboxCloud:
        """The cloud that the sandbox is.

        Raises:
            SettingsError: as above.
        """
        if not isinstance(self.cloud, SandboxCloud):
            raise SettingsError("there is no sandbox where O365_DEPLOYMENT=azure; unset it, or set it to sandbox")
        return self.cloud

    @property
    def is_sandbox(self) -> bool:
        return isinstance(self.cloud, SandboxCloud)

    @property
    def has_tenant_data(self) -> bool:
        """True where files stand in for the tenant's data."""
        return isinstance(self.cloud, SandboxCloud) and self.cloud.tenant_data is not None

    @property
    def left_aside(self) -> tuple[str, ...]:
        """Files of tenant data that are of no dataset in the catalogue."""
        data = self.cloud.tenant_data if isinstance(self.cloud, SandboxCloud) else None
        return tenant_files.datasets_in(Path(data)).others if data else ()

    def use_dagster_home(self) -> None:
        """Let Dagster, here and in child processes, keep its runs in the home, as the project's dagster.yaml says.

        On Azure an instance that the environment names is used as it is.
        """
        if not self.is_sandbox and os.environ.get("DAGSTER_HOME"):
            return
        folder = self.home / "dagster"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT / "dagster.yaml", folder / "dagster.yaml")
        os.environ["DAGSTER_HOME"] = str(folder)


def load(**overrides: Any) -> Deployment:
    """Read the settings and build the deployment; overrides take the place of environment variables.

    Raises:
        SettingsError: a setting is missing or wrong; the message names it.
    """
    settings = _settings(overrides)
    if settings.customers or settings.deployment == "azure":
        for name in FOR_THE_SANDBOXES_CUSTOMER:
            if name in settings.model_fields_set:
                raise SettingsError(
                    f"O365_{name.upper()}: each customer has its own, so say it in O365_CUSTOMERS' file"
                )
    return _azure(settings) if settings.deployment == "azure" else _sandbox(settings)


def _settings(overrides: Mapping[str, Any]) -> Settings:
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if not first["loc"]:
            raise SettingsError(first["msg"].removeprefix("Value error, ")) from None
        name = f"O365_{'_'.join(str(part) for part in first['loc'])}".upper()
        shown = "" if name in SECRET_SETTINGS else f"={first['input']!s}"
        raise SettingsError(f"{name}{shown}: {first['msg'].removeprefix('Value error, ')}") from None


def _sandbox(settings: Settings) -> Deployment:
    home = settings.home.resolve()
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"O365_HOME={settings.home}: no folder can be made there ({error.strerror})") from None
    configured = _read_customers(settings.customers) if settings.customers else _sandbox_customers(settings)
    lakes = _lakes(settings, AzureCloud(), None if settings.storage_url else (home / "lake").as_uri())
    mart_url = sa.make_url(settings.mart_url) if settings.mart_url else _sqlite(home / "mart.db")
    cloud = SandboxCloud(
        home=str(home / "sandbox"),
        lakes=lakes,
        queued_seconds=min(1.0, settings.sandbox_seconds),
        run_seconds=settings.sandbox_seconds,
        users=settings.sandbox_users,
        seed=settings.sandbox_seed,
        mails_per_day=settings.sandbox_mails,
        tenant_data=str(settings.tenant_data.resolve()) if settings.tenant_data else None,
    )
    offer, database = read_offer(settings.offer), Database(url=mart_url)
    installed = InstalledCustomers(database, offer, lambda known: Database(_sqlite(home / "marts" / _file_name(known))))
    return Deployment(
        home=home,
        customers=Customers(configured.customers, installed),
        database=database,
        lakes=lakes,
        cloud=cloud,
        own_marts={name: Database(url) for name, url in configured.marts.items()},
        offer=offer,
        notification_signature=settings.notification_signature or SANDBOX_SIGNATURE,
        vendor=_vendor(offer, cloud, installed, configured),
    )


def _sandbox_customers(settings: Settings) -> Configured:
    request = read_data_request(settings.data_request)
    own = {name: getattr(settings, name) for name in FOR_THE_SANDBOXES_CUSTOMER if name != "data_request"}
    if settings.tenant_data:
        return Configured((customer_of_files(request, settings.tenant_data, **own),), {})
    return Configured((sandbox_customer(request, **own),), {})


def _lakes(settings: Settings, signs_in: AzureCloud, default: str | None = None) -> Lakes:
    """One lake for all customers where the settings or the default name one, else each customer's container."""
    return Lakes(
        settings.lake_url or default, settings.storage_url or ENDPOINT, settings.storage_key, signs_in.credential
    )


def _sqlite(path: Path) -> sa.URL:
    return sa.URL.create("sqlite", database=str(path))


def _azure(settings: Settings) -> Deployment:
    for name, example in AZURE_NEEDS.items():
        if not getattr(settings, name):
            raise SettingsError(
                f"O365_{name.upper()} is missing: O365_DEPLOYMENT=azure needs it, for example: {example}"
            )
    _check_sign_in(settings.credential)
    assert settings.customers
    assert settings.mart_url
    configured = _read_customers(settings.customers)
    cloud = AzureCloud(
        sign_in=settings.credential,
        client_id=os.environ.get("AZURE_CLIENT_ID"),
        authority=os.environ.get("AZURE_AUTHORITY_HOST"),
        arm_url=settings.arm_url,
        feed_url=settings.feed_url,
    )
    database = Database(sa.make_url(settings.mart_url), cloud.credential())
    offer = read_offer(settings.offer) if settings.offer else None
    installed = InstalledCustomers(database, offer, partial(_installed_mart, cloud)) if offer else None
    return Deployment(
        home=settings.home.resolve(),
        customers=Customers(configured.customers, installed),
        database=database,
        lakes=_lakes(settings, cloud),
        cloud=cloud,
        own_marts={
            customer.name: Database(configured.marts[customer.name], cloud.credential(customer.tenant_id))
            for customer in configured.customers
            if customer.name in configured.marts
        },
        offer=offer,
        notification_signature=settings.notification_signature or None,
        vendor=_vendor(offer, cloud, installed, configured) if offer and installed else None,
    )


def _vendor(offer: Offer, cloud: Cloud, installed: InstalledCustomers, configured: Configured) -> Vendor:
    names = frozenset(customer.name for customer in configured.customers)
    return Vendor(offer, partial(_application_secret, offer, cloud), installed, names)


def _installed_mart(cloud: Cloud, known: Installation) -> Database:
    """The mart that a managed application installed; its server is administered by the application."""
    url = mart_url(f"mssql+pyodbc://@{known.sql_server}/{known.database}")
    return Database(url, cloud.credential(known.tenant_id))


def _file_name(known: Installation) -> str:
    """The sandbox's stand-in for the database of an installation: a file with its server's name."""
    return f"{(known.sql_server or known.customer).split('.')[0]}.db"


def _application_secret(offer: Offer, cloud: Cloud) -> SecretStr:
    """The secret of the application that an offer's data request is of; the sandbox makes do with any.

    Raises:
        SettingsError: it is not where the offer says.
    """
    secret = offer.application_secret
    if isinstance(secret, KeyVaultSecret):
        return read_secret(secret, cloud)
    if value := os.environ.get(secret.env):
        return SecretStr(value)
    if isinstance(cloud, SandboxCloud):
        return SecretStr("sandbox")
    raise SettingsError(f"{secret.env} is missing: the offer says that it holds the secret of its application")


def _read_customers(path: Path) -> Configured:
    return read_customers(path, os.environ)


def _check_sign_in(credential: SignIn) -> None:
    for name, example in SIGN_IN_NEEDS.get(credential, {}).items():
        if not os.environ.get(name):
            raise SettingsError(f"{name} is missing: O365_CREDENTIAL={credential} needs it, for example: {example}")
    secret_or_certificate = ("AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH")
    if credential == "service-principal" and not any(os.environ.get(name) for name in secret_or_certificate):
        raise SettingsError(
            "AZURE_CLIENT_SECRET is missing: O365_CREDENTIAL=service-principal needs it, or "
            "AZURE_CLIENT_CERTIFICATE_PATH with the path of a certificate, for example: /etc/o365/application.pem"
        )
