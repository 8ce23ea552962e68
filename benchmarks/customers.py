"""Ticks of the sensors and the retention's schedule with a thousand customers, a hundred of whom wait for a landing.

The ledgers hold what the customers' earlier days left there (`many_ledgers.py`), in SQLite or PostgreSQL; Dagster's own
storage is SQLite's. Feeds answer after 10 ms, factories after 50 ms. How to read it: the longest of the ticks that a
sensor needs until it has done what there was to do. Beside the consent sensor is the loop that one would write first:
feed after feed, decision after decision.
"""

from __future__ import annotations

import argparse
import datetime as dt
import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa
from many_ledgers import approval_of, fill, run_of, wait_for_factories
from measures import Measure, Point, add_json_option, tell

from o365_pipeline.consent import approval_ledger
from o365_pipeline.consent.activity_feed import Page, Position
from o365_pipeline.consent.feed_records import classify_records
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.database.ledger import comparison_turn, identity, operation
from o365_pipeline.definitions import build_definitions
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.extraction.data_factory import CopyOutcome, FactoryRun
from o365_pipeline.extraction.landing_sensor import landing_job
from o365_pipeline_tests.deploy.services import postgres, postgres_programs

FEED_SECONDS, FACTORY_SECONDS = 0.01, 0.05
TICK_SECONDS = 5.0
"""What a tick may take."""

NOW = dt.datetime.now(dt.UTC)
YESTERDAY = NOW.date() - dt.timedelta(days=1)
MOST_TICKS = 40
CONSENT_RUNS = 75
"""So many requested runs are enough to see what a tick of the consent sensor takes."""


class SlowFeed:
    """Every tenant's feed holds one approval, on one page that takes its time."""

    poll_seconds = 0.0

    def __init__(self, customers: Customers) -> None:
        self._records = {customer.tenant_id: _record(customer) for customer in customers}

    def read(self, customer: Customer, _position: Position, now: dt.datetime) -> Page:
        time.sleep(FEED_SECONDS)
        return Page(Position(now), (self._records[customer.tenant_id],))


class SlowFactories:
    """Every factory's runs have ended; each answer takes its time."""

    def runs_since(self, customer: Customer, _since: dt.datetime) -> list[FactoryRun]:
        time.sleep(FACTORY_SECONDS)
        names = [requested.dataset.name for requested in customer.data_request.datasets]
        return [FactoryRun(run_of(customer, name), name, "", "Succeeded", "", NOW) for name in names]

    def copy_outcome(self, _customer: Customer, _run: FactoryRun) -> CopyOutcome:
        time.sleep(FACTORY_SECONDS)
        return CopyOutcome(100, 1, None)


@dataclass
class Daemon:
    """Ticks as Dagster's daemon would, and notes how long each took."""

    deployment: Deployment
    customers: Customers
    instance: dg.DagsterInstance
    cursors: dict[str, str | None] = field(default_factory=dict)

    @property
    def resources(self) -> Mapping[str, Any]:
        fakes = {"activity_feed": SlowFeed(self.customers), "data_factory": SlowFactories()}
        return {**self.deployment.resources, "customers": self.customers, **fakes}

    def ticks(self, name: str, expected: int | None) -> tuple[list[tuple[float, float]], int]:
        """Ticks a sensor until it has requested the expected runs; without a number, until its cursor comes again.

        Returns the seconds of each tick and those of the processor, and the number of requested runs.

        Raises:
            SystemExit: it did not come to an end.
        """
        sensor = build_definitions(self.deployment).resolve_sensor_def(name)
        seconds: list[tuple[float, float]] = []
        requested = 0
        seen: set[str | None] = set()
        while len(seconds) < MOST_TICKS:
            began, worked = time.perf_counter(), time.process_time()
            with dg.build_sensor_context(
                instance=self.instance, cursor=self.cursors.get(name), resources=dict(self.resources)
            ) as context:
                result = sensor(context)
            seconds.append((time.perf_counter() - began, time.process_time() - worked))
            assert isinstance(result, dg.SensorResult)
            self.cursors[name] = result.cursor
            requested += len(result.run_requests or [])
            self._follow(result)
            if (requested >= expected) if expected is not None else (result.cursor in seen):
                break
            seen.add(result.cursor)
        else:
            raise SystemExit(f"{name}: {requested} runs were requested in {MOST_TICKS} ticks, not {expected}")
        return seconds, requested

    def _follow(self, result: dg.SensorResult) -> None:
        for added in result.dynamic_partitions_requests or []:
            self.instance.add_dynamic_partitions(added.partitions_def_name, list(added.partition_keys))
        for event in result.asset_events:
            self.instance.report_runless_asset_event(event)
        for request in result.run_requests or []:
            if request.job_name == landing_job.name:
                self.instance.create_run_for_job(
                    _nothing, tags={**request.tags, "dagster/run_key": request.run_key or ""}
                )


