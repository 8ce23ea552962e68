"""The soak finds what it looks for, and finds nothing where nothing is wrong."""

from __future__ import annotations

import datetime as dt
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.ledger import extraction
from o365_pipeline.deployment import Deployment
from o365_pipeline.extraction import extraction_ledger
from o365_pipeline.extraction.submission import Submitter
from o365_pipeline.purge.deletion import begin, finish
from o365_pipeline.purge.plan import Deletion, Plan
from o365_pipeline.sandbox.azure.factory_faults import FactoryFaults
from o365_pipeline.sandbox.microsoft365.feed_faults import FeedFaults
from o365_pipeline.sandbox.tenant.organization import organization
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.finished_homes import MAILS
from o365_pipeline_tests.soak.clock import SteppedClock
from o365_pipeline_tests.soak.invariants import Watch
from o365_pipeline_tests.soak.violation import ViolationError
from o365_pipeline_tests.soak.world import PEOPLE, Decided, World

Decide = Callable[..., None]
PROJECT = Path(__file__).parents[2]


@pytest.fixture
def datasets() -> tuple[str, ...]:
    return MAILS


@pytest.fixture
def watch(deployment: Deployment, customer: Customer, instance: dg.DagsterInstance) -> Watch:
    world = World(
        deployment.home,
        random.Random(1),
        SteppedClock(),
        deployment,
        instance,
        FactoryFaults(),
        FeedFaults(),
        decided={customer.name: Decided(approved=True)},
    )
    watch = Watch(world)
    watch.before()
    return watch


def submit(deployment: Deployment, customer: Customer, claimant: str, last_day: dt.date = DAY) -> None:
    requested = customer.data_request.requested("Message_v1")
    assert requested
    days = [DAY + dt.timedelta(days=n) for n in range((last_day - DAY).days + 1)]
    Submitter(deployment.database, deployment.resources["data_factory"], claimant, "extraction").submit_days(
        customer, requested, days
    )
    deployment.resources["data_factory"].runs_since(customer, dt.datetime.now(dt.UTC) - dt.timedelta(hours=1))


def test_a_run_after_a_denial_is_a_violation(
    watch: Watch, deployment: Deployment, customer: Customer, decide: Decide
) -> None:
    decide()
    submit(deployment, customer, "a")
    watch.after()
    watch.world.decided[customer.name] = Decided(approved=False)
    watch.before()

    submit(deployment, customer, "a", DAY + dt.timedelta(days=1))

    with pytest.raises(ViolationError, match="submitted outside an approval in force: contoso message"):
        watch.after()


def whole_purge(deployment: Deployment, customer: Customer) -> Plan:
    """A plan of the deletion of all data of a customer that is not under way."""
    query = sa.select(extraction.c.extraction_id).where(extraction.c.status.not_in(extraction_ledger.UNDER_WAY))
    with deployment.database.begin() as connection:
        deletions = tuple(Deletion(extraction_id=found) for found in connection.scalars(query))
    return Plan(customer=customer.name, reason="the test wants it", event_id=None, deletions=deletions)


def give_up(deployment: Deployment) -> None:
    """Let everything that is under way be over."""
    under_way = extraction.c.status.in_(extraction_ledger.UNDER_WAY)
    deployment.database.execute(extraction.update().where(under_way).values(status="Cancelled"))


def test_a_day_that_is_paid_twice_is_a_violation_unless_it_was_purged(
    watch: Watch, deployment: Deployment, customer: Customer, decide: Decide
) -> None:
    decide()
    submit(deployment, customer, "a")
    plan = whole_purge(deployment, customer)
    [entry] = extraction_ledger.under_way(deployment.database, [customer.name])
    assert entry.factory_run_id
    extraction_ledger.set_status(deployment.database, entry.extraction_id, entry.factory_run_id, "Failed")
    plan = whole_purge(deployment, customer)
    submit(deployment, customer, "b", DAY + dt.timedelta(days=1))

    with pytest.raises(ViolationError, match="days are paid twice: contoso message"):
        watch.after()
    give_up(deployment)
    begin(deployment.database, plan, dt.datetime.now(dt.UTC))
    watch.after()


def test_a_person_of_a_purged_customer_in_any_file_is_a_violation(
    watch: Watch, deployment: Deployment, customer: Customer, decide: Decide
) -> None:
    decide()
    submit(deployment, customer, "a")
    give_up(deployment)
    plan = whole_purge(deployment, customer)
    begin(deployment.database, plan, dt.datetime.now(dt.UTC))
    finish(deployment.database, plan, 0, dt.datetime.now(dt.UTC))
    for path in (deployment.home / "lake").rglob("part-*"):
        path.unlink()
    watch.after()
    left = deployment.home / "scratch" / "work.duckdb"
    left.parent.mkdir(exist_ok=True)
    person = organization(customer.tenant_id, PEOPLE, 7).people[0]

    left.write_bytes(b"\0" + person.mail.encode() + b"\0")

    with pytest.raises(ViolationError, match=r"contoso is purged, and scratch/work\.duckdb holds a person"):
        watch.after()


def test_a_short_soak_finds_nothing_and_says_what_it_did(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "benchmarks.soak",
        "--seed",
        "58",
        "--steps",
        "2",
        "--home",
        str(tmp_path / "home"),
    ]

    soak = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=600, check=False)

    assert soak.returncode == 0, soak.stdout
    assert re.search(r"seed 58: 3 steps: .*1 quiet", soak.stdout)
