"""Copies of ledger rows in a mart that lies apart, so that its rows can be traced to their approval there alone.

What belongs here: which rows explain an extraction, writing them and taking them away. The ledger itself is in the
deployment's database; copies hold of an approval what `ledger_row_provenance` shows, without the event as it was told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import approval_dataset, approval_event, extraction, landing, portions, put
from o365_pipeline.extraction.extraction_ledger import WITHOUT_DATA

Copies = Mapping[sa.Table, Sequence[dict[str, Any]]]

NOT_COPIED = {"event": "{}", "reason": None}
"""What stands in a copy for what an approver said beyond the decision."""


def copies_of(ledger: Database, extraction_ids: Collection[str]) -> Copies:
    """The ledger's rows that explain some extractions."""

    def rows(connection: sa.Connection, query: sa.Select[Any]) -> Iterator[dict[str, Any]]:
        return (dict(row) for row in connection.execute(query).mappings())

    with ledger.begin() as connection:
        copies: dict[sa.Table, list[dict[str, Any]]] = {table: [] for table in (extraction, landing)}
        for ids in portions(sorted(extraction_ids)):
            for table, found in copies.items():
                found += rows(connection, sa.select(table).where(table.c.extraction_id.in_(ids)))
        approvals = {(row["customer"], row["approval_event_id"]) for row in copies[extraction]}
        for table in (approval_event, approval_dataset):
            copies[table] = [
                row
                for customer, event_id in sorted(approvals)
                for row in rows(connection, sa.select(table).where(*_is_event(table, customer, event_id)))
            ]
    copies[approval_event] = [{**row, **NOT_COPIED} for row in copies[approval_event]]
    return copies


def write(connection: sa.Connection, copies: Copies) -> None:
    """Replace the copies by newer ones, in the caller's transaction."""
    for table, rows in copies.items():
        for row in rows:
            put(connection, table, row)


def forget(connection: sa.Connection, ledger: Database, customer: str) -> None:
    """Take away the copies that explain nothing any more: of extractions without data, and approvals of those alone."""
    of_customer = extraction.c.customer == customer
    with ledger.begin() as reading:
        kept = set(
            reading.scalars(
                sa.select(extraction.c.extraction_id).where(of_customer, extraction.c.status.not_in(WITHOUT_DATA))
            )
        )
    copied = set(connection.scalars(sa.select(extraction.c.extraction_id).where(of_customer)))
    for ids in portions(sorted(copied - kept)):
        for table in (landing, extraction):
            connection.execute(sa.delete(table).where(table.c.extraction_id.in_(ids)))
    needed = sa.select(extraction.c.approval_event_id).where(of_customer)
    for table in (approval_dataset, approval_event):
        connection.execute(sa.delete(table).where(table.c.customer == customer, table.c.event_id.not_in(needed)))


def _is_event(table: sa.Table, customer: str, event_id: str) -> Sequence[sa.ColumnElement[bool]]:
    return table.c.customer == customer, table.c.event_id == event_id
