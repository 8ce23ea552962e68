"""Rows of any dataset: values that fit its columns' types, the same at every call.

What belongs here: the values by type, and the number of rows. The values have no meaning, and join with nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from o365_pipeline.datasets import Column, Dataset
from o365_pipeline.datasets.types import ColumnType
from o365_pipeline.sandbox.tenant.groups import Group, groups
from o365_pipeline.sandbox.tenant.organization import Organization, Person
from o365_pipeline.sandbox.tenant.row_format import Columns, Window, date_time_zone, opaque_id, share, utc_text

ITEMS_OF_NOBODY = 40
ITEMS_OF_HOLDER = 2
WORDS = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel")


@dataclass(slots=True)
class TypedItem:
    """An item of which only the key and the moment are known."""

    key: str
    holder: Person | Group | None
    at: dt.datetime
    edition: int = 0
    """A number that changes when the item changes."""


def typed_items(dataset: Dataset, organization: Organization, window: Window) -> Iterator[TypedItem]:
    """Returns the items in the window, a few for each holder and day; for a dataset that is not sliced, a few for each
    holder.
    """
    holders: tuple[Person | Group | None, ...]
    match dataset.owner:
        case "puser":
            holders = organization.active
        case "pObjectId":
            holders = groups(organization)
        case "none":
            holders = (None,)
    count = ITEMS_OF_HOLDER if dataset.owner != "none" else ITEMS_OF_NOBODY
    days = window.days(0, 0) if dataset.slicing in ("column", "window") else [window.end.date()]
    for day in days:
        for number, holder in enumerate(holders):
            for place in range(count):
                yield from _items(dataset, organization, holder, day, f"{number}|{place}")


def _items(
    dataset: Dataset, organization: Organization, holder: Person | Group | None, day: dt.date, place: str
) -> Iterator[TypedItem]:
    key = f"{dataset.name}|{organization.seed}|{place}"
    if dataset.slicing in ("column", "window"):
        chosen = share(key, str(day))
        if chosen < 0.5:
            at = dt.datetime.combine(day, dt.time(), dt.UTC) + dt.timedelta(seconds=int(chosen * 2 * 86_399))
            yield TypedItem(f"{key}|{day}", holder, at)
        return
    since = dt.date(2025, 1, 1) + dt.timedelta(days=int(share(key, "since") * 300))
    at = dt.datetime.combine(since, dt.time(9), dt.UTC)
    if dataset.slicing == "none":
        yield TypedItem(key, holder, at)
        return
    # Of what is captured day by day, some comes and goes, some changes.
    edition = (day.toordinal() + int(share(key, "turn") * 50)) // 10
    if share(key, str(edition // 3), "is there") < 0.8:
        yield TypedItem(key, holder, at, edition)


def typed_columns(dataset: Dataset) -> Columns:
    """Returns the value of each of the dataset's columns for an item."""
    return {column.name: _reader(dataset, column) for column in dataset.columns}


def _reader(dataset: Dataset, column: Column) -> Callable[[Any], object]:
    is_key, is_older = column.name in dataset.natural_key, column.name[:1].isupper()

    def read(item: TypedItem) -> object:
        if is_key and column.type.kind == "string":
            return opaque_id("", item.key, column.name)
        if column.is_date_with_zone:
            return date_time_zone(item.at)
        return _value(column.type, column.name, item, is_older)

    return read


def _value(kind: ColumnType, name: str, item: TypedItem, is_older: bool) -> object:
    chosen = share(item.key, name, str(item.edition))
    if kind.item is not None:
        return [_value(kind.item, name, item, is_older)]
    match kind.kind:
        case "struct":
            return {
                field[:1].upper() + field[1:] if is_older else field: _value(held, f"{name}.{field}", item, is_older)
                for field, held in kind.fields
            }
        case "datetime":
            return utc_text(item.at)
        case "boolean" | "bool":
            return chosen < 0.5
        case "double":
            return round(chosen * 40, 2)
        case "json":
            return {}
        case "string":
            return opaque_id("", item.key, name)[:32] if name.lower().endswith("id") else _word(chosen)
        case _:
            return int(chosen * 1_000_000)


def _word(chosen: float) -> str:
    return WORDS[int(chosen * len(WORDS))]
