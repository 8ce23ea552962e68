"""Which columns of the mart lead to which table's key, so that checks, diagrams and documents say the same.

What belongs here: the rule. A key of one column beside customer and day, as `message_id` of `fact_message`, is what
columns of that name refer to; a column that is called otherwise says in its `info` what it refers to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import sqlalchemy as sa

from o365_pipeline.mart.tables import MART_TABLES

PARTITION = ("customer", "day")
HOMES = ("dim_", "fact_")
"""What is referred to: dimensions before facts. A bridge or an aggregate is nobody's home."""


@dataclass(frozen=True)
class Reference:
    """A column whose values are keys of another table, in the same partition."""

    column: sa.Column
    key: sa.Column

    @property
    def name(self) -> str:
        """How checks and documents call it: sender_id -> dim_person.person_id."""
        return f"{self.column.name} -> {self.key.table.name}.{self.key.name}"


def own_key(table: sa.Table) -> tuple[str, ...]:
    """The table's key within a partition."""
    return tuple(column.name for column in table.primary_key if column.name not in PARTITION)


def references(table: sa.Table) -> tuple[Reference, ...]:
    """What the table's columns refer to, in the order of the columns."""
    homes = _homes()
    found = []
    for column in table.columns:
        key = homes.get(column.info.get("references", column.name))
        if key is not None and key is not column:
            found.append(Reference(column, key))
    return tuple(found)


@cache
def _homes() -> Mapping[str, sa.Column]:
    """The keys that can be referred to, by their names and by `table.column`."""
    homes: dict[str, sa.Column] = {}
    for prefix in HOMES:
        for table in MART_TABLES:
            if table.name.startswith(prefix) and len(own_key(table)) == 1:
                [name] = own_key(table)
                homes.setdefault(name, table.c[name])
                homes[f"{table.name}.{name}"] = table.c[name]
    return homes
