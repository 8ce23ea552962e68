"""The deployment: the environment's settings turned into customers and resources. The only reader of the environment.

What belongs here: which cloud lies beneath the stages, where the lake and the mart are, who the customers are.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from o365_pipeline.cloud import AzureCloud, Cloud
from o365_pipeline.consent.activity_feed import ActivityFeed
from o365_pipeline.consent.data_request import DataRequest, read_data_request
from o365_pipeline.customers import CUSTOMER_NAME, Customer, Customers, NationalCloud
from o365_pipeline.database import Database
from o365_pipeline.errors import SettingsError
from o365_pipeline.extraction.data_factory import DataFactory
from o365_pipeline.mart.marts import Marts
from o365_pipeline.partitions import FIRST_DAY
from o365_pipeline.raw.lake import Lake
from o365_pipeline.sandbox import tenant_data as tenant_files
from o365_pipeline.sandbox.admin_center import Sandbox
from o365_pipeline.sandbox.cloud import SandboxCloud

SECRET_SETTINGS = ("O365_MART_URL", "O365_APPLICATION_SECRET")
"""Settings whose values no message repeats."""

PATTERN_CHARACTERS = "*?[]'#%"
"""Characters of file patterns, SQL and URLs; local paths stand in all of them, Dagster's own included."""

FEED_POLL_SECONDS = 60
"""Microsoft grants a publisher some 2,000 requests to the feed a minute; a thousand customers stay below that."""

PROJECT = Path(__file__).parents[1]
SANDBOX_FIRST_DAY = dt.date(2026, 11, 16)
AZURE_EXAMPLES = {
    "customer": "contoso",
    "tenant_id": "the customer's Entra tenant id",
    "subscription_id": "the factory's subscription id",
    "resource_group": "rg-o365",
    "factory": "adf-o365",
    "region": "westeurope",
    "storage_account": "sto365lake",
    "container": "lake",
    "first_day": "2026-11-16",
    "mart_url": "mssql+pyodbc://@server.database.windows.net/mart?driver=ODBC+Driver+18+for+SQL+Server",
    "data_request": "data_request.toml",
    "application_secret": "the secret of the data request's application",
}


class Settings(BaseSettings):
    """The environment variables that the project reads, each O365_ and the field's name."""

    model_config = SettingsConfigDict(env_prefix="O365_", extra="ignore")

    deployment: Literal["sandbox", "azure"] = "sandbox"
    home: Path = Field(default=Path(".o365"), description="Where everything local lies.")
    mart_url: str | None = Field(default=None, description="SQLAlchemy URL of the mart.")
    lake_url: str | None = Field(
        default=None, description="Store URL of the lake: file:///path or az://account/container."
    )
    data_request: Path | None = Field(default=None, description="TOML file of the data request.")
    first_day: dt.date | None = Field(default=None, ge=FIRST_DAY, description="First day to extract.")
    initial_days: int = Field(default=7, ge=1, le=366, description="Days of the first window.")
    customer: str | None = None
    tenant_id: str | None = None
    subscription_id: str | None = None
    resource_group: str | None = None
    factory: str | None = None
    region: str | None = None
    storage_account: str | None = None
    container: str | None = None
    application_secret: str | None = None
    national_cloud: NationalCloud = Field(default="worldwide", description="The tenant's kind of Office 365 plan.")
    purge_grace_days: int = Field(default=30, ge=0, le=3_650, description="Days that data outlives its approval.")
    tenant_data: Path | None = Field(default=None, description="Sandbox: folder of files that stand in for the tenant.")
    sandbox_seconds: float = Field(default=4, ge=0, le=86_400, description="Sandbox: how long a factory run works.")
    sandbox_users: int = Field(default=60, ge=2, le=100_000, description="Sandbox: people of the organization.")
    sandbox_mails: float = Field(default=6, gt=0, le=500, description="Sandbox: mails a person sends on a working day.")
    sandbox_seed: int = Field(default=7, description="Sandbox: the same seed gives the same organization.")

    @field_validator("lake_url")
    @classmethod
    def _lake_url_is_a_store(cls, url: str | None) -> str | None:
        if url and not re.fullmatch(r"file:///.+|az://[^/]+/[^/]+/?", url):
            raise ValueError("a lake is file:///path or az://account/container")
        return url

    @field_validator("home", "lake_url")
    @classmethod
    def _path_is_plain(cls, path: Path | str | None) -> Path | str | None:
        if path and set(str(path)) & set(PATTERN_CHARACTERS):
            raise ValueError(f"a path without any of {PATTERN_CHARACTERS} is needed")
        return path

    @field_validator("mart_url")
    @classmethod
    def _mart_url_is_sqlalchemys(cls, url: str | None) -> str | None:
        try:
            if url:
                sa.make_url(url)
        except sa.exc.ArgumentError:
            raise ValueError("a mart is a SQLAlchemy URL such as sqlite:////path/mart.db") from None
        return url

    @field_validator("customer")
    @classmethod
    def _customer_is_a_partition_key(cls, name: str | None) -> str | None:
        if name and not re.fullmatch(CUSTOMER_NAME, name):
            raise ValueError("a customer's name is small letters, digits and hyphens")
        return name


