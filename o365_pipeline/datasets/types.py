"""Parses Data Connect's documented column types and translates them into DuckDB types.

What belongs here: the grammar of the types (`STRUCT<a: STRING>`, `ARRAY<...>`, scalars) and their translation. Which
dataset has which column does not belong here: that is data, in `entries/`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

SCALARS = {
    "string": "VARCHAR",
    "boolean": "BOOLEAN",
    "bool": "BOOLEAN",
    "int": "BIGINT",
    "integer": "BIGINT",
    "int32": "BIGINT",
    "int64": "BIGINT",
    "double": "DOUBLE",
    "datetime": "TIMESTAMP",
    "json": "VARCHAR",
}


@dataclass(frozen=True)
class ColumnType:
    """A parsed type: a scalar, a list of `item`, or a structure of `fields`."""

    kind: str
    fields: tuple[tuple[str, ColumnType], ...] = ()
    item: ColumnType | None = None

    @property
    def is_nested(self) -> bool:
        return self.kind in ("array", "struct")

    @property
    def duckdb(self) -> str:
        """The DuckDB type that holds a value of this type."""
        if self.item is not None:
            return f"{self.item.duckdb}[]"
        if self.kind == "struct":
            return "STRUCT(" + ", ".join(f'"{name}" {field.duckdb}' for name, field in self.fields) + ")"
        return SCALARS[self.kind]

    @property
    def json_structure(self) -> str:
        """DuckDB's `from_json` structure; times are read as text, since DuckDB has no value for "never"."""
        return json.dumps(self._structure())

    @property
    def key_names(self) -> tuple[str, ...]:
        """The structure keys inside this type, outermost first, without repeats."""
        if self.item is not None:
            return self.item.key_names
        names = [name for name, _ in self.fields]
        return tuple(dict.fromkeys([*names, *(key for _, field in self.fields for key in field.key_names)]))

    def with_more(self, other: ColumnType) -> ColumnType:
        """The type with the fields of another of its kind that it lacks."""
        if self.item is not None and other.item is not None:
            return ColumnType(self.kind, item=self.item.with_more(other.item))
        own, more = dict(self.fields), dict(other.fields)
        known = {name: field.with_more(more.pop(name)) if name in more else field for name, field in own.items()}
        return ColumnType(self.kind, tuple((known | more).items()))

    def _structure(self) -> object:
        if self.item is not None:
            return [self.item._structure()]
        if self.kind == "struct":
            return {name: field._structure() for name, field in self.fields}
        return SCALARS["string"] if self.kind == "datetime" else SCALARS[self.kind]


def parse_type(text: str) -> ColumnType:
    """Parses a documented type such as `ARRAY<STRUCT<name: STRING, size: INT>>`.

    Raises:
        ValueError: the text is not a type of the grammar; the message shows it.
    """
    tokens = re.findall(r"[A-Za-z_][A-Za-z0-9_]*|[<>:,]", text)
    column_type, end = _parse(tokens, 0, text)
    if end != len(tokens):
        raise ValueError(f"type {text!r} does not end where it should")
    return column_type


def _parse(tokens: list[str], at: int, text: str) -> tuple[ColumnType, int]:
    if at >= len(tokens):
        raise ValueError(f"type {text!r} ends too early")
    word = tokens[at].lower()
    if word == "array":
        item, at = _parse(tokens, at + 2, text)
        return ColumnType("array", item=item), at + 1
    if word == "struct":
        fields = []
        at += 1
        while tokens[at] in ("<", ","):
            name = tokens[at + 1]
            field, at = _parse(tokens, at + 3, text)
            fields.append((name, field))
        return ColumnType("struct", fields=tuple(fields)), at + 1
    if word not in SCALARS:
        raise ValueError(f"type {text!r} names {tokens[at]!r}; known are {', '.join(SCALARS)}, ARRAY<>, STRUCT<>")
    return ColumnType(word), at + 1
