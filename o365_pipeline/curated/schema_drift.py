"""Schema drift: how the columns of a landing's rows differ from the published and requested ones.

What belongs here: recording names and types while rows are typed, and comparing them; never a value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import duckdb

from o365_pipeline.curated.json_values import cleaned, json_type
from o365_pipeline.curated.privacy import People
from o365_pipeline.curated.row_shape import TOO_DEEP, RowShape, is_too_deep
from o365_pipeline.dagster_ui.markdown_metadata import Markdown, bold, table
from o365_pipeline.datasets import Dataset
from o365_pipeline.raw.duckdb_session import define_function

MOST_UNKNOWN = 1_000
"""How many keys that the catalogue does not know are told: a landing may have other ones in each row."""


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
    """Columns, and keys within columns, that the catalogue does not know, with the types found."""

    @property
    def is_as_published(self) -> bool:
        return not self.missing and not self.retyped

    def table(self) -> Markdown:
        """Both schemas side by side, as Markdown."""
        found = {**self.published, **dict.fromkeys(self.missing, bold("missing"))}
        found |= {name: bold(kinds) for name, kinds in self.retyped.items()}
        lines = [(name, kind, found[name]) for name, kind in self.published.items()]
        beside = {name: kinds for name, kinds in self.retyped.items() if name not in self.published} | dict(
            self.unknown
        )
        lines += [(name, "", bold(kind)) for name, kind in beside.items()]
        return table(("column", "published", "found"), lines)


class RowKeys:
    """The keys and types of a landing's rows, recorded while DuckDB reads them."""

    def __init__(self, dataset: Dataset, requested: Sequence[str], people: People) -> None:
        self._shape, self._people = RowShape(dataset, requested), people
        self._known = dataset.known_names
        self.seen: set[str] = set()
        self.unknown: dict[str, set[str]] = {}
        self.retyped: dict[str, set[str]] = {}
        self._verdict = lru_cache(maxsize=16_384)(self._look)

    def define_function(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make `verdict_on(structure)`, and of a row's JSON `is_too_deep`, `respelled`, `unknown_columns_of` and
        `misfits_of` known to the connection.
        """
        define_function(connection, "is_too_deep", is_too_deep, "BOOLEAN")
        define_function(connection, "verdict_on", self._verdict)
        define_function(connection, "respelled", self._respelled)
        define_function(connection, "unknown_columns_of", self._unknown_columns)
        define_function(connection, "misfits_of", self._misfits)

    def look_at(self, structures: Sequence[str]) -> None:
        """Record the keys of parts of which nothing else is to be said; a part without rows has none."""
        for told in map(json.loads, structures):
            self._see(told if isinstance(told, dict) else ())

    def _look(self, structure: str) -> str:
        if is_too_deep(structure):
            return TOO_DEEP
        told = json.loads(structure)
        if not isinstance(told, dict):
            return ""
        self._see(told)
        return self._shape.verdict(told)

    def _see(self, keys: Iterable[str]) -> None:
        self.seen |= self._known.intersection(keys)

    def _respelled(self, row: str) -> str:
        made = self._shape.respelled(json.loads(row))
        self._see(made)
        return json.dumps(made, ensure_ascii=False)

    def _unknown_columns(self, row: str) -> str | None:
        found = self._shape.unknown(json.loads(row))
        for name, value in found.items():
            for path, kind in _leaves(name, value) if self._shape.has(name) else [(name, json_type(value))]:
                if path in self.unknown or len(self.unknown) < MOST_UNKNOWN:
                    self.unknown.setdefault(path, set()).add(kind)
        shown = {name: cleaned(value, name, self._people) for name, value in found.items()}
        return json.dumps(shown, ensure_ascii=False, allow_nan=False, sort_keys=True) if shown else None

    def _misfits(self, row: str) -> str | None:
        reasons: dict[str, None] = {}
        for path, expected, value in self._shape.misfits(json.loads(row)):
            self.retyped.setdefault(path, set()).add(json_type(value))
            reasons[f"{path} is not {expected}"] = None
        return "; ".join(reasons) or None


def _leaves(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """The paths and types of what is left of a column whose other keys are known."""
    if isinstance(value, dict):
        for key, held in value.items():
            yield from _leaves(f"{path}.{key}", held)
    elif isinstance(value, list):
        for entry in value:
            if entry is not None:
                yield from _leaves(path, entry)
    else:
        yield path, json_type(value)


def drift_of(connection: duckdb.DuckDBPyConnection, dataset: Dataset, requested: Sequence[str], keys: RowKeys) -> Drift:
    """Compares the recorded keys, and the rejected rows that are `kept` and `located`, with the catalogue."""
    columns = [column for column in dataset.columns if column.name in requested]
    rows, rejected = connection.execute("SELECT count(*) FILTER (NOT is_user_row), count(reason) FROM kept").fetchall()[
        0
    ]
    missing = [
        column.name for column in columns if rows and not dataset.omits_nulls and keys.seen.isdisjoint(column.spellings)
    ]
    retyped = {}
    for column in columns if rejected else ():
        paths = ", ".join(f"json_extract(raw, '$.\"{name}\"')" for name in column.spellings)
        kinds = connection.execute(
            f"SELECT DISTINCT json_type(coalesce({paths})) AS kind FROM kept JOIN located USING (row_id) "
            "WHERE regexp_matches(reason, ?) AND json_valid(raw) ORDER BY kind",
            [rf"(^|; ){re.escape(column.name)} is not "],
        ).fetchall()
        if kinds:
            retyped[column.name] = ", ".join(kind for (kind,) in kinds if kind)
    retyped |= {path: ", ".join(sorted(kinds)) for path, kinds in sorted(keys.retyped.items())}
    return Drift(
        rows=rows,
        published={column.name: column.documented_type for column in columns},
        missing=tuple(missing),
        retyped=retyped,
        unknown={name: ", ".join(sorted(kinds)) for name, kinds in sorted(keys.unknown.items())},
    )
