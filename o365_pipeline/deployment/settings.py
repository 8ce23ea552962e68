"""The settings: the environment variables that begin with O365_, and the errors in them.

What belongs here: names, defaults, descriptions (the page of settings is generated from them) and rules for single
values. Building from them belongs to `build.py`, a sign-in's needs to `sign_in.py`, customers to `customers/`.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import re
import uuid
from collections import UserDict
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from o365_pipeline.azure.cloud import ARM_URL, SignIn
from o365_pipeline.customers.configuration import mart_url
from o365_pipeline.customers.customer import GEN1_RETIRED, LAST_FIRST_DAY, NationalCloud
from o365_pipeline.customers.partitions import FIRST_DAY
from o365_pipeline.customers.retention import Retention
from o365_pipeline.customers.secret_strength import WEAK, is_weak
from o365_pipeline.errors import SettingsError
from o365_pipeline.news.settings import NewsSettings
from o365_pipeline.raw.duckdb_session import MEMORY_MB, MEMORY_MB_OF_A_THREAD
from o365_pipeline.raw.lakes import ENDPOINT

LOG = logging.getLogger("o365_pipeline")
PREFIX = "O365_"

SECRET_SETTINGS = (
    *("O365_MART_URL", "O365_STORAGE_KEY", "O365_ADDRESS_SALT", "O365_DENY_PEOPLE"),
    *("O365_NOTIFICATION_SIGNATURE", "O365_NEWS_URLS"),
)
"""Settings whose values no message repeats."""

PATTERN_CHARACTERS = "*?[]'#%"
"""Characters with a meaning in file patterns, SQL and URLs; local paths are used in all of them, also by Dagster."""

OF_OTHERS = ("O365_CODE_SERVER", "O365_TEST_MART_URL")
"""Variables that the deployment's Dagster and the tests read."""

OF_A_SERVICE = "O365_PIPELINE_"
"""The prefix of variables that Kubernetes sets in each pod for the service o365-pipeline."""

ALIKE = 0.75
"""How similar, from 0 to 1, a variable's name must be to a setting's to count as a misspelling of it."""

FOR_THE_SANDBOXES_CUSTOMER = (
    *("data_request", "first_day", "initial_days", "national_cloud", "purge_grace_days", "unread_feed_hours"),
    *Retention.model_fields,
    *("deny_people", "deny_groups", "hash_outside_addresses", "own_domains", "address_salt"),
)
"""Settings that a file of customers has for each customer."""

Names = Annotated[tuple[str, ...], NoDecode]
"""Names separated by commas."""


