"""The operation ledger: Microsoft's row counts of each extraction are recorded once and never changed.

What belongs here: recording in `ledger_operation`. The comparison with the rows that landed belongs to
`raw/reconciliation.py`.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence

import sqlalchemy as sa

from o365_pipeline.consent.operations import Operation
from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.ledger import insert_new, naive_utc, operation, truncated
from o365_pipeline.datasets import short_name


def record(connection: sa.Connection, customer: Customer, operations: Sequence[Operation], now: dt.datetime) -> int:
    """Records the operations of the customer's application that the ledger does not have yet; returns how many were
    new.

    Raises:
        sqlalchemy.exc.IntegrityError: another process recorded at the same time; repeat the whole transaction.
    """
    ours = customer.data_request.application_id
    rows = [_row(customer, entry, now) for entry in operations if entry.application_id == ours]
    return len(insert_new(connection, operation, rows))


def _row(customer: Customer, entry: Operation, now: dt.datetime) -> dict[str, object]:
    return {
        "customer": customer.name,
        "record_id": entry.record_id,
        "dataset": short_name(entry.dataset),
        "pipeline_run_id": entry.pipeline_run_id,
        "status": truncated(entry.status, operation.c.status),
        "reason": truncated(entry.reason or None, operation.c.reason),
        "rows_counted": entry.rows,
        "people_requested": entry.people_requested,
        "people_delivered": entry.people_delivered,
        "undelivered": json.dumps(entry.undelivered),
        "started_at": naive_utc(entry.started_at) if entry.started_at else None,
        "ended_at": naive_utc(entry.ended_at) if entry.ended_at else None,
        "recorded_at": naive_utc(now),
    }
