"""What DuckDB's typed reader takes at once: the types of the columns of parts whose rows hold nothing odd.

What belongs here: deciding by a part's structure whether its rows need no further look, and telling the reader's types.
Rows of other parts are read by `typing_sql.py` from their JSON, which comes to the same where both can read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from o365_pipeline.curated.row_shape import DOUBTFUL, RowShape
from o365_pipeline.curated.typing_sql import PERSON, ROW_INFORMATION
from o365_pipeline.datasets import Dataset
from o365_pipeline.datasets.types import ColumnType
from o365_pipeline.raw.row_structure import INTEGERS, NOTHING, united

TEXT, TRUTH = "VARCHAR", "BOOLEAN"

SCALARS = {TEXT: {TEXT}, TRUTH: {TRUTH}, "BIGINT": INTEGERS, "DOUBLE": INTEGERS | {"DOUBLE"}}
"""What DuckDB's types are read of, beside nulls, without a loss: 1.0 as text would not be as it is written."""


class _OddError(Exception):
    """A value that may be of another shape than the catalogue says."""


def reader_types(dataset: Dataset, requested: Sequence[str], structures: Sequence[str | None]) -> dict[str, str] | None:
    """Returns the types by which `read_ndjson` reads the requested columns of parts of these structures.

    None if any row may hold what it would not see or read otherwise: a key that the catalogue lacks or spells
    otherwise, or a value of another type. What it cannot read at all, it refuses.
    """
    found: Any = NOTHING
    for structure in structures:
        if structure is None:
            return None
        found = united(found, json.loads(structure))
    if not isinstance(found, dict) or set(RowShape(dataset, requested).verdict(found)) - {DOUBTFUL}:
        return None
    try:
        return _types(dataset, requested, found)
    except _OddError:
        return None


def _types(dataset: Dataset, requested: Sequence[str], found: Mapping[str, Any]) -> dict[str, str]:
    types: dict[str, str] = {}
    for name in (dataset.owner, PERSON) if dataset.owner_field else ():
        types[name] = _scalar(TEXT, found.get(name, NOTHING))
    said = found.get("rowinformation", NOTHING)
    if said != NOTHING and not isinstance(said, dict):
        raise _OddError
    keys = [f'"{key}" {_scalar(TEXT, _told(said, key), TRUTH)}' for key in ROW_INFORMATION.values()]
    types["rowinformation"] = f"STRUCT({', '.join(keys)})"
    for column in dataset.columns:
        if column.name in requested:
            name = _only([spelling for spelling in column.spellings if spelling in found], column.name)
            told = found.get(name, NOTHING)
            types[name] = "JSON" if column.type.kind == "json" else _type(dataset, column.type, told)
    if len({name.lower() for name in types}) < len(types):
        raise _OddError
    return types


def _type(dataset: Dataset, kind: ColumnType, told: Any) -> str:
    if kind.item is not None:
        entry = told[0] if isinstance(told, list) else NOTHING
        if not isinstance(told, list) and told != NOTHING:
            raise _OddError
        return f"{_type(dataset, kind.item, entry)}[]"
    if kind.kind == "struct":
        fields = []
        for name, field in kind.fields:
            spelled = _only(
                [key for key in dataset.spellings_of_key(name) if isinstance(told, dict) and key in told], name
            )
            fields.append(f'"{spelled}" {_type(dataset, field, _told(told, spelled))}')
        return f"STRUCT({', '.join(fields)})"
    return _scalar(TEXT if kind.kind == "datetime" else kind.duckdb, told)


def _told(structure: Any, key: str) -> Any:
    """What is said of a key; an object without keys is told as if it were of several types."""
    return structure.get(key, NOTHING) if isinstance(structure, dict) else NOTHING


def _only(spelled: Sequence[str], usual: str) -> str:
    """The one spelling that is there, which DuckDB takes for the usual one if only the case differs."""
    if len(spelled) > 1 or (spelled and spelled[0].lower() != usual.lower()):
        raise _OddError
    return spelled[0] if spelled else usual


def _scalar(kind: str, told: Any, *others: str) -> str:
    if not isinstance(told, str) or told not in {NOTHING, *SCALARS[kind], *others}:
        raise _OddError
    return kind
