"""The model of a Data Connect dataset: its columns and types, how it is sliced, keyed, scoped and priced.

What belongs here: the model alone. The entries are the TOML files in `entries/`; what a stage makes of a dataset (copy
definitions, DuckDB schemas, assets) belongs to that stage.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, cached_property
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from o365_pipeline.datasets.types import ColumnType, parse_type
from o365_pipeline.errors import UsageError

SYSTEM_COLUMNS = ("puser", "pObjectId", "ptenant", "pAdditionalInfo", "datarow", "userrow", "pagerow", "rowinformation")
"""Columns that Data Connect adds to every row, whatever columns were requested."""

DATE_TIME_ZONE_FIELDS = ("dateTime", "timeZone")
TEXT_FIELDS = ("contentType", "content")
OPERATION = "Operation"
"""The column of datasets that deliver changes: whether a row belongs to a whole snapshot, and else what happened."""

PARTITION_COLUMNS = ("customer", "day")
"""What the folders of curated files say of their rows, so that no dataset has a field of these names."""

UNKNOWN_COLUMNS = "unknown_columns"
"""The curated field that keeps, as JSON, the columns of a row that the catalogue does not know."""


@cache
def snake_case(name: str) -> str:
    """`receivedDateTime` -> `received_date_time`, `iCalUId` -> `i_cal_u_id`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def other_case(name: str) -> str:
    """v0 datasets write in PascalCase what v1 datasets write in camelCase: `Id` for `id`, and vice versa."""
    return name[0].swapcase() + name[1:]


def short_name(table_name: str) -> str:
    """`BasicDataSet_v0.Message_v1` -> `Message_v1`."""
    return table_name.rpartition(".")[2]


class Column(BaseModel):
    """One documented column of a dataset."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="The documented name, as outputColumns takes it: sentDateTime.")
    documented_type: str = Field(
        description="string, boolean, datetime, int32, double, json, ARRAY<...> or STRUCT<...>."
    )

    description: str = Field(default="", description="What it holds, in one line.")
    curated_as: str = Field(default="", description="What the curated shape calls it; empty where it has that name.")
    undocumented: str = Field(default="", description="A type with the keys that rows have and the document lacks.")

    @cached_property
    def type(self) -> ColumnType:
        documented = parse_type(self.documented_type)
        return documented.with_more(parse_type(self.undocumented)) if self.undocumented else documented

    @property
    def curated_name(self) -> str:
        return snake_case(self.curated_as or self.name)

    @property
    def is_date_with_zone(self) -> bool:
        """Whether it is a meeting's time: a dateTime without offset beside the name of its time zone."""
        return tuple(name for name, _ in self.type.fields) == DATE_TIME_ZONE_FIELDS

    @property
    def is_text(self) -> bool:
        """Whether it is a body: text, and its format (text, HTML)."""
        return tuple(name for name, _ in self.type.fields) == TEXT_FIELDS

    @property
    def spellings(self) -> tuple[str, ...]:
        """The names that it may have in a row, the documented one first."""
        names = [name for name in (self.name, self.curated_as) if name]
        return tuple(spelling for name in names for spelling in (name, other_case(name)))

    @property
    def curated_fields(self) -> list[tuple[str, str]]:
        """(name, DuckDB type) of the fields in the curated table that come from this column."""
        if self.is_date_with_zone:
            return [
                (f"{self.curated_name}_utc", "TIMESTAMP"),
                (f"{self.curated_name}_time_zone", "VARCHAR"),
                # True where the zone is not known: the time is as it is written, in the zone of the mailbox.
                (f"{self.curated_name}_is_local", "BOOLEAN"),
            ]
        if self.is_text:
            return [(f"{self.curated_name}_text", "VARCHAR")]
        return [(self.curated_name, self.type.duckdb)]


