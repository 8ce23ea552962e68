"""Schema drift: how the columns of a landing's rows differ from the published and requested ones.

What belongs here: recording names and types while rows are typed, and comparing them; never a value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import duckdb

from o365_pipeline.curated.duckdb_session import define_function
from o365_pipeline.curated.json_values import cleaned, json_type
from o365_pipeline.curated.privacy import People
from o365_pipeline.datasets import Dataset

SEPARATOR = "\x1f"
"""The separator of the names of a row's columns."""


@dataclass(frozen=True)
class Drift:
    """A landing's schema compared with the published one; empty if no row was examined."""

    rows: int = 0
    """How many rows were examined: items, not user rows."""

    published: Mapping[str, str] = field(default_factory=dict)
    """Requested columns and their documented types."""

    missing: tuple[str, ...] = ()
    """Requested columns that no row has."""

    retyped: Mapping[str, str] = field(default_factory=dict)
    """Columns for which rows are in quarantine, with the types found in these."""

    unknown: Mapping[str, str] = field(default_factory=dict)
    """Columns that the catalogue does not know, with the types found."""

    @property
    def is_as_published(self) -> bool:
        return not self.missing and not self.retyped

    def table(self) -> str:
        """Both schemas side by side, as Markdown."""
        found = {**self.published, **dict.fromkeys(self.missing, "**missing**")}
        found |= {name: f"**{kinds}**" for name, kinds in self.retyped.items()}
        lines = [f"| {name} | {kind} | {found[name]} |" for name, kind in self.published.items()]
        lines += [f"| {name} | | **{kind}** |" for name, kind in self.unknown.items()]
        return "\n".join(["| column | published | found |", "|---|---|---|", *lines]).replace("\n| |", "\n|")


class RowKeys:
    """The keys and types of a landing's rows, recorded while DuckDB reads them."""

    def __init__(self, dataset: Dataset, people: People) -> None:
        self._known, self._people = dataset.known_names, people
        self.seen: set[str] = set()
        self.unknown: dict[str, set[str]] = {}
        self._has_unknown = lru_cache(maxsize=4_096)(self._look)

    def define(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Registers `has_unknown(keys)` and `unknown_columns_of(json)` with the connection."""
        define_function(connection, "has_unknown", self._has_unknown, "BOOLEAN")
        define_function(connection, "unknown_columns_of", self._unknown_columns)

    def _look(self, keys: str) -> bool:
        names = set(keys.split(SEPARATOR))
        self.seen |= names
        return not names <= self._known

    def _unknown_columns(self, row: str) -> str:
        found = {name: value for name, value in json.loads(row).items() if name not in self._known}
        for name, value in found.items():
            self.unknown.setdefault(name, set()).add(json_type(value))
        shown = {name: cleaned(value, name, self._people) for name, value in found.items()}
        return json.dumps(shown, ensure_ascii=False, sort_keys=True)


def drift_of(connection: duckdb.DuckDBPyConnection, dataset: Dataset, requested: Sequence[str], keys: RowKeys) -> Drift:
    """Compares the recorded keys, and the rejected rows of table `typed`, with the catalogue."""
    columns = [column for column in dataset.columns if column.name in requested]
    rows = connection.execute("SELECT count(*) FROM typed WHERE NOT is_user_row").fetchall()[0][0]
    missing = [
        column.name for column in columns if rows and not dataset.omits_nulls and keys.seen.isdisjoint(column.spellings)
    ]
    retyped = {}
    for column in columns:
        paths = ", ".join(f"json_extract(raw, '$.\"{name}\"')" for name in column.spellings)
        kinds = connection.execute(
            f"SELECT DISTINCT json_type(coalesce({paths})) AS kind FROM typed "
            "WHERE regexp_matches(reason, ?) ORDER BY kind",
            [rf"(^|; ){re.escape(column.name)} is not "],
        ).fetchall()
        if kinds:
            retyped[column.name] = ", ".join(kind for (kind,) in kinds if kind)
    return Drift(
        rows=rows,
        published={column.name: column.documented_type for column in columns},
        missing=tuple(missing),
        retyped=retyped,
        unknown={name: ", ".join(sorted(kinds)) for name, kinds in sorted(keys.unknown.items())},
    )
