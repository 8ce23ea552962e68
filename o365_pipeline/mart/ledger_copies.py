"""Copies ledger rows into a mart in a database of its own, so that its rows can be traced to their approval there.

What belongs here: choosing the ledger rows for an extraction, writing and deleting the copies. The ledger itself is in
the deployment's database. A copied approval has only what `ledger_row_provenance` shows, not the text of the event.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import (
    NOT_COMPARED,
    approval_dataset,
    approval_event,
    extraction,
    id_batches,
    landing,
    put,
)
from o365_pipeline.extraction.extraction_ledger import WITHOUT_DATA

Copies = Mapping[sa.Table, Sequence[dict[str, Any]]]

NOT_COPIED = {"event": "{}", "reason": None}
"""Replacements for an approver's texts, which are not copied."""


def copies_of(ledger: Database, extraction_ids: Collection[str]) -> Copies:
    """Returns the ledger rows that explain some extractions."""

    def rows(connection: sa.Connection, query: sa.Select[Any]) -> Iterator[dict[str, Any]]:
        return (dict(row) for row in connection.execute(query).mappings())

    with ledger.begin() as connection:
        copies: dict[sa.Table, list[dict[str, Any]]] = {table: [] for table in (extraction, landing)}
        for ids in id_batches(sorted(extraction_ids)):
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
    copies[landing] = [{**row, **NOT_COMPARED} for row in copies[landing]]
    return copies


def write(connection: sa.Connection, copies: Copies) -> None:
    """Replaces the copies by newer ones, in the caller's transaction."""
    for table, rows in copies.items():
        for row in rows:
            put(connection, table, row)


def remove_unused(connection: sa.Connection, ledger: Database, customer: str) -> None:
    """Deletes copies that are no longer needed: of extractions without data, and of approvals that only those
    refer to.
    """
    of_customer = extraction.c.customer == customer
    with ledger.begin() as reading:
        kept = set(
            reading.scalars(
                sa.select(extraction.c.extraction_id).where(of_customer, extraction.c.status.not_in(WITHOUT_DATA))
            )
        )
    copied = set(connection.scalars(sa.select(extraction.c.extraction_id).where(of_customer)))
    for ids in id_batches(sorted(copied - kept)):
        for table in (landing, extraction):
            connection.execute(sa.delete(table).where(table.c.extraction_id.in_(ids)))
    needed = sa.select(extraction.c.approval_event_id).where(of_customer)
    for table in (approval_dataset, approval_event):
        connection.execute(sa.delete(table).where(table.c.customer == customer, table.c.event_id.not_in(needed)))


def _is_event(table: sa.Table, customer: str, event_id: str) -> Sequence[sa.ColumnElement[bool]]:
    return table.c.customer == customer, table.c.event_id == event_id
