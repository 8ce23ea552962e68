"""Rows made from the catalogue: a value of each column's type, in either spelling."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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


def rows_naming(dataset: Dataset, texts: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of a dataset, each with one of the texts in one place where a text may stand, and keys of their own."""
    owner: dict[str, Any] = {} if dataset.owner == "none" else {dataset.owner: "u1"}
    rows: list[dict[str, Any]] = [{**owner, "rowinformation": {"errorInformation": f"no mailbox of {texts[0]}"}}]
    for column in dataset.columns:
        for place in _places(value_of(column.type, column.name, pascal=False)):
            for text in texts:
                keys = {name: f"key {len(rows)}" for name in dataset.natural_key if _is_text(dataset, name)}
                rows.append({**full_row(dataset, pascal=False), **keys, column.name: place(text)})
    rows += [{**full_row(dataset, pascal=False), "undocumented": {"key": [text]}} for text in texts]
    return rows


def _is_text(dataset: Dataset, name: str) -> bool:
    return any(column.name == name and column.type.kind == "string" for column in dataset.columns)


def _places(value: Any) -> Iterator[Callable[[str], Any]]:
    """Makes the value anew with a text in the place of one of its own, for each of these."""
    if isinstance(value, str):
        yield lambda text: text
    elif isinstance(value, list):
        yield from (lambda text, inner=inner: [inner(text)] for entry in value for inner in _places(entry))
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from (lambda text, key=key, inner=inner: {**value, key: inner(text)} for inner in _places(entry))
