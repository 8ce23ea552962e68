"""Builds the customers and the stages' resources from the settings.

What belongs here: choosing the cloud, the lake, the mart, the customers and the offer. The settings belong to
`settings.py`; the format of a file of customers belongs to `customers/configuration.py`.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa
from pydantic import SecretStr

from o365_pipeline.azure.cloud import AzureCloud, Cloud
from o365_pipeline.consent.activity_feed import ActivityFeed
from o365_pipeline.customers.configuration import Configured, read_customers
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.customers.data_request import read_data_request
from o365_pipeline.customers.partitions import FIRST_DAY
from o365_pipeline.database.database import Database
from o365_pipeline.deployment.settings import (
    FOR_THE_SANDBOXES_CUSTOMER,
    Environment,
    Settings,
    check_names,
    read_settings,
)
from o365_pipeline.deployment.sign_in import check_sign_in
from o365_pipeline.errors import DatabaseError, DatabaseUnavailableError, SettingsError
from o365_pipeline.extraction import extraction_ledger
from o365_pipeline.extraction.data_factory import DataFactory
from o365_pipeline.managed_app.offer import Offer, read_offer
from o365_pipeline.mart.marts import Marts
from o365_pipeline.mart.upgrade import mart_database, upgrade
from o365_pipeline.news.channels import Channels, UrlChannels
from o365_pipeline.raw.duckdb_session import limit_duckdb
from o365_pipeline.raw.lakes import ENDPOINT, Lakes
from o365_pipeline.raw.scratch import keep_scratch_below
from o365_pipeline.sandbox.administrators import Administrators
from o365_pipeline.sandbox.cloud import SandboxCloud
from o365_pipeline.sandbox.customer import customer_of_files, sandbox_customer
from o365_pipeline.sandbox.microsoft365.admin_center import Sandbox
from o365_pipeline.sandbox.tenant.tenant_files import TenantFiles, files_in

FOR_ITS_OWNER = 0o700
"""The mode of all that a process makes once it has read its settings: others cannot read people's data."""

if TYPE_CHECKING:
    from o365_pipeline.managed_app.publishing.service_catalog import ServiceCatalog

SANDBOX_SIGNATURE = SecretStr("sandbox")

FEED_POLL_SECONDS = 60
"""Microsoft allows a publisher some 2,000 requests to the feed per minute; a thousand customers stay below that."""

PROJECT = Path(__file__).parents[2]
AZURE_NEEDS = {
    "customers": "customers.toml, as `o365-pipeline customers example` prints one",
    "mart_url": "mssql+pyodbc://@server.database.windows.net/mart",
}
"""Settings that a deployment on Azure must have, with an example of each; a vendor that only sells has no customers."""


