"""Rows of the ledger made by hand: an extraction, its landing, Microsoft's record of it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

from o365_pipeline.consent import operation_ledger
from o365_pipeline.consent.operations import Operation
from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import extraction, landing, naive_utc

DAY = dt.date(2026, 11, 16)
NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)


def note_extraction(database: Database, extraction_id: str = "x1", run_id: str | None = "r1", **changes: Any) -> None:
    """An extraction of contoso's messages of one day that succeeded, unless changes say otherwise."""
    row = {
        "extraction_id": extraction_id,
        "customer": "contoso",
        "dataset": "Message_v1",
        "first_day": DAY,
        "last_day": DAY,
        "columns": "[]",
        "scope": "{}",
        "approval_event_id": "e1",
        "requested_by": "extraction",
        "status": "Succeeded",
        "claim": "me",
        "claimed_at": naive_utc(NOW),
        "factory_run_id": run_id,
        **changes,
    }
    with database.begin() as connection:
        connection.execute(extraction.insert().values(row))


def note_landing(
    database: Database, extraction_id: str = "x1", run_id: str = "r1", rows: int = 10, hours_ago: float = 1
) -> None:
    """A landing of an extraction that was noted, sealed so many hours ago."""
    row = {
        "extraction_id": extraction_id,
        "customer": _of_extraction(extraction_id, extraction.c.customer),
        "dataset": _of_extraction(extraction_id, extraction.c.dataset),
        "factory_run_id": run_id,
        "manifest": "manifest.json",
        "rows_landed": rows,
        "bytes_landed": 1,
        "sealed_at": naive_utc(NOW - dt.timedelta(hours=hours_ago)),
    }
    with database.begin() as connection:
        connection.execute(landing.insert().values(row))


def _of_extraction(extraction_id: str, column: sa.Column[str]) -> sa.ScalarSelect[str]:
    return sa.select(column).where(extraction.c.extraction_id == extraction_id).scalar_subquery()


def note_operation(
    database: Database, customer: Customer, run_id: str = "r1", record_id: str | None = None, **changes: Any
) -> None:
    """Microsoft's record of a factory run: ten rows of four people, all delivered, unless changes say otherwise."""
    values = {
        "record_id": record_id or f"record of {run_id}",
        "application_id": customer.data_request.application_id,
        "dataset": "BasicDataSet_v0.Message_v1",
        "pipeline_run_id": run_id,
        "status": "Succeeded",
        "rows": 10,
        "people_requested": 4,
        "people_delivered": 4,
        **changes,
    }
    with database.begin() as connection:
        assert operation_ledger.record(connection, customer, [Operation.model_validate(values)], NOW) == 1
