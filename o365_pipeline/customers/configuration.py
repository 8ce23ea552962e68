"""The customers' configuration: one TOML or YAML file, a folder of them, or the same as JSON in the setting itself.

What belongs here: the format of the files, reading them, and one clear line for each error in them. Files never contain
secrets: `{ env = "NAME" }` or `{ key_vault = "https://..." }` says where a secret is.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Self

import sqlalchemy as sa
import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from o365_pipeline.customers.cron import cron_schedule
from o365_pipeline.customers.customer import CUSTOMER_NAME, Customer, CustomerSettings, KeyVaultSecret
from o365_pipeline.customers.data_request import DataRequest, read_data_request
from o365_pipeline.customers.secret_strength import WEAK, is_weak
from o365_pipeline.customers.written_text import UnreadableTextError, parsed
from o365_pipeline.errors import SettingsError, UsageError

Guid = Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$")]
Name = Annotated[str, StringConstraints(pattern=f"^{CUSTOMER_NAME}$")]


WRITTEN_OUT = Path("O365_CUSTOMERS")
"""What errors call the customers that the setting itself holds."""


class EnvironmentSecret(BaseModel):
    """A secret in an environment variable."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    env: str = Field(min_length=1, description="The variable's name.", examples=["CONTOSO_APPLICATION_SECRET"])


class CustomerEntry(CustomerSettings):
    """One customer as its file describes it."""

    tenant_id: Guid = Field(
        description="The customer's Microsoft Entra tenant.", examples=["72f988bf-0000-4000-8000-2d7cd011db47"]
    )
    destination_tenant_id: Guid | None = Field(
        default=None,
        description="The tenant of factory, storage account and mart, where that is not the customer's own: a vendor's "
        "that hosts (docs/hosting.md).",
        examples=["72f988bf-0000-4000-8000-2d7cd011db47"],
    )
    subscription_id: Guid = Field(
        description="The Azure subscription of the factory.", examples=["11111111-0000-4000-8000-000000000001"]
    )
    mart: str | EnvironmentSecret | None = Field(
        default=None,
        description="SQLAlchemy URL of the customer's own mart, without a password. Default: O365_MART_URL's.",
        examples=["mssql+pyodbc://@sql-contoso.database.windows.net/mart"],
    )
    data_request: DataRequest | Path = Field(
        description="TOML file of the data request, relative to this file; or the data request itself.",
        examples=["data_request.toml"],
    )
    application_secret: KeyVaultSecret | EnvironmentSecret = Field(
        description="Where the secret of the data request's application is: a Key Vault secret, which the factory "
        "reads itself, or an environment variable.",
        examples=['{ key_vault = "https://kv-contoso.vault.azure.net/secrets/data-connect-application" }'],
    )

    address_salt: KeyVaultSecret | EnvironmentSecret | None = Field(
        default=None,
        description="Where the secret is that addresses from outside are hashed with: a Key Vault secret, or an "
        "environment variable.",
        examples=['{ env = "CONTOSO_ADDRESS_SALT" }'],
    )

    @model_validator(mode="after")
    def _hashes_are_salted(self) -> Self:
        if self.hash_outside_addresses and self.address_salt is None:
            raise ValueError('address_salt is missing, for example: address_salt = { env = "CONTOSO_ADDRESS_SALT" }')
        return self

    @field_validator("schedule")
    @classmethod
    def _schedule_is_cron(cls, cron: str) -> str:
        return cron_schedule(cron)

    @field_validator("mart")
    @classmethod
    def _mart_holds_no_password(cls, mart: str | EnvironmentSecret | None) -> str | EnvironmentSecret | None:
        if isinstance(mart, str) and _holds_a_password(mart_url(mart)):
            raise ValueError(
                "the URL holds a password: sign in with Microsoft Entra, or name a variable, { env = ... }"
            )
        return mart


