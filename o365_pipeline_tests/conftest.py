"""What tests of several stages share: one way to build a deployment, to approve, to move its data."""

from __future__ import annotations

import datetime as dt
import gc
import logging
import os
import signal
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings

from o365_pipeline.consent.approvals import State
from o365_pipeline.consent.feed_reading import read_feeds
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.mart import upgrade as mart_upgrade
from o365_pipeline.mart.upgrade import upgrade
from o365_pipeline.raw.duckdb_session import limit_duckdb
from o365_pipeline_tests.azurite import MISSING, Azurite, installed, running
from o365_pipeline_tests.deploy.services import Postgres, missing, postgres_programs
from o365_pipeline_tests.deploy.services import postgres as started_postgres
from o365_pipeline_tests.finished_homes import SOME, FinishedHomes, data_request_of
from o365_pipeline_tests.runner import DAY as DAY
from o365_pipeline_tests.runner import Runner

SAMPLES = Path(__file__).parents[2] / "shared" / "samples"


SANDBOXES = ("o365_pipeline.cli", "o365_pipeline.definitions", "o365_pipeline.deployment", "o365_pipeline.sandbox")
PROCESSES = ("multiprocessing", "playwright", "subprocess")
NEEDS_MORE = {
    *("azurite", "command", "deployment", "finished_homes", "instance", "mart_url", "postgres_installed"),
    "redis_installed",
    *("lake", "nothing_curated"),
    *("server", "world"),
}
"""Fixtures and marks of what is a sandbox, a lake, a database or a server."""

SAVE, QUICK, THOROUGH = 5, 25, 400
"""How many examples of a property are tried: the same ones at each save and before each commit, every night others."""

TICK_SECONDS = 120.0

EXAMPLES: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}
settings.register_profile("save", max_examples=SAVE, derandomize=True, **EXAMPLES)
settings.register_profile("quick", max_examples=QUICK, derandomize=True, **EXAMPLES)
settings.register_profile("thorough", max_examples=THOROUGH, **EXAMPLES)
settings.load_profile("quick")


if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell lets what it starts in the background ignore Ctrl-C, and children ignore what their parent does: those
    # that a test interrupts, or that take their end for Ctrl-C as Dagster's servers do, would never end.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def few(examples: int) -> settings:
    """So many examples of a property that takes long, and as many more as the profile has of others."""
    return settings(max_examples=max(1, examples * settings().max_examples // QUICK))


def pytest_collection_finish() -> None:
    """Let Python's search for garbage leave alone what was imported, which is most of what there is."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of rules: they use no sandbox, fill no lake and no table, and start no process: they are quick."""
    for item in items:
        assert isinstance(item, pytest.Function)
        needs_more = NEEDS_MORE & {*item.fixturenames, *(mark.name for mark in item.iter_markers())}
        if not needs_more and not _uses(item.module, SANDBOXES + PROCESSES):
            item.add_marker(pytest.mark.rules)


@cache
def _uses(module: ModuleType, packages: tuple[str, ...]) -> bool:
    """Whether a module of tests imports something from one of these packages."""
    origins = {str(getattr(value, "__module__", getattr(value, "__name__", ""))) for value in vars(module).values()}
    return any(f"{origin}.".startswith(f"{package}.") for origin in origins for package in packages)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("O365_", "AZURE_", "DAGSTER_HOME"))]:
        monkeypatch.delenv(name)
    # As many tests run as there are cores; a second thread in each only costs.
    limit_duckdb(None, threads=1)


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


@sa.event.listens_for(sa.Engine, "connect")
def _leave_writing_to_the_system(connection: Any, _record: object) -> None:
    """Nothing of a test has to outlive the machine's crash, so that no test waits for the disk."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


@pytest.fixture(scope="session")
def finished_homes(tmp_path_factory: pytest.TempPathFactory) -> FinishedHomes:
    """One folder for the session, also where pytest-xdist runs it in several processes."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "finished-homes"
    folder.mkdir(exist_ok=True)
    return FinishedHomes(folder)


@pytest.fixture(scope="session")
def _upgrade_of_a_copy(
    finished_homes: FinishedHomes, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[sa.Engine], None]:
    """Upgrades a mart; one in a file that is not there yet begins as a copy of an empty one."""
    # The one that is copied is made before anybody copies.
    finished_homes.copy_empty_mart(tmp_path_factory.mktemp("empty"))

    def upgrade_of_a_copy(engine: sa.Engine) -> None:
        file = engine.url.database if engine.dialect.name == "sqlite" else None
        if file and not Path(file).exists():
            finished_homes.make_empty_mart(Path(file))
        upgrade(engine)

    return upgrade_of_a_copy


@pytest.fixture(autouse=True)
def _empty_marts_are_copied(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pay once for making the mart's schema, but in the tests of that."""
    if not request.node.get_closest_marker("makes_its_schema"):
        monkeypatch.setattr(mart_upgrade, "upgrade", request.getfixturevalue("_upgrade_of_a_copy"))


@pytest.fixture
def datasets() -> tuple[str, ...]:
    """Those that the deployment's data request names; a module whose tests look at all of them gives none."""
    return SOME


@pytest.fixture
def home(
    request: pytest.FixtureRequest, tmp_path: Path, finished_homes: FinishedHomes, datasets: tuple[str, ...]
) -> Path:
    """Where the deployment lies: its mart is empty, or holds the day that the test asks for as `moved`."""
    home = tmp_path / "o365"
    if "moved" in request.fixturenames:
        finished_homes.copy_days(1, home, datasets)
    else:
        finished_homes.copy_empty_mart(home)
    return home


@pytest.fixture
def deployment(home: Path, tmp_path: Path, datasets: tuple[str, ...]) -> Deployment:
    """A sandbox of twelve people whose factory runs take no time; one day is agreed on."""
    data_request = data_request_of(datasets, tmp_path) if datasets else None
    return load(home=home, sandbox_seconds=0, sandbox_users=12, initial_days=1, data_request=data_request, threads=1)


@pytest.fixture
def customer(deployment: Deployment) -> Customer:
    [customer] = deployment.customers
    return customer


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """Dagster's memory of runs, held in this process."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def runner(deployment: Deployment, instance: dg.DagsterInstance) -> Runner:
    return Runner(deployment, instance)


@pytest.fixture
def remembering(
    tmp_path: Path, finished_homes: FinishedHomes, datasets: tuple[str, ...]
) -> Iterator[dg.DagsterInstance]:
    """What Dagster keeps, in files, of the runs that moved the approved day."""
    home = tmp_path / "remembering"
    finished_homes.copy_days(1, home, datasets)
    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        yield instance


@pytest.fixture
def moved(runner: Runner) -> Runner:
    """The approved day in the mart; what Dagster remembers of it is not there."""
    runner.instance.add_dynamic_partitions("customer", ["contoso"])
    return runner


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
