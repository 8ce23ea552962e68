"""References between the mart's tables, for checks, diagrams and documents alike.

What belongs here: the rule. If a table's key, beside customer and day, is one column, such as `message_id` of
`fact_message`, then columns of that name refer to it; a column of another name declares its reference in its `info`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import sqlalchemy as sa

from o365_pipeline.mart.tables import MART_TABLES

PARTITION = ("customer", "day")
HOMES = ("dim_", "fact_")
"""Tables that can be referred to, dimensions before facts; bridges and aggregates cannot."""


@dataclass(frozen=True)
class Reference:
    """A column whose values are keys of another table, in the same partition."""

    column: sa.Column
    key: sa.Column

    @property
    def name(self) -> str:
        """The name in checks and documents: sender_id -> dim_person.person_id."""
        return f"{self.column.name} -> {self.key.table.name}.{self.key.name}"


def own_key(table: sa.Table) -> tuple[str, ...]:
    """Returns the table's key within a partition."""
    return tuple(column.name for column in table.primary_key if column.name not in PARTITION)


@cache
def references(table: sa.Table) -> tuple[Reference, ...]:
    """Returns the references of the table's columns, in the order of the columns."""
    homes = _homes()
    found = []
    for column in table.columns:
        key = homes.get(column.info.get("references", column.name))
        if key is not None and key is not column:
            found.append(Reference(column, key))
    return tuple(found)


@cache
def _homes() -> Mapping[str, sa.Column]:
    """Returns the keys that can be referred to, by name and by `table.column`."""
    homes: dict[str, sa.Column] = {}
    for prefix in HOMES:
        for table in MART_TABLES:
            if table.name.startswith(prefix) and len(own_key(table)) == 1:
                [name] = own_key(table)
                homes.setdefault(name, table.c[name])
                homes[f"{table.name}.{name}"] = table.c[name]
    return homes
