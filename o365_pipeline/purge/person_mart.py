"""Finds a person's rows in the mart.

What belongs here: the queries. Rows of the mart are not changed one by one: its days are made anew of curated files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.database import Database
from o365_pipeline.mart.tables import MART_TABLES
from o365_pipeline.purge.person import Person

ROWS_AT_ONCE = 5_000


def rows_naming(mart: Database, customer: Customer, person: Person) -> Iterator[tuple[str, dict[str, Any]]]:
    """Returns (table, row) of the customer's rows that name a person by an id, an address or a full name."""
    texts = [*person.identities, *(name.lower() for name in person.names)]
    with mart.begin() as connection:
        for table in MART_TABLES:
            columns = [column for column in table.columns if _may_name(column)]
            if not columns:
                continue
            named = sa.or_(
                *(sa.func.lower(column).contains(text, autoescape=True) for column in columns for text in texts)
            )
            query = sa.select(table).where(table.c.customer == customer.name, named)
            rows = connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query)
            yield from ((table.name, dict(row)) for row in rows.mappings())


def _may_name(column: sa.Column[Any]) -> bool:
    return isinstance(column.type, sa.String) and column.name not in ("customer", "extraction_id")