class CustomersFile(BaseModel):
    """A file of customers, by name."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="Customers of o365_pipeline")

    customers: dict[Name, CustomerEntry] = Field(min_length=1)


@dataclass(frozen=True)
class Configured:
    """The content of the files: the customers, and the URLs of marts in databases of their own."""

    customers: tuple[Customer, ...]
    marts: Mapping[str, sa.URL]


def example() -> str:
    """Returns the shipped example, as TOML."""
    return (resources.files("o365_pipeline.customers") / "customers.example.toml").read_text(encoding="utf-8")


def schema() -> dict[str, Any]:
    """Returns the JSON schema of a file of customers, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **CustomersFile.model_json_schema()}


def read_customers(source: str | Path, environment: Mapping[str, str]) -> Configured:
    """Reads a file of customers, or all files of a folder.

    Args:
        source: the file or the folder; or, as JSON, what such a file says.
        environment: the variables in which secrets are looked up.

    Raises:
        SettingsError: a file cannot be read, or something in it is missing or wrong; the message names file and
            key.
    """
    customers: dict[str, Customer] = {}
    marts: dict[str, sa.URL] = {}
    request_in = cache(read_data_request)
    for file, content in _written_out(source) if _is_written_out(source) else _contents(Path(source)):
        for name, entry in _parsed(file, content).customers.items():
            if name in customers:
                raise SettingsError(f"{file}: customers.{name} stands in another file too; each customer is named once")
            try:
                asked = entry.data_request
                request = asked if isinstance(asked, DataRequest) else request_in(file.parent / asked)
                customers[name] = _customer(name, entry, request, environment)
                if entry.mart is not None:
                    marts[name] = _mart(entry.mart, environment)
            except ValueError as error:
                raise SettingsError(f"{file}: customers.{name}.{error}") from None
    return Configured(tuple(customers.values()), marts)


def mart_url(text: str) -> sa.URL:
    """Checks a mart's URL.

    Raises:
        ValueError: the text is not an SQLAlchemy URL; the message does not repeat it.
    """
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        raise ValueError("a mart is a SQLAlchemy URL such as sqlite:////path/mart.db") from None
    if "@" in (url.host or ""):
        raise ValueError("in a SQLAlchemy URL an @ of a name or a password is written %40")
    return url


def _holds_a_password(url: sa.URL) -> bool:
    """Tells whether a URL has a password in its own place, or in its options, which may be a whole ODBC connection
    string.
    """
    options = "&".join([*url.query, str(url.query.get("odbc_connect", ""))])
    return url.password is not None or re.search(r"\b(pwd|password)\b", options, re.IGNORECASE) is not None


def _is_written_out(source: str | Path) -> bool:
    """Tells whether the setting holds the customers themselves: no path of a file begins like a JSON object."""
    return str(source).lstrip().startswith("{")


def _written_out(source: str | Path) -> list[tuple[Path, object]]:
    try:
        return [(WRITTEN_OUT, parsed(str(source), json.loads))]
    except UnreadableTextError as error:
        raise SettingsError(f"{WRITTEN_OUT}: its JSON cannot be read: {error}") from None


def _contents(path: Path) -> list[tuple[Path, object]]:
    """Returns the files of customers with their content; a folder may also hold their data requests."""
    try:
        if not path.is_dir():
            return [(path, _content(path))]
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no path"
        raise SettingsError(f"O365_CUSTOMERS={path}: {reason}; for example customers.toml") from None
    found = [file for file in sorted(path.iterdir()) if file.suffix.lower() in (".toml", ".yaml", ".yml")]
    contents = [(file, content) for file in found if not _is_data_request(content := _content(file))]
    if not contents:
        raise SettingsError(f"O365_CUSTOMERS={path}: the folder holds no file of customers (.toml, .yaml, .yml)")
    return contents


def _content(file: Path) -> object:
    try:
        text = file.read_text(encoding="utf-8-sig")
        return parsed(text, tomllib.loads if file.suffix.lower() == ".toml" else _unique_keys)
    except OSError as error:
        raise SettingsError(f"O365_CUSTOMERS={file}: {error.strerror}; for example customers.toml") from None
    except (UnicodeDecodeError, UnreadableTextError) as error:
        raise SettingsError(f"{file} cannot be read: {error}") from None