@dataclass(frozen=True)
class Deployment:
    """Everything that the environment configures, ready to use."""

    home: Path
    customers: Customers
    database: Database
    lakes: Lakes
    cloud: Cloud
    own_marts: Mapping[str, Database] = field(default_factory=dict)
    """The databases of customers whose mart is not in the deployment's database."""

    offer: Offer | None = None
    """The offer that is sold as a managed application; None if there is none."""

    notification_signature: SecretStr | None = None
    """The secret with which Azure signs its notifications of installations; None if there is none."""

    channels: Channels = field(default=UrlChannels(), repr=False)
    """The channels that news is sent to."""

    starts_sensors: bool = True
    """Whether sensors and schedules are on from the start."""

    insights_sign_in: Literal["none", "container-apps"] = "none"
    """Who says who opens the insights application."""

    insights_analysts: tuple[str, ...] = ()
    insights_relations: Literal["analysts", "everybody"] = "analysts"

    @property
    def marts(self) -> Marts:
        return Marts(default=self.database, own=self.own_marts)

    @property
    def resources(self) -> Mapping[str, Any]:
        """Returns the stages' resources, by the names under which assets and sensors request them."""
        return {
            "database": self.database,
            "marts": self.marts,
            "lakes": self.lakes,
            "activity_feed": ActivityFeed(cloud=self.cloud, poll_seconds=0 if self.is_sandbox else FEED_POLL_SECONDS),
            "data_factory": DataFactory(cloud=self.cloud),
            "channels": self.channels,
            "customers": self.customers,
            "cloud": self.cloud,
            "home": self.home,
            **({"offer": self.offer, "service_catalog": self.service_catalog} if self.offer else {}),
        }

    @property
    def service_catalog(self) -> ServiceCatalog:
        """The service catalog in which the offer is published; who sells nothing does not wait for its libraries."""
        from o365_pipeline.managed_app.publishing.service_catalog import ServiceCatalog

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
        """The sandbox as a cloud.

        Raises:
            SettingsError: there is none; this deployment runs on Azure.
        """
        if not isinstance(self.cloud, SandboxCloud):
            raise SettingsError("there is no sandbox where O365_DEPLOYMENT=azure; unset it, or set it to sandbox")
        return self.cloud

    @property
    def first_day(self) -> dt.date:
        """The first day of the partitions, which is the earliest first day of all customers.

        For the sandbox's customer, whose week moves on, earlier extractions count too. If the ledger cannot be read,
        the day is early enough for every customer.
        """
        days = [customer.first_day for customer in self.customers]
        if self.is_sandbox:
            try:
                days += [day for day in [extraction_ledger.first_day(self.database)] if day]
            except (DatabaseError, DatabaseUnavailableError):
                return FIRST_DAY
        return min(days, default=FIRST_DAY)

    @property
    def is_sandbox(self) -> bool:
        return isinstance(self.cloud, SandboxCloud)

    @property
    def tenant_files(self) -> TenantFiles | None:
        """The files that replace the synthetic tenant's data, if there are any."""
        data = self.cloud.tenant_data if isinstance(self.cloud, SandboxCloud) else None
        return files_in(Path(data)) if data else None

    def register_data_requests(self) -> None:
        """Registers the data requests of all customers with the sandbox's approvers, unless the sandbox is strict.

        Raises:
            SettingsError: there is no sandbox.
        """
        for customer in self.customers:
            self.register_data_request(customer)

    def register_data_request(self, customer: Customer) -> None:
        """Registers one customer's data request with the sandbox's approvers, unless the sandbox is strict.

        Raises:
            SettingsError: there is no sandbox.
        """
        if not self.sandbox_cloud.strict:
            Administrators(self.sandbox_cloud).register_unasked(customer)

    def use_dagster_home(self) -> None:
        """Makes Dagster, here and in child processes, store its runs in the home, as the project's dagster.yaml says.

        On Azure, an instance that the environment names is used unchanged.
        """
        if not self.is_sandbox and os.environ.get("DAGSTER_HOME"):
            return
        folder = self.home / "dagster"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PROJECT / "dagster.yaml", folder / "dagster.yaml")
        except OSError as error:
            raise SettingsError(f"O365_HOME: {folder} cannot be written ({error.strerror})") from None
        os.environ["DAGSTER_HOME"] = str(folder)


def load(**overrides: Any) -> Deployment:
    """Reads the settings and builds the deployment; overrides replace environment variables.

    Raises:
        SettingsError: a setting is missing or wrong; the message names it.
    """
    environment, settings = Environment(), read_settings(overrides)
    if settings.customers or settings.deployment == "azure":
        for name in FOR_THE_SANDBOXES_CUSTOMER:
            if name in settings.model_fields_set:
                raise SettingsError(
                    f"O365_{name.upper()}: each customer has its own, so say it in O365_CUSTOMERS' file"
                )
    os.umask(0o777 & ~FOR_ITS_OWNER)
    keep_scratch_below(settings.home.resolve())
    limit_duckdb(settings.memory_mb, settings.threads)
    build = _azure if settings.deployment == "azure" else _sandbox
    deployment = build(settings, environment)
    check_names(environment, environment.looked_up)
    return deployment


