"""Rows made from the catalogue: a value of each column's type, in either spelling."""

from __future__ import annotations

from typing import Any

from o365_pipeline.datasets import Dataset, other_case
from o365_pipeline.datasets.types import ColumnType

SCALARS: dict[str, Any] = {
    "boolean": True,
    "bool": True,
    "int": 7,
    "integer": 7,
    "int32": 7,
    "int64": 7,
    "double": 1.5,
    "datetime": "2026-11-16T10:00:00Z",
    "json": {"key": "value"},
}


def value_of(kind: ColumnType, name: str, pascal: bool) -> Any:
    """A value of the type; keys of structures in PascalCase or as the catalogue has them."""
    if kind.item is not None:
        return [value_of(kind.item, name, pascal)]
    if kind.kind == "struct":
        return {_spelled(key, pascal): value_of(field, key, pascal) for key, field in kind.fields}
    if name == "timeZone":
        return "Pacific Standard Time"
    if name == "dateTime":
        return "2026-11-16T09:00:00.0000000"
    return SCALARS.get(kind.kind, f"a {name.lower()}")


def full_row(dataset: Dataset, pascal: bool) -> dict[str, Any]:
    """A row in which every column of the dataset has a value."""
    owner: dict[str, Any] = {} if dataset.owner == "none" else {dataset.owner: "u1"}
    columns = {_spelled(column.name, pascal): value_of(column.type, column.name, pascal) for column in dataset.columns}
    return {**owner, **columns}


def _spelled(name: str, pascal: bool) -> str:
    return other_case(name) if name[0].isupper() != pascal else name
