"""From a mart row to the approval that allowed it, by one query."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from o365_pipeline.consent.approvals import State
from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.database import Database
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.mart.tables import MART_TABLES
from o365_pipeline_tests.conftest import read_decisions
from o365_pipeline_tests.finished_homes import FinishedHomes
from o365_pipeline_tests.mart.conftest import NOT_ASKED_FOR, SERVER, empty_mart
from o365_pipeline_tests.runner import Runner

QUERY = """
SELECT p.approver, p.approved_at, p.expires_at, p.approved_columns, p.approved_scope, p.dataset, p.application_version
FROM {table} r
JOIN ledger_row_provenance p ON p.extraction_id = r.extraction_id
"""


FILLED = [table.name for table in MART_TABLES if table.name not in NOT_ASKED_FOR]


def ask(database: Database, query: str) -> list[Any]:
    with database.begin() as connection:
        return list(connection.execute(sa.text(query)))


@pytest.fixture
def customer(moved: Deployment) -> Customer:
    [customer] = moved.customers
    return customer


@pytest.mark.parametrize("table", FILLED)
def test_every_mart_row_leads_to_who_approved_it_when_and_for_which_columns(
    moved: Deployment, customer: Customer, table: str
) -> None:
    [(count,)] = ask(moved.database, f"SELECT count(*) FROM {table}")

    found = ask(moved.database, QUERY.format(table=table))

    assert len(found) == count > 0
    for row in found:
        assert row.approver == "approver@contoso.example"
        assert row.approved_at
        assert row.expires_at
        requested = customer.data_request.requested(row.dataset)
        assert requested
        assert row.approved_columns == ", ".join(requested.columns)
        assert row.approved_scope == "All"


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory, finished_homes: FinishedHomes) -> Iterator[Deployment]:
    """One day in the mart, approved twice: the first approval allowed it."""
    home = tmp_path_factory.mktemp("provenance")
    if SERVER is None:
        finished_homes.copy_days(1, home)
        yield _approved_again(load(home=home, sandbox_seconds=0, sandbox_users=12, initial_days=1))
        return
    with empty_mart(home) as url:
        yield _approved_again(_moved(home, url))


def _moved(home: Path, url: sa.URL) -> Deployment:
    mart_url = url.render_as_string(hide_password=False)
    deployment = load(home=home / "o365", mart_url=mart_url, sandbox_seconds=0, sandbox_users=12, initial_days=1)
    [customer] = deployment.customers
    request = customer.data_request
    deployment.sandbox.register(customer.tenant_id, request, [customer.sink])
    deployment.sandbox.decide(customer.tenant_id, request.application_id, State.APPROVED, "approver@contoso.example")
    read_decisions(deployment, customer)
    with dg.DagsterInstance.ephemeral() as instance:
        Runner(deployment, instance).move()
    return deployment


def _approved_again(deployment: Deployment) -> Deployment:
    [customer] = deployment.customers
    request = customer.data_request
    deployment.sandbox.decide(customer.tenant_id, request.application_id, State.APPROVED, "second@contoso.example")
    read_decisions(deployment, customer)
    return deployment
