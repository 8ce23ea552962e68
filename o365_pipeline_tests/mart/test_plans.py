"""A day's load and purge read and write that day: whatever they ask for is looked up, however many days there are."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from o365_pipeline.consent.approval_ledger import datasets_in_force
from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.ledger import extraction, landing
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.mart.assets import mart_key
from o365_pipeline.mart.checks import mart_check_results
from o365_pipeline.mart.collaboration import collaboration_picture
from o365_pipeline.mart.loading import load_day, mark_loaded, stale_days
from o365_pipeline.mart.tables import MART_TABLES, dim_customer
from o365_pipeline.purge import deletion
from o365_pipeline.purge.plan import Deletion, Plan
from o365_pipeline.purge.thinning import thin
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.finished_homes import MAILS, FinishedHomes, data_request_of
from o365_pipeline_tests.mart.conftest import sqlite_only
from o365_pipeline_tests.runner import lake_of

GROWING = {table.name for table in (*MART_TABLES, extraction, landing)}
OF_DAYS = GROWING - {dim_customer.name, extraction.name, landing.name}
"""Tables with many rows a day; the others have some few, in which a customer's days may be looked through."""


BY_DAY = re.compile(r"\(customer=\? AND day[=<>]")
VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")


@pytest.fixture
def deployment(tmp_path: Path, finished_homes: FinishedHomes) -> Deployment:
    finished_homes.copy_days(1, tmp_path / "o365", MAILS)
    request = data_request_of(MAILS, tmp_path)
    return load(home=tmp_path / "o365", sandbox_seconds=0, sandbox_users=12, initial_days=1, data_request=request)


@contextmanager
def told(engine: sa.Engine) -> Iterator[list[tuple[str, Any]]]:
    """What the database is told, with the parameters; of many rows, those of the first."""
    statements: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, is_many: bool) -> None:
        statements.append((statement, parameters[0] if is_many else parameters))

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


def reads_of(engine: sa.Engine, statement: str, parameters: Sequence[Any]) -> Iterator[tuple[str, str]]:
    """The tables that a statement reads, and how, as SQLite plans it."""
    names: dict[str, str] = {alias: name for name, alias in re.findall(r"(?:FROM|JOIN) (\w+) AS (\w+)", statement)}
    with engine.connect() as connection:
        for *_, line in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters):
            if found := re.match(r"(?:SCAN|SEARCH) (\w+)", line):
                name = str(found[1])
                yield names.get(name, name), line


@sqlite_only
def test_no_statement_of_a_days_load_or_purge_reads_other_days(deployment: Deployment, customer: Customer) -> None:
    marts, lake = deployment.marts, lake_of(deployment)
    engine, now = deployment.database.engine, dt.datetime.now(dt.UTC)

    with told(engine) as statements:
        loaded = load_day(marts, lake, customer.name, DAY, datasets_in_force(deployment.database, customer, now))
        stale_days(deployment.database, lake, customer.name, [DAY])
        mark_loaded(deployment.database, customer.name, {DAY: loaded.extractions})
        with deployment.database.begin() as connection:
            collaboration_picture(connection, customer.name, DAY)
            for table in MART_TABLES:
                list(mart_check_results(connection, mart_key(table), table, customer.name, [DAY]))
        thin(deployment.database, customer, [DAY])
        deletions = tuple(Deletion(extraction_id=name) for name in loaded.extractions)
        plan = Plan(customer=customer.name, reason="", event_id=None, deletions=deletions)
        deletion.begin(deployment.database, plan, now)
        deletion.delete(marts, lake, customer, plan)

    assert sum(loaded.rows.values()) > 100
    planned = {statement: parameters for statement, parameters in statements if statement.split()[0] in VERBS}
    reads = [
        (name, line, statement)
        for statement, values in planned.items()
        for name, line in reads_of(engine, statement, values)
    ]
    assert {name for name, _, _ in reads} >= {table.name for table in MART_TABLES}
    assert [read for read in reads if read[0] in GROWING and read[1].startswith("SCAN")] == []
    assert [read for read in reads if read[0] in OF_DAYS and not BY_DAY.search(read[1])] == []
