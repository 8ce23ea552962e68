"""What a row's keys are, beside those that the catalogue knows: odd spellings, unknown keys, values of another shape.

What belongs here: the few rows that differ, told by DuckDB's `json_structure` and then read in Python, key by key. What
is done to values is `value_sql.py`'s and `json_values.py`'s; what becomes of the findings is `schema_drift.py`'s.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from o365_pipeline.datasets import SYSTEM_COLUMNS, Column, Dataset
from o365_pipeline.datasets.types import ColumnType

MISSPELLED, UNKNOWN, DOUBTFUL, TOO_DEEP = "m", "u", "d", "t"
"""What may be said of a row's structure: keys in an odd spelling, unknown keys, values that may be of another shape; or
that nobody looks into it.
"""

DEEPEST = 100
"""How many levels of objects and lists a row may have."""

MARKS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{\]}]')

ANNOTATIONS = ("@odata", "odata", "@Odata", "OData")
"""How keys begin that Microsoft's services put beside any key, such as @odata.type; they say nothing of the item."""

ROW_INFORMATION = Column(
    name="rowinformation",
    documented_type="STRUCT<errorInformation: STRING, userReturnedNoData: STRING, isUserSummaryRow: STRING>",
)
"""What Data Connect says of a row itself."""

SAYS_NOTHING = ("", "null")
TRUTHS = ("true", "false", "0", "1")