@dg.job(name=landing_job.name)
def _nothing() -> None: ...


def main() -> int:
    options = _options()
    warnings.simplefilter("ignore")
    logging.getLogger("dagster").setLevel(logging.ERROR)
    logging.getLogger("o365_pipeline").setLevel(logging.ERROR)
    measures: list[Measure] = []
    points: list[Point] = []
    print(f"{options.days} earlier days of each customer; the longest tick, and the processor's time of all ticks")
    print(f"{'':58} {'s':>6} {'CPU s':>6} {'ticks':>6} {'CPU s':>6}")
    with tempfile.TemporaryDirectory(prefix="o365-customers-") as name, _server(options.postgres) as url:
        for count in options.customers:
            largest = count == max(options.customers)
            home = Path(name) / str(count)
            found = dict(_measure(home, url(f"many-{count}"), count, min(options.landed, count), options.days))
            loop = _loop(*_many(home / "loop", url(f"loop-{count}"), count, 1)) if largest else None
            for what, longest in found.items():
                points.append(Point("customers", f"tick, {what}", count, longest, "s"))
                if largest:
                    measures.append(Measure(f"tick, {what}; {count:,} customers", longest, "s", at_most=TICK_SECONDS))
            if largest:
                told = f"decisions of {count:,} customers read and recorded"
                measures.append(Measure(told, found["consent"], "s", "plain loop", loop))
    tell(options.json, measures, points)
    return 0


def _measure(home: Path, url: sa.URL | None, count: int, landed: int, days: int) -> Iterator[tuple[str, float]]:
    deployment, customers = _many(home, url, count, days)
    with _instance(home) as instance:
        daemon = Daemon(deployment, customers, instance)
        yield _shown(count, "consent", *daemon.ticks("consent_sensor", min(count, CONSENT_RUNS)))
        fill(deployment.database, customers, YESTERDAY - dt.timedelta(days=1), days)
        wait_for_factories(deployment.database, list(customers)[:landed], YESTERDAY)
        yield _shown(count, "landing", *daemon.ticks("landing_sensor", landed))
        yield _shown(count, "landing, all at work", *daemon.ticks("landing_sensor", 0))
        yield _shown(count, "consent, nothing new", *daemon.ticks("consent_sensor", 0))
        daemon.cursors["reconciliation_sensor"] = _a_day_of_records_ago(deployment, customers)
        yield _shown(count, "reconciliation", *daemon.ticks("reconciliation_sensor", None))
        yield _shown(count, "purge", *daemon.ticks("purge_sensor", None))
        yield _shown(count, "retention", [_retention(daemon)], 0)


def _a_day_of_records_ago(deployment: Deployment, customers: Customers) -> str:
    """The cursor of the reconciliation sensor when a day's records of all customers are new."""
    new = sum(len(customer.data_request.datasets) for customer in customers)
    with deployment.database.begin() as connection:
        last = connection.scalar(sa.select(sa.func.max(operation.c.sequence))) or 0
        connection.execute(comparison_turn.insert().values(stage="raw", turns=1, compared_up_to=last - new))
    return f"{last - new}@{identity(deployment.database)}"


