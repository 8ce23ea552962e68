"""DuckDB functions for values that are JSON without a documented shape, or JSON within a string.

What belongs here: cleaning that is done value by value in Python, since SQL needs a shape. It follows the same rules as
the SQL of `typing_sql.py`.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import duckdb

from o365_pipeline.curated.privacy import People, is_address, is_name
from o365_pipeline.raw.duckdb_session import define_function

ENUM = re.compile(r"(?:[A-Za-z0-9_]+\.)+[A-Za-z0-9_]+'([^']*)'")
DOCUMENTED_ENUM = re.compile(r"#?(?:[A-Za-z0-9_]+\.)*[A-Za-z0-9_]+'([^']*)'")
NEVER = re.compile(r"0001-01-01(T00:00:00(\.0+)?(Z|\+00:00)?)?")
BLANKS = " \t\n\r"
NOBODYS_ID = "00000000-0000-0000-0000-000000000000"


def define_json_values(
    connection: duckdb.DuckDBPyConnection, people: People, enums: frozenset[str] = frozenset()
) -> None:
    """Make `plain_json(text)`, `clean_json(text)`, `says_anything(text)` known to the connection.

    Args:
        enums: keys whose values are documented enums.
    """
    define_function(connection, "plain_json", plain_json)
    define_function(connection, "says_anything", says_anything, "BOOLEAN")
    define_function(connection, "clean_json", lambda text: clean_json(text, people, enums))


def plain_json(text: str) -> str | None:
    """Returns the JSON without JSON inside strings, with keys in camelCase; unreadable text stays unchanged."""
    try:
        value = _plain(read_json(text))
    except (ValueError, RecursionError):
        return text
    return None if value is None else _written(value)


def clean_json(text: str, people: People, enums: frozenset[str] = frozenset()) -> str | None:
    """The JSON by the rules for typed columns: bare enums, no "never", addresses in lower case, nobody denied.

    A structure that cannot be read could name anybody: it is null.
    """
    try:
        made = cleaned(_plain(read_json(text)), "", people, enums)
        return None if made is None else _written(made)
    except (ValueError, RecursionError):
        return None if _is_structure(text) else _cleaned_text(text, "", people, enums)


def says_anything(text: str) -> bool:
    """Whether a text, or the JSON that it is, holds more than nulls, falsehoods and empty texts."""
    return _says_anything(text)


def cleaned(value: Any, name: str, people: People, enums: frozenset[str] = frozenset()) -> Any:
    """A value of plain JSON by the rules; null where it names somebody whom the customer denies."""
    if isinstance(value, dict):
        return None if people.are_in(value) else _cleaned_object(value, people, enums)
    if isinstance(value, list):
        entries = (cleaned(entry, name, people, enums) for entry in value if entry is not None)
        return [entry for entry in entries if entry is not None]
    if isinstance(value, str):
        read = _cleaned_structure if _is_structure(value) else _cleaned_text
        return read(value, name, people, enums)
    return None if isinstance(value, float) and not math.isfinite(value) else value


def json_type(value: Any) -> str:
    """Returns JSON's name of the value's type."""
    names = {bool: "boolean", int: "integer", float: "number", str: "string", dict: "object", list: "array"}
    return names.get(type(value), "null")


def _cleaned_object(value: dict[str, Any], people: People, enums: frozenset[str]) -> dict[str, Any]:
    is_outside_person = any(
        is_address(key) and isinstance(text, str) and people.is_outside(text) for key, text in value.items()
    )
    return {
        key: None if is_outside_person and is_name(key) else cleaned(entry, key, people, enums)
        for key, entry in value.items()
        if not people.are_denied(key)
    }


def _cleaned_structure(text: str, name: str, people: People, enums: frozenset[str]) -> Any:
    """The structure that a text holds, by the rules; null if it cannot be read, since it could name anybody."""
    try:
        return cleaned(_plain(read_json(text)), name, people, enums)
    except (ValueError, RecursionError):
        return None


def _cleaned_text(text: str, name: str, people: People, enums: frozenset[str]) -> str | None:
    text = text.replace("\0", "").strip(BLANKS)
    if text in ("", NOBODYS_ID) or NEVER.fullmatch(text) or people.are_denied(text):
        return None
    bare = (DOCUMENTED_ENUM if name in enums else ENUM).fullmatch(text)
    shown = bare.group(1).strip(BLANKS) if bare else text
    if name in enums:
        shown = shown.lower() if shown.isupper() else shown[:1].lower() + shown[1:]
    return people.pseudonym_if_outside(shown.lower()) if is_address(name) else shown


def _says_anything(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_says_anything, value.values() if isinstance(value, dict) else value))
    if not isinstance(value, str):
        return bool(value)
    try:
        return _says_anything(json.loads(value))
    except (ValueError, RecursionError):
        return value.strip().lower() not in ("", "none")


def read_json(text: str) -> Any:
    """Reads JSON; what Python takes for numbers beside it, `NaN` and whatever is larger than a float, is null.

    Raises:
        ValueError: it is not JSON, or has a number of thousands of digits.
        RecursionError: it is nested too deeply.
    """
    return json.loads(text, parse_constant=lambda _constant: None, parse_float=_finite)


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _is_structure(text: str) -> bool:
    return text.lstrip(BLANKS)[:1] in ("{", "[")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry) for entry in value]
    if isinstance(value, str) and _is_structure(value):
        try:
            return _plain(read_json(value))
        except (ValueError, RecursionError):
            return value
    return value
