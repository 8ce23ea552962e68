"""The ledgers of very many customers: their approvals, and for each day and dataset an extraction, its landing and
Microsoft's record of it.

What belongs here: writing these rows as the stages would have written them, but many at a time; one day is written by
this process, the others are copied from it by the database. What reads them is measured in `customers.py`.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.customers.data_request import RequestedDataset
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import extraction, landing, operation
from o365_pipeline.mart.tables import dim_date
from o365_pipeline.raw.comparison import Outcome

ROWS = 100
Rows = list[dict[str, object]]


def fill(database: Database, customers: Customers, last_day: dt.date, days: int) -> None:
    """Makes the customers' last days look extracted, landed, counted by Microsoft and loaded into the mart."""
    extractions: Rows = []
    landings: Rows = []
    operations: Rows = []
    for customer, requested in _copies(customers):
        run_id = f"run:{customer.name}:{requested.dataset.name}:{last_day}"
        entry = extraction_row(customer, requested, last_day, run_id, "Succeeded")
        sealed = _at(last_day, 5)
        extractions.append(entry)
        landings.append(
            {
                "extraction_id": entry["extraction_id"],
                "customer": customer.name,
                "dataset": requested.dataset.name,
                "factory_run_id": run_id,
                "manifest": f"raw/{customer.name}/{requested.dataset.asset_name}/{last_day}/{run_id}/manifest.json",
                "rows_landed": ROWS,
                "bytes_landed": 50_000,
                "sealed_at": sealed,
                "outcome": Outcome.RECONCILED,
                "people_missing": False,
            }
        )
        operations.append(
            {
                "customer": customer.name,
                "record_id": run_id,
                "sequence": len(operations) + 1,
                "dataset": requested.dataset.name,
                "pipeline_run_id": run_id,
                "status": "Succeeded",
                "rows_counted": ROWS,
                "people_requested": 60,
                "people_delivered": 60,
                "undelivered": "[]",
                "recorded_at": sealed,
            }
        )
    dates = [_date_row(customer, last_day) for customer in customers]
    with database.begin() as connection:
        for table, rows in (
            (extraction, extractions),
            (landing, landings),
            (operation, operations),
            (dim_date, dates),
        ):
            connection.execute(table.insert(), rows)
        for number in range(1, days):
            _copy(connection, len(operations), number, last_day)
    if database.engine.dialect.name == "sqlite":
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def wait_for_factories(database: Database, customers: Sequence[Customer], day: dt.date) -> None:
    """Makes the day's extractions of these customers look submitted a quarter of an hour ago."""
    asked = dt.datetime.now(dt.UTC).replace(tzinfo=None) - dt.timedelta(minutes=15)
    rows = [
        {
            **extraction_row(customer, requested, day, run_of(customer, requested.dataset.name), "InProgress"),
            "claimed_at": asked,
            "submitted_at": asked,
            "finished_at": None,
            "loaded_at": None,
            "rows_reported": None,
            "files_reported": None,
        }
        for customer, requested in _copies(customers)
    ]
    with database.begin() as connection:
        connection.execute(extraction.insert(), rows)


def run_of(customer: Customer, dataset: str) -> str:
    """The factory run that a customer's dataset waits for."""
    return f"waiting:{customer.name}:{dataset}"


def extraction_row(
    customer: Customer, requested: RequestedDataset, day: dt.date, run_id: str, status: str
) -> dict[str, object]:
    moment = _at(day, 4)
    return {
        "extraction_id": f"{customer.name}:{requested.dataset.name}:{day}",
        "customer": customer.name,
        "dataset": requested.dataset.name,
        "first_day": day,
        "last_day": day,
        "columns": json.dumps(requested.columns),
        "scope": requested.scope.model_dump_json(),
        "approval_event_id": approval_of(customer),
        "requested_by": "extraction",
        "status": status,
        "claim": f"{customer.name}:step",
        "claimed_at": moment,
        "attempt": 1,
        "factory_run_id": run_id,
        "submitted_at": moment,
        "finished_at": moment,
        "looked_at": None,
        "rows_reported": ROWS,
        "files_reported": 1,
        "error": None,
        "loaded_at": _at(day, 6),
    }


def approval_of(customer: Customer) -> str:
    return f"approval of {customer.name}"


def _copies(customers: Iterable[Customer]) -> Iterable[tuple[Customer, RequestedDataset]]:
    return ((customer, requested) for customer in customers for requested in customer.data_request.datasets)


def _copy(connection: sa.Connection, places: int, number: int, last_day: dt.date) -> None:
    """Copies the last day's rows to the day so many days earlier."""
    day, mark = last_day - dt.timedelta(days=number), f":{number}"
    moments = {"claimed_at": 4, "submitted_at": 4, "finished_at": 4, "sealed_at": 5, "loaded_at": 6, "recorded_at": 5}
    changed = {name: sa.literal(_at(day, hour)) for name, hour in moments.items()}
    changed |= {
        "first_day": sa.literal(day),
        "last_day": sa.literal(day),
        "day": sa.literal(day),
        "date_key": sa.literal(day),
    }
    marked = ("extraction_id", "factory_run_id", "pipeline_run_id", "record_id")
    first = {
        extraction: extraction.c.first_day == last_day,
        landing: landing.c.sealed_at == _at(last_day, 5),
        operation: operation.c.sequence <= places,
        dim_date: dim_date.c.day == last_day,
    }
    for table, condition in first.items():
        values = [
            changed[column.name]
            if column.name in changed
            else column + mark
            if column.name in marked
            else column + places * number
            if column.name == "sequence"
            else column
            for column in table.c
        ]
        connection.execute(table.insert().from_select(list(table.c.keys()), sa.select(*values).where(condition)))


def _at(day: dt.date, hour: int) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(hour))


def _date_row(customer: Customer, day: dt.date) -> dict[str, object]:
    calendar = {"year": day.year, "quarter": 1, "month": day.month, "iso_week": 1, "weekday": 1, "is_weekend": False}
    return {"customer": customer.name, "date_key": day, "day": day, **calendar}
