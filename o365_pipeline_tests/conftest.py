"""What tests of several stages share: one way to build a deployment, to approve, to move its data."""

from __future__ import annotations

import datetime as dt
import logging
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from o365_pipeline.consent.approvals import State
from o365_pipeline.consent.feed_reading import read_feeds
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.sandbox.customer import settled_monday
from o365_pipeline_tests.azurite import MISSING, Azurite, installed, running
from o365_pipeline_tests.deploy.services import Postgres, missing, postgres_programs
from o365_pipeline_tests.deploy.services import postgres as started_postgres

SAMPLES = Path(__file__).parents[2] / "shared" / "samples"
DAY = settled_monday(dt.datetime.now(dt.UTC).date())
"""The sandbox's first day: recent enough for SharePoint's history, old enough to be there."""


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("O365_", "AZURE_", "DAGSTER_HOME"))]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """Azure's storage on this machine; where it is missing its tests are skipped, and fail where CI is set."""
    program = installed()
    if program is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)
    with running(program) as azurite:
        yield azurite


@pytest.fixture(scope="session")
def postgres_installed() -> Path:
    """The folder of PostgreSQL's programs."""
    return postgres_programs() or missing("postgresql")


@pytest.fixture(scope="session")
def postgres(postgres_installed: Path) -> Iterator[Postgres]:
    """A PostgreSQL server of this session's own."""
    with started_postgres(postgres_installed) as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """The URL of an empty database of the test's own."""
    return postgres.create(f"test_{uuid.uuid4().hex}")


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """A sandbox of twelve people whose factory runs take no time; one day is agreed on."""
    return load(home=tmp_path / "o365", sandbox_seconds=0, sandbox_users=12, initial_days=1)


@pytest.fixture
def customer(deployment: Deployment) -> Customer:
    [customer] = deployment.customers
    return customer


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


@pytest.fixture
def decide(deployment: Deployment, customer: Customer) -> Callable[..., None]:
    """Let the sandbox's approver decide, and the ledger know."""

    def decide(state: State = State.APPROVED, approver: str = "approver@contoso.example") -> None:
        request = customer.data_request
        deployment.sandbox.register(customer.tenant_id, request, [customer.sink])
        deployment.sandbox.decide(customer.tenant_id, request.application_id, state, approver)
        read_decisions(deployment, customer)

    return decide


def read_decisions(deployment: Deployment, customer: Customer) -> None:
    """Record what the feed holds, as the consent sensor does."""
    feed, now = deployment.resources["activity_feed"], dt.datetime.now(dt.UTC)
    read_feeds(deployment.database, feed, Customers([customer]), now, 60, logging.getLogger())