class Dataset(BaseModel):
    """A dataset that Data Connect publishes; the stages build everything from it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    table_name: str = Field(description="What the factory's dataset names: BasicDataSet_v0.Message_v1.")
    description: str
    family: str = Field(description="The price family: outlook, teams, entra, sharepoint, groups, tasks, viva.")
    free_of_charge: bool = Field(description="True where Data Connect bills nothing for the rows.")
    scopes: tuple[Literal["All", "List", "FilterUri"], ...] = Field(description="How a request may be scoped.")
    owner: Literal["puser", "pObjectId", "none"] = Field(
        default="puser", description="The system column that says whose row it is: a person's, a group's, nobody's."
    )
    natural_key: tuple[str, ...] = Field(
        description="What identifies a row within the organisation; empty where nothing does."
    )
    nullable_key: tuple[str, ...] = Field(default=(), description="Columns of the key that may be null.")
    slicing: Literal["column", "window", "snapshot", "none"] = Field(
        description="column: by a date-filter column; window: by start and end alone; snapshot: all where start is "
        "end, else what changed from start to end; none: whole at every run."
    )
    delay_days: int = Field(default=0, description="Days until Data Connect has a day's rows.")
    history_days: int | None = Field(default=None, description="How many days back Data Connect goes.")
    date_filter: str | None = Field(default=None, description="The date-filter column that windows use.")
    date_filters: tuple[str, ...] = Field(default=(), description="All columns that Data Connect can filter by.")
    date_filter_required: bool = Field(default=False, description="True where Data Connect refuses a run without one.")
    day_column: str | None = Field(default=None, description="The column that says which day a row belongs to.")
    content_columns: tuple[str, ...] = Field(default=(), description="Columns with what people wrote; off by default.")
    describes_person: bool = Field(default=False, description="True where a row is about one person as a whole.")
    omits_nulls: bool = Field(default=False, description="True where rows leave out columns that are null.")
    renamed: dict[str, str] = Field(default={}, description="Columns that the curated shape calls otherwise.")
    enums: tuple[str, ...] = Field(
        default=(), description="Columns, and keys within them, whose values are documented enums: attendees.type."
    )
    aliases: dict[str, tuple[str, ...]] = Field(
        default={}, description="Other spellings of keys within structures than the usual two."
    )
    undocumented: dict[str, str] = Field(
        default={}, description="Types of columns with the keys that rows have and the documents lack."
    )
    columns: tuple[Column, ...]
    shape: tuple[Column, ...] = Field(
        default=(), exclude=True, description="The columns of all versions of the dataset; set by the catalogue."
    )

    @model_validator(mode="before")
    @classmethod
    def _renamed_columns(cls, values: dict[str, Any]) -> dict[str, Any]:
        values = dict(values)
        columns, renamed, more = values.get("columns"), values.get("renamed", {}), values.get("undocumented", {})
        described = values.pop("descriptions", {})
        if isinstance(columns, dict):
            values["columns"] = [
                {
                    "name": name,
                    "documented_type": kind,
                    "description": described.get(name, ""),
                    "curated_as": renamed.get(name, ""),
                    "undocumented": more.get(name, ""),
                }
                for name, kind in columns.items()
            ]
        return values

    @model_validator(mode="after")
    def _names_are_known(self) -> Dataset:
        known = {column.name for column in self.columns} | set(SYSTEM_COLUMNS)
        named = {*self.natural_key, *self.nullable_key, *self.date_filters, *self.content_columns, *self.renamed}
        named |= {*self.undocumented, *(path.partition(".")[0] for path in self.enums)}
        named |= {name for name in (self.date_filter, self.day_column) if name}
        if unknown := sorted(named - known):
            raise ValueError(f"{self.table_name} names columns that it does not have: {', '.join(unknown)}")
        if self.slicing in ("column", "snapshot") and not self.date_filter:
            raise ValueError(f"{self.table_name} is sliced by a column, so date_filter must name it")
        if self.slicing == "snapshot" and OPERATION not in known:
            raise ValueError(f"{self.table_name} delivers changes, so it must have the column {OPERATION}")
        fields = {name for column in self.columns for name, _ in column.curated_fields}
        if taken := sorted(fields & {*PARTITION_COLUMNS}):
            raise ValueError(f"{self.table_name}: the folders of its files have {', '.join(taken)} already; rename it")
        for column in self.columns:
            column.type  # noqa: B018 - it is read, so that a type which is none is refused here
        return self

    def __hash__(self) -> int:
        return hash(self.table_name)

    @property
    def name(self) -> str:
        """The short name with its version: Message_v1."""
        return short_name(self.table_name)

    @property
    def version(self) -> int:
        return int(self.name.rpartition("_v")[2] or 0)

    @property
    def asset_name(self) -> str:
        """The name in asset keys, lake paths and curated tables: message."""
        return snake_case(re.sub(r"_v\d+$", "", self.name))

    @property
    def current_name(self) -> str | None:
        """The name of the table of the current state, for a dataset whose rows are changes; else None."""
        return f"{self.asset_name}_current" if self.slicing == "snapshot" else None

    @property
    def day_field(self) -> str | None:
        """The curated field (UTC timestamp) whose date is a row's day; None if every row counts for every day."""
        name = self.day_column or self.date_filter
        return self.column(name).curated_fields[0][0] if name else None

    @property
    def curated_key(self) -> tuple[str, ...]:
        return tuple(self._curated(name) for name in self.natural_key)

    @property
    def required_key(self) -> tuple[str, ...]:
        """The fields of the key that every row has."""
        return tuple(self._curated(name) for name in self.natural_key if name not in self.nullable_key)

    @property
    def indispensable_columns(self) -> tuple[str, ...]:
        """The columns without which its rows mean nothing or something else: those of the key; for a dataset that
        delivers changes also when and what each of them is, without which every change is a whole snapshot.
        """
        of_changes = (self.date_filter or "", OPERATION) if self.slicing == "snapshot" else ()
        return tuple(name for name in (*self.natural_key, *of_changes) if name not in SYSTEM_COLUMNS)

    @property
    def owner_field(self) -> str | None:
        """The curated field that says whose row it is."""
        return None if self.owner == "none" else snake_case(self.owner)

    @property
    def curated_columns(self) -> tuple[Column, ...]:
        """The columns of the curated shape, which all versions of the dataset share."""
        return self.shape or self.columns

    @property
    def curated_schema(self) -> dict[str, str]:
        """Field -> DuckDB type of the curated table, the same whatever columns were requested."""
        schema = {self.owner_field: "VARCHAR"} if self.owner_field else {}
        for column in self.curated_columns:
            schema.update(column.curated_fields)
        schema[UNKNOWN_COLUMNS] = "VARCHAR"
        schema["extraction_id"] = "VARCHAR"
        return schema

    @property
    def known_names(self) -> frozenset[str]:
        """Every name, in every usual spelling, that a known column may have in a row."""
        columns = {spelling for column in (*self.columns, *self.shape) for spelling in column.spellings}
        return frozenset({*columns, *SYSTEM_COLUMNS})

    def spellings_of(self, names: Iterable[str]) -> frozenset[str]:
        """Returns the names that some of the dataset's documented columns may have in a row."""
        wanted = set(names)
        return frozenset(spelling for column in self.columns if column.name in wanted for spelling in column.spellings)

    def spellings_of_key(self, key: str) -> tuple[str, ...]:
        """The names under which a structure in a row may have a key, the catalogue's own first."""
        return (key, other_case(key), *self.aliases.get(key, ()))

    def _curated(self, name: str) -> str:
        return next((column.curated_name for column in self.columns if column.name == name), snake_case(name))

    def column(self, name: str) -> Column:
        """Returns the column of that documented name.

        Raises:
            UsageError: there is none; the message lists the existing columns.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise UsageError(
            f"{self.name} has no column {name!r}; its columns are {', '.join(column.name for column in self.columns)}"
        )