def _sandbox(settings: Settings, environment: Environment) -> Deployment:
    home = settings.home.resolve()
    try:
        home.mkdir(mode=FOR_ITS_OWNER, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"O365_HOME={settings.home}: no folder can be made there ({error.strerror})") from None
    configured = read_customers(settings.customers, environment) if settings.customers else _sandbox_customers(settings)
    lakes = _lakes(settings, AzureCloud(), None if settings.storage_url else (home / "lake").as_uri())
    mart_url = sa.make_url(settings.mart_url) if settings.mart_url else _sqlite(home / "mart.db")
    cloud = SandboxCloud(
        home=str((settings.sandbox_home or home / "sandbox").resolve()),
        lakes=lakes,
        queued_seconds=min(1.0, settings.sandbox_seconds),
        run_seconds=settings.sandbox_seconds,
        strict=settings.sandbox_strict,
        **_own_identity(settings, configured),
        users=settings.sandbox_users,
        seed=settings.sandbox_seed,
        mails_per_day=settings.sandbox_mails,
        tenant_data=str(settings.tenant_data.resolve()) if settings.tenant_data else None,
    )
    return Deployment(
        home=home,
        customers=Customers(configured.customers),
        database=_played_mart(cloud, mart_url),
        lakes=lakes,
        cloud=cloud,
        own_marts={name: _played_mart(cloud, url) for name, url in configured.marts.items()},
        offer=read_offer(settings.offer),
        notification_signature=settings.notification_signature or SANDBOX_SIGNATURE,
        channels=settings.channels(),
        **_insights(settings),
    )


def _played_mart(cloud: SandboxCloud, url: sa.URL) -> Database:
    """Returns the mart at a URL; that of an installation is in the sandbox, behind the sign-in of its SQL server."""
    return cloud.sql_servers.database(url, cloud.credential(), upgrade) or mart_database(url)


def _own_identity(settings: Settings, configured: Configured) -> dict[str, Any]:
    """Returns whom the sandbox takes this deployment for: a managed identity lives in the tenant of its resources."""
    if settings.credential != "managed-identity":
        return {}
    client_id, header = os.environ.get("AZURE_CLIENT_ID"), os.environ.get("IDENTITY_HEADER")
    home = {"client_id": client_id, "tenant_id": configured.customers[0].azure_tenant_id} if client_id else {}
    return {"is_managed_identity": True, "identity_header": header, **home}


def _sandbox_customers(settings: Settings) -> Configured:
    request = read_data_request(settings.data_request)
    own = {name: getattr(settings, name) for name in FOR_THE_SANDBOXES_CUSTOMER if name != "data_request"}
    if settings.tenant_data:
        return Configured((customer_of_files(request, settings.tenant_data, **own),), {})
    return Configured((sandbox_customer(request, **own),), {})


def _lakes(settings: Settings, signs_in: AzureCloud, default: str | None = None) -> Lakes:
    """Returns one lake for all customers if the settings or the default name one, else each customer's container."""
    return Lakes(
        settings.lake_url or default, settings.storage_url or ENDPOINT, settings.storage_key, signs_in.credential
    )


def _sqlite(path: Path) -> sa.URL:
    return sa.URL.create("sqlite", database=str(path))


def _azure(settings: Settings, environment: Environment) -> Deployment:
    for name, example in AZURE_NEEDS.items():
        if not getattr(settings, name) and not (name == "customers" and settings.offer):
            raise SettingsError(
                f"O365_{name.upper()} is missing: O365_DEPLOYMENT=azure needs it, for example: {example}"
            )
    check_sign_in(settings.credential)
    assert settings.mart_url
    configured = read_customers(settings.customers, environment) if settings.customers else Configured((), {})
    cloud = AzureCloud(
        sign_in=settings.credential,
        client_id=os.environ.get("AZURE_CLIENT_ID"),
        authority=os.environ.get("AZURE_AUTHORITY_HOST"),
        arm_url=settings.arm_url,
        feed_url=settings.feed_url,
    )
    return Deployment(
        home=settings.home.resolve(),
        customers=Customers(configured.customers),
        database=mart_database(sa.make_url(settings.mart_url), cloud.credential()),
        lakes=_lakes(settings, cloud),
        cloud=cloud,
        own_marts={
            customer.name: mart_database(configured.marts[customer.name], cloud.credential(customer.azure_tenant_id))
            for customer in configured.customers
            if customer.name in configured.marts
        },
        offer=read_offer(settings.offer) if settings.offer else None,
        notification_signature=settings.notification_signature or None,
        channels=settings.channels(),
        starts_sensors=settings.start_sensors,
        **_insights(settings),
    )


def _insights(settings: Settings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in Settings.model_fields if name.startswith("insights_")}
