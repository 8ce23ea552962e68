"""The data request: the data for which an application asks a customer's approvers.

What belongs here: the model, reading it from TOML, and checking it against the catalogue. The approvers' answers belong
to `consent/approvals.py`; whether they cover an extraction is decided in `consent/authorization.py`.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from o365_pipeline.customers.written_text import UnreadableTextError, parsed
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.errors import SettingsError, UsageError

MAX_GROUPS = 10
"""A copy activity takes at most ten groups (Microsoft: Data Factory connector for Microsoft 365)."""


class Scope(BaseModel):
    """Whose data is requested: everyone's, that of the members of some groups, or that of users selected by a Graph
    filter.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["All", "List", "FilterUri"] = "All"
    groups: tuple[str, ...] = Field(default=(), description="Object ids of groups, for kind List.")
    filter_uri: str | None = Field(default=None, description="A users filter of Microsoft Graph, for kind FilterUri.")

    @model_validator(mode="after")
    def _parts_fit_kind(self) -> Scope:
        if (self.kind == "List") != bool(self.groups) or (self.kind == "FilterUri") != bool(self.filter_uri):
            raise ValueError("scope: kind List takes groups, kind FilterUri takes filter_uri, kind All takes neither")
        return self

    def __str__(self) -> str:
        """The scope for logs and the UI: a filter may name a person, so it is shown by its fingerprint."""
        if self.filter_uri:
            return f"FilterUri (fingerprint {hashlib.sha256(self.filter_uri.encode()).hexdigest()[:8]})"
        return self.in_full

    @property
    def in_full(self) -> str:
        """The scope for the ledger and the terminal."""
        if self.kind == "List":
            return f"List of groups {', '.join(self.groups)}"
        return f"FilterUri {self.filter_uri}" if self.kind == "FilterUri" else "All"


class RequestedDataset(BaseModel):
    """One dataset of a data request: its columns and its scope."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="Message_v1 or BasicDataSet_v0.Message_v1.")
    columns: tuple[str, ...] = Field(min_length=1, description="Documented column names.")
    scope: Scope = Scope()

    @model_validator(mode="after")
    def _columns_exist(self) -> RequestedDataset:
        dataset = catalogue()[self.name]
        for column in self.columns:
            dataset.column(column)
        if len(self.scope.groups) > MAX_GROUPS:
            raise ValueError(f"scope: at most {MAX_GROUPS} groups, not {len(self.scope.groups)}")
        if missing := [name for name in dataset.indispensable_columns if name not in self.columns]:
            raise UsageError(
                f"{self.name}: the columns must include {', '.join(missing)}, "
                "without which its rows cannot be told apart"
            )
        return self

    @property
    def dataset(self) -> Dataset:
        return catalogue()[self.name]

    @property
    def content_columns(self) -> tuple[str, ...]:
        """The requested columns that hold text written by people."""
        return tuple(column for column in self.columns if column in self.dataset.content_columns)


class DataRequest(BaseModel):
    """An application's registration with Data Connect; an approval covers all of it or nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    application_id: str = Field(description="The app registration's client id.")
    application_name: str
    application_tenant_id: str = Field(description="The tenant of the app registration: the vendor's or one's own.")
    application_version: str = "1.0.0"
    owner: str = Field(description="Who registered the application; Data Connect refuses the owner as approver.")
    policies: tuple[str, ...] = Field(
        default=(),
        description="The Azure policies that the application was published with; the approver is shown them "
        "(Microsoft: Data Connect policies).",
    )
    datasets: tuple[RequestedDataset, ...] = Field(min_length=1)

    @field_validator("application_id", "application_tenant_id")
    @classmethod
    def _ids_in_small_letters(cls, value: str) -> str:
        return value.lower()

    @field_validator("datasets")
    @classmethod
    def _each_once(cls, datasets: tuple[RequestedDataset, ...]) -> tuple[RequestedDataset, ...]:
        names = [requested.dataset.name for requested in datasets]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"datasets: {', '.join(repeated)} stands there more than once")
        tables = [requested.dataset.asset_name for requested in datasets]
        if twice := [name for name, table in zip(names, tables, strict=True) if tables.count(table) > 1]:
            raise ValueError(f"datasets: {' and '.join(twice)} are versions of one dataset; ask for one of them")
        return datasets

    def requested(self, name: str) -> RequestedDataset | None:
        """Returns the requested columns of that dataset, in the requested version; None if the request does not name
        it.
        """
        table = catalogue()[name].asset_name
        return next((requested for requested in self.datasets if requested.dataset.asset_name == table), None)


def asked_of(requests: Iterable[DataRequest], dataset: Dataset) -> frozenset[str]:
    """The curated names of the dataset's columns that some request asks for, in whichever version."""
    found = [requested for request in requests if (requested := request.requested(dataset.name))]
    return frozenset(entry.dataset.column(name).curated_name for entry in found for name in entry.columns)


def request_of(datasets: Iterable[str], request: DataRequest) -> DataRequest:
    """Returns a data request of exactly these datasets: of each what the given request asks, or else all columns but
    those that hold text written by people.

    Of several versions of a dataset the newest is asked for.
    """
    newest: dict[str, Dataset] = {}
    for dataset in sorted((catalogue()[name] for name in datasets), key=lambda dataset: dataset.version):
        newest[dataset.asset_name] = dataset
    asked = {entry.dataset: entry for entry in request.datasets}
    entries = [asked.get(dataset) or _without_content(dataset) for dataset in newest.values()]
    return DataRequest.model_validate({**request.model_dump(), "datasets": entries})


def _without_content(dataset: Dataset) -> RequestedDataset:
    kept = {*(column.name for column in dataset.columns)} - {*dataset.content_columns} | {
        *dataset.indispensable_columns
    }
    return RequestedDataset(
        name=dataset.name, columns=tuple(column.name for column in dataset.columns if column.name in kept)
    )


def as_toml(request: DataRequest) -> str:
    """Returns the file that `read_data_request` reads the request from."""
    head = [
        f"{name} = {json.dumps(value, ensure_ascii=False)}"
        for name, value in request.model_dump(mode="json").items()
        if name != "datasets"
    ]
    entries = [
        f"\n[[datasets]]\nname = {json.dumps(entry.name)}\ncolumns = {json.dumps(entry.columns)}"
        + "".join(
            f"\nscope.{name} = {json.dumps(value, ensure_ascii=False)}"
            for name, value in entry.scope.model_dump(mode="json", exclude_defaults=True).items()
        )
        for entry in request.datasets
    ]
    return "\n".join([*head, *entries]) + "\n"


def read_data_request(path: Path | None) -> DataRequest:
    """Reads a data request from TOML; without a path, the shipped one, which has no bodies and no subjects.

    Raises:
        SettingsError: the file cannot be read or is not a data request; the message names file and field.
    """
    source = path or resources.files("o365_pipeline.customers") / "data_request.toml"
    try:
        return DataRequest.model_validate(parsed(source.read_text(encoding="utf-8-sig"), tomllib.loads))
    except OSError as error:
        raise SettingsError(f"data request {source}: {error.strerror}") from error
    except (UnicodeDecodeError, UnreadableTextError, UsageError) as error:
        raise SettingsError(f"data request {source}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"data request {source}: {where}: {first['msg'].removeprefix('Value error, ')}") from error
