"""The structure of a file's rows: their keys and the types of the values, without the values.

What belongs here: uniting what DuckDB's `json_structure` tells of single rows. What the keys mean belongs to
`curated/`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

NOTHING, UNTOLD, SEVERAL = "NULL", "JSON", "SEVERAL"
"""DuckDB's words for a null, and for an object without keys or a list of values of several types; ours for values that
are of another type in other rows.
"""

INTEGERS = {"UBIGINT", "BIGINT"}

MOST_STRUCTURES = 4_096
"""Rows that differ in more ways have no structure in common that is worth a reader's time."""


def structure_of(rows: Iterable[str]) -> str | None:
    """Returns the structure, as JSON, of rows of these structures; None if they differ too much, or in what they are.

    The same rows in any order have the same structure.
    """
    found: Any = NOTHING
    for number, row in enumerate(rows, start=1):
        if number > MOST_STRUCTURES:
            return None
        try:
            found = united(found, json.loads(row))
        except (RecursionError, ValueError):
            return None
    return json.dumps(found, ensure_ascii=False, sort_keys=True)


def united(one: Any, other: Any) -> Any:
    """Returns the structure of values of either structure."""
    if one == other or other == NOTHING:
        return one
    if one == NOTHING:
        return other
    if isinstance(one, dict) and isinstance(other, dict):
        return {**one, **{key: united(one.get(key, NOTHING), held) for key, held in other.items()}}
    if isinstance(one, list) and isinstance(other, list):
        return [united(one[0], other[0])]
    for part, rest in ((one, other), (other, one)):
        if isinstance(part, dict | list):
            return part if rest == UNTOLD else SEVERAL
    if {one, other} <= INTEGERS:
        return "BIGINT"
    return "DOUBLE" if {one, other} <= {*INTEGERS, "DOUBLE"} else SEVERAL