def _is_data_request(content: object) -> bool:
    return isinstance(content, dict) and "datasets" in content and "customers" not in content


def _parsed(file: Path, content: object) -> CustomersFile:
    try:
        return CustomersFile.model_validate(content)
    except ValidationError as error:
        raise SettingsError(f"{file}: {_first(error)}") from None
    except UsageError as error:
        raise SettingsError(f"{file}: data_request: {error}") from None


class _UniqueKeyLoader(yaml.SafeLoader):
    """Reads safe YAML and refuses repeated keys: otherwise the first customer of a name would be lost without a
    message.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        names = [key for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        mapping = super().construct_mapping(node, deep)
        for key, times in Counter(self.construct_object(name, deep=True) for name in names).items():
            if times > 1:
                raise yaml.constructor.ConstructorError(problem=f"{key} stands there more than once")
        return mapping


def _unique_keys(text: str) -> Any:
    return yaml.load(text, _UniqueKeyLoader)  # noqa: S506 - it is safe


def _customer(name: str, entry: CustomerEntry, request: DataRequest, environment: Mapping[str, str]) -> Customer:
    salt = entry.address_salt
    return Customer(
        **{field: getattr(entry, field) for field in CustomerSettings.model_fields},
        name=name,
        application_secret=_secret("application_secret", entry.application_secret, environment),
        address_salt=_strong("address_salt", salt, environment) if salt is not None else None,
        data_request=request,
    )


def _secret(
    key: str, secret: KeyVaultSecret | EnvironmentSecret, environment: Mapping[str, str]
) -> SecretStr | KeyVaultSecret:
    if isinstance(secret, EnvironmentSecret):
        return SecretStr(_looked_up(key, secret, environment))
    return secret


def _strong(
    key: str, secret: KeyVaultSecret | EnvironmentSecret, environment: Mapping[str, str]
) -> SecretStr | KeyVaultSecret:
    found = _secret(key, secret, environment)
    if isinstance(found, SecretStr) and is_weak(found.get_secret_value()):
        raise ValueError(f"{key}: {WEAK}")
    return found


def _mart(mart: str | EnvironmentSecret, environment: Mapping[str, str]) -> sa.URL:
    text = _looked_up("mart", mart, environment) if isinstance(mart, EnvironmentSecret) else mart
    try:
        return mart_url(text)
    except ValueError as error:
        raise ValueError(f"mart: {error}") from None


def _looked_up(key: str, secret: EnvironmentSecret, environment: Mapping[str, str]) -> str:
    if value := environment.get(secret.env):
        return value
    raise ValueError(f"{key}: the environment variable {secret.env} is not set")


TRIED_TYPES = ("EnvironmentSecret", "KeyVaultSecret", "DataRequest", "path", "str", "[key]")


def _first(error: ValidationError) -> str:
    """Describes the first error: its key, what is wrong, an example; never a value that may be a secret."""
    first = error.errors(include_url=False, include_input=False)[0]
    # What follows a key of several types begins with the type that was tried.
    where = [str(part) for part in first["loc"] if part not in TRIED_TYPES]
    key = ".".join(where) or "the file"
    if first["type"] == "extra_forbidden":
        return f"{key} {_no_key(where)}"
    if first["type"] == "missing":
        return f"{key} is missing{_example(where)}"
    return f"{key}: {first['msg'].removeprefix('Value error, ')}{_example(where)}"


def _no_key(where: list[str]) -> str:
    match len(where):
        case 1:
            return "is no key of a file of customers; there is customers"
        case length if "data_request" in where[: length - 1]:
            return "is no key of a data request"
        case 3:
            return f"is no key of a customer; there are {', '.join(CustomerEntry.model_fields)}"
    return f"is no key there; there is key_vault or env{_example(where)}"


def _example(where: list[str]) -> str:
    if len(where) < 3:
        return ", for example: [customers.contoso]"
    field = CustomerEntry.model_fields.get(where[2])
    if not (field and field.examples):
        return ""
    text = str(field.examples[0])
    return f", for example: {where[2]} = {text if text.startswith('{') else json.dumps(text)}"