def _shown(count: int, what: str, seconds: list[tuple[float, float]], requested: int) -> tuple[str, float]:
    told = f"{what}, {count:,} customers"
    longest, worked = max(seconds)
    of_all = sum(busy for _, busy in seconds)
    print(
        f"{told:58} {longest:6.2f} {worked:6.2f} {len(seconds):6} {of_all:6.2f}  {requested} runs requested", flush=True
    )
    return what, longest


def _retention(daemon: Daemon) -> tuple[float, float]:
    schedule = build_definitions(daemon.deployment).resolve_schedule_def("daily_retention")
    began, worked = time.perf_counter(), time.process_time()
    with dg.build_schedule_context(
        instance=daemon.instance, scheduled_execution_time=NOW, resources=dict(daemon.resources)
    ) as context:
        schedule.evaluate_tick(context)
    return time.perf_counter() - began, time.process_time() - worked


def _loop(deployment: Deployment, customers: Customers) -> float:
    feed, began = SlowFeed(customers), time.perf_counter()
    for customer in customers:
        page = feed.read(customer, Position(NOW), NOW)
        for event in classify_records(page.records, customer.tenant_id).approvals:
            with deployment.database.begin() as connection:
                approval_ledger.record(connection, customer, [event], NOW)
        approval_ledger.consent_status_of(deployment.database, customer, NOW)
    seconds = time.perf_counter() - began
    print(f"{f'consent by a plain loop, {len(customers):,} customers':58} {seconds:6.2f}", flush=True)
    return seconds


def _many(home: Path, url: sa.URL | None, count: int, days: int) -> tuple[Deployment, Customers]:
    database = {"mart_url": url.render_as_string(hide_password=False)} if url else {}
    deployment = load(home=home, **database)
    [customer] = deployment.customers
    names = [f"customer-{number:04d}" for number in range(count)]
    first_day = YESTERDAY - dt.timedelta(days=days)
    agreed = {"first_day": first_day, "initial_days": days}
    return deployment, Customers(
        customer.model_copy(update={"name": name, "tenant_id": name, **agreed}) for name in names
    )


@contextmanager
def _instance(home: Path) -> Iterator[dg.DagsterInstance]:
    folder = home / "dagster"
    folder.mkdir(parents=True)
    (folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        yield instance


@contextmanager
def _server(wanted: bool) -> Iterator[Callable[[str], sa.URL | None]]:
    """Gives the URL of a new database by its name; without a server, None, which is SQLite in the home."""
    programs = postgres_programs() if wanted else None
    if programs is None:
        yield lambda _name: None
        return
    with postgres(programs) as server:
        yield lambda name: sa.make_url(server.create(name))


def _record(customer: Customer) -> dict[str, object]:
    request = customer.data_request
    datasets = [
        {"DatasetName": entry.dataset.table_name, "DatasetColumns": list(entry.columns)} for entry in request.datasets
    ]
    return {
        "Id": approval_of(customer),
        "RecordType": 217,
        "CreationTime": NOW.isoformat(),
        "ApplicationId": request.application_id,
        "AppRegistrationTenantId": request.application_tenant_id,
        "DestinationTenantId": customer.tenant_id,
        "DestinationSinks": [customer.sink],
        "State": "Approved",
        "ApprovalUpdatedDateInUTC": NOW.isoformat(),
        "Datasets": datasets,
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Ticks of sensors with very many customers.")
    parser.add_argument(
        "--customers", type=int, nargs="+", default=[10, 100, 1000], help="how many, one after the other"
    )
    parser.add_argument("--landed", type=int, default=100, help="how many of them wait (default: %(default)s)")
    parser.add_argument("--days", type=int, default=30, help="earlier days of each (default: %(default)s)")
    parser.add_argument("--postgres", action="store_true", help="the ledgers in PostgreSQL, started for it")
    add_json_option(parser)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