class Settings(Retention, NewsSettings, BaseSettings):
    """The environment variables that the project reads: O365_ and the field's name."""

    model_config = SettingsConfigDict(env_prefix="O365_", env_ignore_empty=True, extra="ignore")

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
    customers: str | None = Field(
        default=None,
        description=(
            "File (TOML, YAML) or folder of files that names the customers, or the same as JSON, as the Azure template "
            "writes it. Azure needs it, unless an offer is sold; the sandbox has one of its own."
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
    unread_feed_hours: int = Field(
        default=24,
        ge=1,
        le=168,
        description="Customer: hours that the activity feed may be unread before nothing new is submitted.",
    )
    deny_people: Names = Field(default=(), description="Customer: ids or addresses of people who are left out.")
    deny_groups: Names = Field(default=(), description="Customer: ids of groups whose members are left out.")
    hash_outside_addresses: bool = Field(
        default=False, description="Customer: whether addresses from outside go on as hashes."
    )
    own_domains: Names = Field(
        default=(), description="Customer: the tenant's own mail domains; else those in the newest User rows."
    )
    address_salt: SecretStr | None = Field(
        default=None, description="Customer: secret that addresses from outside are hashed with."
    )
    memory_mb: int | None = Field(
        default=None,
        ge=100,
        le=1_000_000,
        description=f"Megabytes of a step's tables in memory, the rest spills; else {MEMORY_MB_OF_A_THREAD} for each "
        f"thread, and {MEMORY_MB} at least.",
    )
    threads: int | None = Field(default=None, ge=1, le=1_024, description="Threads of a step; else one for each core.")
    start_sensors: bool = Field(
        default=False,
        description="Azure: whether sensors and schedules are on from the start, as in an installation; else somebody "
        "turns them on.",
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
    insights_sign_in: Literal["none", "container-apps"] = Field(
        default="none",
        description=(
            "Who says who opens the insights application: nobody, as on a laptop, in the sandbox alone; or Container "
            "Apps' sign-in by Microsoft Entra in front of it, whose headers are then believed."
        ),
    )
    insights_analysts: Names = Field(
        default=(),
        max_length=50,
        description="Object ids of the groups of Entra whose members see all sites and who works with whom.",
    )
    insights_relations: Literal["analysts", "everybody"] = Field(
        default="analysts",
        description="Who sees who works with whom, in the insights application; everybody sees their own relations.",
    )
    sandbox_home: Path | None = Field(
        default=None,
        description="Sandbox: the folder that keeps Azure and Microsoft 365; else one in the home. Deployments that "
        "share it share the sandbox.",
    )
    tenant_data: Path | None = Field(default=None, description="Sandbox: folder of files that stand in for the tenant.")
    sandbox_seconds: float = Field(default=4, ge=0, le=86_400, description="Sandbox: how long a factory run works.")
    sandbox_strict: bool = Field(
        default=False,
        description=(
            "Sandbox: whether nothing is registered, admitted or granted by itself, as on Azure; else the sandbox's "
            "own administrators do it for every customer."
        ),
    )
    sandbox_users: int = Field(default=60, ge=2, le=100_000, description="Sandbox: people of the organization.")
    sandbox_mails: float = Field(default=6, gt=0, le=500, description="Sandbox: mails a person sends on a working day.")
    sandbox_seed: int = Field(default=7, description="Sandbox: the same seed gives the same organization.")

    @field_validator("customers", mode="before")
    @classmethod
    def _customers_may_be_a_path(cls, value: object) -> object:
        return str(value) if isinstance(value, Path) else value

    @field_validator("deny_people", "deny_groups", "own_domains", "insights_analysts", mode="before")
    @classmethod
    def _names_stand_between_commas(cls, value: object) -> object:
        return tuple(filter(None, re.split(r"[\s,;]+", value))) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _hashes_are_salted(self) -> Self:
        if self.hash_outside_addresses and self.address_salt is None:
            raise ValueError("O365_ADDRESS_SALT is missing: O365_HASH_OUTSIDE_ADDRESSES needs a secret to hash with")
        if self.address_salt and is_weak(self.address_salt.get_secret_value()):
            raise ValueError(f"O365_ADDRESS_SALT: {WEAK}")
        return self

    @model_validator(mode="after")
    def _signature_cannot_be_guessed(self) -> Self:
        signature = self.notification_signature
        if self.deployment == "azure" and signature and is_weak(signature.get_secret_value()):
            raise ValueError(f"O365_NOTIFICATION_SIGNATURE: {WEAK}")
        return self

    @field_validator("insights_analysts")
    @classmethod
    def _analysts_are_groups_by_their_ids(cls, groups: tuple[str, ...]) -> tuple[str, ...]:
        """A name is nothing that the sign-in tells, and whoever makes a group can call it so."""
        for group in groups:
            try:
                uuid.UUID(group)
            except ValueError:
                raise ValueError("object ids of groups are needed, separated by commas") from None
        return tuple(str(uuid.UUID(group)) for group in groups)

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
        """A token is sent there, so the address must be HTTPS; paths are appended to the address."""
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


class Environment(UserDict[str, str]):
    """The environment's variables, and which of them were looked up."""

    def __init__(self) -> None:
        super().__init__(os.environ)
        self.looked_up: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.looked_up.add(name)
        return super().__getitem__(name)


def outside_environment() -> dict[str, str]:
    """Returns the environment without this project's settings; those of the sandbox stay.

    A program that stands in for a container is started with it, and with what the container is given.
    """
    own = {name for name in os.environ if name.startswith(PREFIX) and not name.startswith(f"{PREFIX}SANDBOX_")}
    return {name: value for name, value in os.environ.items() if name not in own}


def read_settings(overrides: Mapping[str, Any]) -> Settings:
    """Reads the settings of the environment; overrides that are not None replace variables.

    Raises:
        SettingsError: one is missing or wrong; the message names it.
    """
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if not first["loc"]:
            raise SettingsError(first["msg"].removeprefix("Value error, ")) from None
        name = f"O365_{'_'.join(str(part) for part in first['loc'])}".upper()
        shown = "" if name in SECRET_SETTINGS else f"={first['input']!s}"
        raise SettingsError(f"{name}{shown}: {first['msg'].removeprefix('Value error, ')}") from None


def check_names(environment: Iterable[str], looked_up: Iterable[str]) -> None:
    """Checks that no setting is misspelled; unknown variables that are not similar to a setting are only reported.

    Args:
        environment: the names of all variables.
        looked_up: variables that are not settings and were looked up because a file names them.

    Raises:
        SettingsError: a variable's name is almost that of a setting.
    """
    known = [name.upper() for name in Settings.model_fields]
    expected = {*(f"{PREFIX}{name}" for name in known), *OF_OTHERS, *looked_up}
    begin_so = sorted(name for name in environment if name.upper().startswith(PREFIX))
    unknown = [name for name in begin_so if not {name, name.upper()} & expected and not name.startswith(OF_A_SERVICE)]
    for name in unknown:
        for meant in get_close_matches(name.upper().removeprefix(PREFIX), known, 1, ALIKE):
            raise SettingsError(f"{name}: there is no such setting; did you mean {PREFIX}{meant}?")
    if unknown:
        LOG.warning(f"{', '.join(unknown)}: no setting of this project is called so")