class RowShape:
    """The shape of a dataset's rows, and what a row has besides.

    Args:
        requested: the columns in which keys are looked at; the others do not go on.
    """

    def __init__(self, dataset: Dataset, requested: Sequence[str]) -> None:
        self._dataset = dataset
        self._requested = [column for column in dataset.columns if column.name in requested]
        self._looked_at = {spelling: column for column in self._requested for spelling in column.spellings}
        self._looked_at[ROW_INFORMATION.name] = ROW_INFORMATION
        self._known = dataset.known_names
        spellings = [*((name,) for name in SYSTEM_COLUMNS), *(column.spellings for column in reversed(dataset.columns))]
        self._any_case = {spelling.lower(): usual for usual in spellings for spelling in usual}
        self._keys = cache(self._keys_of)

    def has(self, name: str) -> bool:
        """Whether it is the name of a requested column."""
        return name in self._looked_at

    def verdict(self, structure: dict[str, Any]) -> str:
        """MISSPELLED, UNKNOWN, DOUBTFUL, as far as they apply, of a row's structure as DuckDB tells it."""
        found = set()
        for name, told in structure.items():
            if name not in self._known:
                found.add(MISSPELLED if name.lower() in self._any_case else UNKNOWN)
            if column := self._looked_at.get(name):
                found |= self._judge(told, column.type) - ({UNKNOWN} if column is ROW_INFORMATION else set())
        return "".join(sorted(found))

    def respelled(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row with the catalogue's spelling of keys, and structures instead of texts that hold them."""
        made: dict[str, Any] = {}
        for name, value in row.items():
            if name not in self._known and (usual := self._any_case.get(name.lower())):
                is_there = usual[0] in made or any(spelling in row for spelling in usual)
                name = name if is_there else usual[0]
            column = self._looked_at.get(name)
            made[name] = self._respell(value, column.type) if column else value
        return made

    def unknown(self, row: dict[str, Any]) -> dict[str, Any]:
        """What the catalogue lacks of a respelled row, within the columns that it has too."""
        found = {name: value for name, value in row.items() if name not in self._known}
        for column, value in self._requested_of(row):
            if (rest := self._rest(value, column.type)) is not None:
                found[column.name] = rest
        return found

    def misfits(self, row: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
        """(path, what is expected, the value) of what is of another shape within a respelled row's columns."""
        for column, value in self._requested_of(row):
            if column.type.is_nested and isinstance(value, list if column.type.item else dict):
                yield from self._misfits(value, column.type, column.name)

    def _requested_of(self, row: dict[str, Any]) -> Iterator[tuple[Column, Any]]:
        for column in self._requested:
            if column.type.is_nested and (name := next((one for one in column.spellings if one in row), None)):
                yield column, row[name]

    def _judge(self, told: Any, kind: ColumnType) -> set[str]:
        if told == "NULL" or kind.kind in ("string", "json", "datetime"):
            return set()
        if kind.item is not None:
            if not isinstance(told, list):
                return {DOUBTFUL}
            return set().union(*(self._judge(entry, kind.item) for entry in told))
        if kind.kind == "struct":
            if not isinstance(told, dict):
                return {DOUBTFUL}
            found = set()
            for key, held in told.items():
                name = self._key_of(key, kind)
                if name is None:
                    found |= set() if key.startswith(ANNOTATIONS) else {UNKNOWN}
                    continue
                if key not in self._dataset.spellings_of_key(name):
                    found.add(MISSPELLED)
                found |= self._judge(held, dict(kind.fields)[name])
            return found
        is_number = told in ("UBIGINT", "BIGINT", "DOUBLE", "HUGEINT", "UHUGEINT")
        return set() if (told == "BOOLEAN" if kind.kind.startswith("bool") else is_number) else {DOUBTFUL}

    def _key_of(self, key: str, kind: ColumnType) -> str | None:
        """The catalogue's name of a key of a structure, whatever its case."""
        return self._keys(kind).get(key.lower())

    def _keys_of(self, kind: ColumnType) -> dict[str, str]:
        return {
            spelling.lower(): name
            for name, _ in reversed(kind.fields)
            for spelling in self._dataset.spellings_of_key(name)
        }

    def _respell(self, value: Any, kind: ColumnType) -> Any:
        if kind.is_nested and isinstance(value, str):
            if value.strip() in SAYS_NOTHING:
                return None
            value = _read(value)
        if kind.item is not None and isinstance(value, list):
            return [self._respell(entry, kind.item) for entry in value]
        if kind.kind != "struct" or not isinstance(value, dict):
            return value
        fields, made = dict(kind.fields), {}
        for key, held in value.items():
            name = self._key_of(key, kind)
            if name is None or (name in value and key != name):
                made[key] = held
            else:
                made[name] = self._respell(held, fields[name])
        return made

    def _rest(self, value: Any, kind: ColumnType) -> Any:
        """What the type does not have of a value; None where it has all."""
        if kind.item is not None and isinstance(value, list):
            entries = [self._rest(entry, kind.item) for entry in value]
            return entries if any(entry is not None for entry in entries) else None
        if kind.kind != "struct" or not isinstance(value, dict):
            return None
        fields, found = dict(kind.fields), {}
        for key, held in value.items():
            if (name := self._key_of(key, kind)) is None or (key != name and name in value):
                rest = None if key.startswith(ANNOTATIONS) else held
            else:
                rest = self._rest(held, fields[name])
            if rest is not None:
                found[key] = rest
        return found or None

    def _misfits(self, value: Any, kind: ColumnType, path: str) -> Iterator[tuple[str, str, Any]]:
        if value is None or value == "":
            return
        if kind.item is not None:
            if not isinstance(value, list):
                yield path, "a list", value
                return
            for entry in value:
                yield from self._misfits(entry, kind.item, path)
        elif kind.kind == "struct":
            if not isinstance(value, dict):
                yield path, "an object", value
                return
            for key, field in kind.fields:
                yield from self._misfits(value.get(key), field, f"{path}.{key}")
        elif kind.kind not in ("string", "json", "datetime") and not _is_of(value, kind.kind):
            yield path, f"of type {kind.kind}", value


def is_too_deep(text: str) -> bool:
    """Whether JSON, be it a row or its structure, has more levels than are looked into."""
    depth = 0
    for found in MARKS.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(found[0], 0)
        if depth > DEEPEST:
            return True
    return False


def _read(text: str) -> Any:
    if is_too_deep(text):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _is_of(value: Any, kind: str) -> bool:
    """Whether a number or truth value, or a text that writes one, is of the type."""
    if isinstance(value, dict | list):
        return False
    if kind.startswith("bool"):
        return str(value).strip().lower() in TRUTHS
    try:
        float(value)
    except (ValueError, OverflowError):
        return False
    return True