@dataclass(frozen=True)
class Deployment:
    """What the environment asks for, ready to use."""

    home: Path
    customers: Customers
    database: Database
    lake: Lake
    cloud: Cloud
    own_marts: Mapping[str, Database] = field(default_factory=dict)
    """The databases of customers whose mart does not lie in the deployment's."""

    @property
    def marts(self) -> Marts:
        return Marts(default=self.database, own=self.own_marts)

    @property
    def resources(self) -> Mapping[str, Any]:
        """The stages' resources, by the names under which assets and sensors ask for them."""
        return {
            "database": self.database,
            "marts": self.marts,
            "lake": self.lake,
            "activity_feed": ActivityFeed(cloud=self.cloud, poll_seconds=0 if self.is_sandbox else FEED_POLL_SECONDS),
            "data_factory": DataFactory(cloud=self.cloud),
            "customers": self.customers,
        }

    @property
    def sandbox(self) -> Sandbox:
        """The sandbox beneath this deployment.

        Raises:
            SettingsError: there is none; this deployment runs on Azure.
        """
        if not isinstance(self.cloud, SandboxCloud):
            raise SettingsError("there is no sandbox where O365_DEPLOYMENT=azure; unset it, or set it to sandbox")
        return Sandbox(Path(self.cloud.home))

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
        """Let Dagster, here and in child processes, keep its runs in the home, as the project's dagster.yaml says."""
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
    return _azure(settings) if settings.deployment == "azure" else _sandbox(settings)


def _settings(overrides: Mapping[str, Any]) -> Settings:
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = f"O365_{'_'.join(str(part) for part in first['loc'])}".upper()
        shown = "" if name in SECRET_SETTINGS else f"={first['input']!s}"
        raise SettingsError(f"{name}{shown}: {first['msg'].removeprefix('Value error, ')}") from None


def _sandbox(settings: Settings) -> Deployment:
    home = settings.home.resolve()
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"O365_HOME={settings.home}: no folder can be made there ({error.strerror})") from None
    lake_url = settings.lake_url or (home / "lake").as_uri()
    mart_url = sa.make_url(settings.mart_url) if settings.mart_url else _sqlite(home / "mart.db")
    cloud = SandboxCloud(
        home=str(home / "sandbox"),
        lake_url=lake_url,
        queued_seconds=min(1.0, settings.sandbox_seconds),
        run_seconds=settings.sandbox_seconds,
        users=settings.sandbox_users,
        seed=settings.sandbox_seed,
        mails_per_day=settings.sandbox_mails,
        tenant_data=str(settings.tenant_data.resolve()) if settings.tenant_data else None,
    )
    request = read_data_request(settings.data_request)
    customer = (
        _tenant_data_customer(settings, request) if settings.tenant_data else _sandbox_customer(settings, request)
    )
    return Deployment(
        home=home,
        customers=Customers([customer]),
        database=Database(url=mart_url),
        lake=Lake(url=lake_url),
        cloud=cloud,
    )


def _sandbox_customer(settings: Settings, request: DataRequest, **changes: Any) -> Customer:
    return Customer.model_validate(
        {
            "name": settings.customer or "contoso",
            "tenant_id": settings.tenant_id or request.application_tenant_id,
            "subscription_id": "00000000-0000-4000-8000-0000000000d1",
            "resource_group": "rg-sandbox",
            "factory": "adf-sandbox",
            "region": "westeurope",
            "storage_account": "o365sandbox",
            "container": "lake",
            "first_day": settings.first_day or _sandbox_first_day(dt.datetime.now(dt.UTC).date()),
            "initial_days": settings.initial_days,
            "purge_grace_days": settings.purge_grace_days,
            "data_request": request,
            **changes,
        }
    )


def _sandbox_first_day(today: dt.date) -> dt.date:
    """The Monday of the sandbox's week; where the clock has not come that far, that of the last whole week."""
    last_monday = today - dt.timedelta(days=today.weekday() + 7)
    return min(SANDBOX_FIRST_DAY, last_monday)


def _sqlite(path: Path) -> sa.URL:
    return sa.URL.create("sqlite", database=str(path))


def _tenant_data_customer(settings: Settings, request: DataRequest) -> Customer:
    """A customer of its own for each set of files: one day, into which all rows fall, of the datasets there are."""
    directory = settings.tenant_data
    assert directory is not None
    present = tenant_files.datasets_in(directory).datasets
    digest = hashlib.sha256()
    for path in sorted(directory.glob("*.json")):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest() + path.name.encode())
    code = digest.hexdigest()
    datasets = tuple(requested for requested in request.datasets if requested.dataset.name in present)
    if not datasets:
        raise SettingsError(f"tenant data {directory}: the data request names none of {', '.join(present)}")
    return _sandbox_customer(
        settings,
        request,
        name=settings.customer or f"tenant-{code[:8]}",
        tenant_id=f"{code[:8]}-{code[8:12]}-4{code[13:16]}-8{code[17:20]}-{code[20:32]}",
        initial_days=1,
        data_request=request.model_copy(update={"datasets": datasets}),
    )


def _azure(settings: Settings) -> Deployment:
    for name, example in AZURE_EXAMPLES.items():
        if not getattr(settings, name):
            raise SettingsError(
                f"O365_{name.upper()} is missing: O365_DEPLOYMENT=azure needs it, for example: {example}"
            )
    assert settings.mart_url
    assert settings.customer
    customer = Customer.model_validate(
        {
            **{name: getattr(settings, name) for name in Customer.model_fields if hasattr(settings, name)},
            "name": settings.customer,
            "application_secret": settings.application_secret,
            "data_request": read_data_request(settings.data_request),
        }
    )
    cloud = AzureCloud()
    return Deployment(
        home=settings.home.resolve(),
        customers=Customers([customer]),
        database=Database(url=sa.make_url(settings.mart_url), credential=cloud.credential()),
        lake=Lake(url=settings.lake_url or f"az://{settings.storage_account}/{settings.container}"),
        cloud=cloud,
    )
