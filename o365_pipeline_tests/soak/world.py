"""Three customers in one home: their sandbox, Dagster's memory of it, and what the soak itself knows to be true.

What belongs here: making the home, and what the approvers really decided. What is done to it belongs to `steps.py`;
what must hold belongs to `invariants.py`.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import sqlite3
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from unittest import mock

import dagster as dg
import sqlalchemy as sa

from o365_pipeline.cli.headless import Headless
from o365_pipeline.consent.approvals import State
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.partitions import CUSTOMERS
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.sandbox.azure.factory_faults import FactoryFaults
from o365_pipeline.sandbox.microsoft365 import consent_records
from o365_pipeline.sandbox.microsoft365.feed_faults import FeedFaults
from o365_pipeline_tests import finished_homes
from o365_pipeline_tests.soak.clock import SteppedClock
from o365_pipeline_tests.soak.faults import share_faults

NAMES = ("alpha", "beta", "gamma")
DAYS_BEFORE, INITIAL_DAYS = 4, 1
PEOPLE, MAILS, SECONDS = 5, 1, 1
EVER = dt.datetime.min.replace(tzinfo=dt.UTC)
ONE_DAY = dt.timedelta(days=1)

WITH_SITES = 3
"""A seed that this divides asks for sites too, whose changes are folded into a current state: landings take longer."""

CUSTOMER = """
[customers.{name}]
tenant_id = "00000000-0000-4000-8000-{number:012}"
subscription_id = "00000000-0000-4000-9000-{number:012}"
resource_group = "rg-sandbox"
factory = "adf-{name}"
region = "westeurope"
storage_account = "o365sandbox"
container = "lake"
first_day = {first_day}
initial_days = {days}
purge_grace_days = 0
unread_feed_hours = 1
data_request = "data_request.toml"
application_secret = {{ key_vault = "https://kv.vault.azure.net/secrets/application" }}
"""


@dataclass
class Decided:
    """The approver's last decision, whatever any clock or feed says."""

    approved: bool = False
    at: dt.datetime = EVER
    expires_at: dt.datetime | None = None

    def in_force(self, now: dt.datetime) -> bool:
        return self.approved and (self.expires_at is None or now < self.expires_at)


@dataclass
class World:
    """What the steps work on."""

    home: Path
    chance: random.Random
    clock: SteppedClock
    deployment: Deployment
    instance: dg.DagsterInstance
    factory_faults: FactoryFaults
    feed_faults: FeedFaults
    feed_failed_at: dt.datetime | None = None
    """When the feed last had a fault; what was decided may be unread since."""

    decided: dict[str, Decided] = field(default_factory=lambda: {name: Decided() for name in NAMES})
    logs: Path = Path()

    @cached_property
    def headless(self) -> Headless:
        """Daemon and run worker in this process."""
        return Headless(self.deployment, self.instance)

    @property
    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    @property
    def customers(self) -> dict[str, Customer]:
        return {customer.name: customer for customer in self.deployment.customers}

    def any_customer(self) -> Customer:
        return self.customers[self.chance.choice(NAMES)]

    def any_days(self) -> tuple[dt.date, dt.date]:
        """Draws a first and a last day of those that are over; recent ones, so that spans meet."""
        yesterday = self.now.date() - ONE_DAY
        first = max(self.deployment.first_day, yesterday - ONE_DAY * DAYS_BEFORE)
        there = [first + ONE_DAY * n for n in range((yesterday - first).days + 1)]
        begin = self.chance.randrange(len(there))
        return there[begin], there[min(len(there) - 1, begin + self.chance.randrange(2))]

    def decide(self, customer: Customer, state: State, valid: dt.timedelta | None = None) -> None:
        """Lets the approver decide; an approval may be valid for a shorter time than Microsoft's 180 days."""
        request = customer.data_request
        days = consent_records.APPROVAL_DAYS if valid is None else valid / ONE_DAY
        with mock.patch.object(consent_records, "APPROVAL_DAYS", days):
            self.deployment.sandbox.decide(customer.tenant_id, request.application_id, state, "a@approver.example")
        self.decided[customer.name] = Decided(state is State.APPROVED, self.now, self.now + dt.timedelta(days=days))

    def mend(self) -> None:
        """Ends all faults; a blob that could not be read is asked for again later."""
        self.factory_faults.end()
        self.factory_faults.hide_new_runs(0)
        self.feed_faults.mend_blobs()
        self.feed_faults.lists_twice = False


def make_world(home: Path, seed: int, clock: SteppedClock) -> World:
    """Makes a home that nobody has approved anything in."""
    home.mkdir(parents=True, exist_ok=True)
    first_day = dt.datetime.now(dt.UTC).date() - ONE_DAY * DAYS_BEFORE
    settings = home.with_name(f"{home.name}-settings")
    settings.mkdir(exist_ok=True)
    sites = () if seed % WITH_SITES else ("SharePointSites_v1",)
    finished_homes.data_request_of((*finished_homes.MAILS, *sites), settings).rename(settings / "data_request.toml")
    entries = [
        CUSTOMER.format(name=name, number=number, first_day=first_day, days=INITIAL_DAYS)
        for number, name in enumerate(NAMES, 1)
    ]
    (settings / "customers.toml").write_text("".join(entries))
    os.environ.update(environment_of(home, settings))
    factory_faults, feed_faults = FactoryFaults(), FeedFaults()
    share_faults(factory_faults, feed_faults)
    deployment = load()
    deployment.use_dagster_home()
    deployment.register_data_requests()
    deployment.database.compact()
    instance = dg.DagsterInstance.get()
    instance.add_dynamic_partitions(CUSTOMERS, list(NAMES))
    chance = random.Random(seed)
    return World(home, chance, clock, deployment, instance, factory_faults, feed_faults, logs=settings / "processes")


_kept_open: dict[str, sqlite3.Connection] = {}


@sa.event.listens_for(sa.Engine, "connect")
def _do_not_wait_for_the_disk(connection: object, _record: object) -> None:
    """What a killed process has written is there all the same; only the machine's crash would lose it.

    Dagster opens its databases anew for each event: as long as another connection is open, that is cheap.
    """
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")
        path = str(connection.execute("PRAGMA database_list").fetchone()[2])
        if "/dagster/" in path and path not in _kept_open:
            _kept_open[path] = sqlite3.connect(path, check_same_thread=False)
            _kept_open[path].execute("SELECT count(*) FROM sqlite_master").fetchall()


def environment_of(home: Path, settings: Path) -> Mapping[str, str]:
    """The variables of every process that works on the home."""
    return {
        "O365_HOME": str(home),
        "O365_CUSTOMERS": str(settings / "customers.toml"),
        "O365_SANDBOX_USERS": str(PEOPLE),
        "O365_SANDBOX_MAILS": str(MAILS),
        "O365_SANDBOX_SECONDS": str(SECONDS),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")])),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }
