"""No statement takes more parameters than SQL Server allows, however many customers, days and extractions there are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine.interfaces import ExecuteStyle

from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import extraction, insert_new, landing, record_aside
from o365_pipeline.datasets import catalogue
from o365_pipeline.deployment import Deployment
from o365_pipeline.extraction import extraction_ledger
from o365_pipeline.mart.assets import mart_key
from o365_pipeline.mart.checks import mart_check_results
from o365_pipeline.mart.ledger_copies import copies_of, remove_unused
from o365_pipeline.mart.loading import mark_loaded
from o365_pipeline.mart.tables import dim_person
from o365_pipeline.purge.deletion import begin
from o365_pipeline.purge.plan import Deletion, Plan
from o365_pipeline.raw.manifest import landings_of
from o365_pipeline.raw.reconciliation import reconcile

LIMIT = 2_100
MANY = 5_000
DAY = dt.date(2026, 11, 16)
NOW = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)


@pytest.fixture
def widest(database: Database) -> Iterator[list[int]]:
    """How many parameters each statement took."""
    counts: list[int] = []

    def count(_connection: Any, _cursor: Any, _statement: str, parameters: Any, context: Any, is_many: bool) -> None:
        # Where rows travel in one statement together, as to PostgreSQL, the dialect sees to that server's limit.
        if context.execute_style is not ExecuteStyle.INSERTMANYVALUES:
            counts.append(len(parameters[0] if is_many else parameters))

    sa.event.listen(database.engine, "before_cursor_execute", count)
    yield counts
    assert counts
    assert max(counts) <= LIMIT


def note_many(database: Database, customer: str = "contoso", dataset: str = "Message_v1") -> list[str]:
    """Extractions of one day, each landed."""
    ids = [f"x{number:04}" for number in range(MANY)]
    shared = {"customer": customer, "dataset": dataset, "first_day": DAY, "last_day": DAY, "columns": "[]"}
    shared |= {"scope": "{}", "approval_event_id": "e1", "requested_by": "extraction", "status": "Succeeded"}
    claimed = {"claim": "me", "claimed_at": NOW.replace(tzinfo=None)}
    landed = {
        "customer": customer,
        "dataset": dataset,
        "manifest": "m.json",
        "rows_landed": 1,
        "bytes_landed": 1,
        "sealed_at": NOW.replace(tzinfo=None),
    }
    with database.begin() as connection:
        connection.execute(
            extraction.insert(), [shared | claimed | {"extraction_id": name, "factory_run_id": name} for name in ids]
        )
        connection.execute(landing.insert(), [landed | {"extraction_id": name, "factory_run_id": name} for name in ids])
    return ids


def test_many_customers(database: Database, customer: Customer, widest: list[int]) -> None:
    names = [f"customer-{number}" for number in range(MANY)]
    many = Customers([customer.model_copy(update={"name": name}) for name in names])

    assert extraction_ledger.under_way(database, names) == []
    assert extraction_ledger.not_loaded(database, names) == []
    assert reconcile(database, many, catalogue()["Message_v1"], NOW).landings == {}


def test_many_events_of_the_feed(database: Database, widest: list[int]) -> None:
    shared = {"customer": "contoso", "reason": "", "record": "", "recorded_at": NOW.replace(tzinfo=None)}
    rows = [shared | {"record_id": f"event-{number}"} for number in range(MANY)]

    with database.begin() as connection:
        assert insert_new(connection, record_aside, rows) == rows
        assert insert_new(connection, record_aside, rows) == []


def test_many_extractions(deployment: Deployment, database: Database, widest: list[int]) -> None:
    ids = note_many(database)
    found = extraction_ledger.not_loaded(database, ["contoso"])
    lake = SimpleNamespace(read=lambda _path: MANIFEST)

    extraction_ledger.adopt(database, found, "a")
    landings_of(database, lake, "contoso", catalogue()["Message_v1"], [DAY])  # type: ignore[arg-type]
    mark_loaded(database, "contoso", {DAY: frozenset(ids)})
    copies = copies_of(database, ids)
    plan = Plan(
        customer="contoso", reason="", event_id=None, deletions=tuple(Deletion(extraction_id=name) for name in ids)
    )
    begin(database, plan, NOW)
    with database.begin() as connection:
        remove_unused(connection, database, "contoso")

    assert len(found) == len(copies[extraction]) == len(copies[landing]) == MANY
    assert extraction_ledger.not_loaded(database, ["contoso"]) == []


def test_many_days_of_a_backfill(database: Database, customer: Customer, widest: list[int]) -> None:
    days = tuple(DAY + dt.timedelta(days=number) for number in range(MANY))

    with database.begin() as connection:
        found = list(mart_check_results(connection, mart_key(dim_person), dim_person, customer.name, days))

    assert found
    assert all(check.passed for check in found), found


MANIFEST = (
    '{"extraction_id": "x", "customer": "contoso", "dataset": "Message_v1", "first_day": "2026-11-16", '
    '"last_day": "2026-11-16", "columns": [], "factory_run_id": "x", "rows_reported": 1, "parts": []}'
)
