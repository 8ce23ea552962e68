"""Quiet: everything that is begun is ended, and then every sealed row is where it belongs.

What belongs here: letting sensors and terminals finish, and the account of the rows. What must hold at every moment
belongs to `invariants.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import duckdb
import sqlalchemy as sa

from o365_pipeline.cli.headless import extraction_of_days
from o365_pipeline.curated.day_files import CURATED, QUARANTINE, USER_ROWS, day_folder, parquet, parts_of
from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import extraction, landing, release
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.errors import O365PipelineError
from o365_pipeline.extraction import extraction_ledger
from o365_pipeline.extraction.extraction_ledger import Extraction
from o365_pipeline.extraction.windows import Window
from o365_pipeline.mart.loading import load_day, loaded_days
from o365_pipeline.mart.marts import Marts
from o365_pipeline.mart.tables import MART_TABLES
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline.purge.live_data import live_days
from o365_pipeline.purge.plan import missing_decisions
from o365_pipeline.raw.manifest import landings_of
from o365_pipeline.raw.scratch import scratch_folder
from o365_pipeline_tests.soak.processes import end_runs_that_never_began
from o365_pipeline_tests.soak.steps import execute, tick
from o365_pipeline_tests.soak.violation import ViolationError
from o365_pipeline_tests.soak.world import World

ROUNDS, PAUSE_SECONDS = 14, 20 * 60
ADVICE = "--anew damaged"
EVERYTHING = dt.date.min, dt.date.max


def settle(world: World) -> str:
    """Lets everything come to its end, then checks that each sealed row is accounted for."""
    world.mend()
    end_runs_that_never_began(world)
    for number in range(ROUNDS):
        said = [tick(sensor)(world) for sensor in ("consent_sensor", "landing_sensor", "purge_sensor")]
        said += [_by_hand(world, entry) for entry in _unfinished(world)]
        if all(line == "0 runs" for line in said):
            return f"{number} rounds; {account(world)}"
        world.clock.step(PAUSE_SECONDS)
        world.clock.really_sleep(0 if world.clock.can_be_stepped else 2)
    raise ViolationError(f"it does not come to an end: {said}")


def account(world: World) -> str:
    """Checks that every sealed row is curated, a user row or in quarantine, and the mart is what is curated."""
    rows = days = 0
    for customer in world.customers.values():
        _nothing_outlives_its_approval(world, customer)
        for dataset, entry in _loaded(world, customer):
            rows += _every_row_is_somewhere(world, customer, dataset, entry)
        days += _mart_is_what_is_curated(world, customer)
    return f"{rows} rows and {days} days are accounted for"


def _unfinished(world: World) -> Iterator[Extraction]:
    """Returns extractions that nobody goes on with by itself: their terminal was killed, or sensors gave up."""
    for name, customer in world.customers.items():
        if world.decided[name].in_force(world.now):
            for requested in customer.data_request.datasets:
                entries = extraction_ledger.overlapping(
                    world.deployment.database, name, requested.dataset.name, *EVERYTHING
                )
                yield from (entry for entry in entries if not _is_loaded(world, entry))


def _is_loaded(world: World, entry: Extraction) -> bool:
    query = sa.select(extraction.c.loaded_at).where(extraction.c.extraction_id == entry.extraction_id)
    with world.deployment.database.begin() as connection:
        return connection.scalar(query) is not None


def _by_hand(world: World, entry: Extraction, anew: str | None = None) -> str:
    """What the messages advise: the command `extract` for the window, and `--anew` where its files are damaged."""
    customer, dataset = world.customers[entry.customer], catalogue()[entry.dataset]
    given = world.deployment, world.headless, customer, [dataset], entry.window, anew
    try:
        _, requests = extraction_of_days(*given)
        said = f"by hand: {entry.customer} {entry.dataset} {entry.window}{execute(world, requests)}"
    except O365PipelineError as error:
        said = f"by hand: {error}"
    return _by_hand(world, entry, "damaged") if ADVICE in said and not anew else said


def _loaded(world: World, customer: Customer) -> Iterator[tuple[Dataset, Extraction]]:
    for requested in customer.data_request.datasets:
        found = extraction_ledger.overlapping(
            world.deployment.database, customer.name, requested.dataset.name, *EVERYTHING
        )
        yield from ((requested.dataset, entry) for entry in found if _is_loaded(world, entry))


def _nothing_outlives_its_approval(world: World, customer: Customer) -> None:
    """Checks that what no approval covers was purged, unless it is said why not."""
    database = world.deployment.database
    if world.decided[customer.name].in_force(world.now) or missing_decisions(database, customer, world.now):
        return
    if live := live_days(database, customer):
        dataset, day = min(live, key=lambda held: (held[0].name, held[1]))
        raise ViolationError(f"{customer.name} {dataset.name} {day} is kept, and no approval is in force")


def _every_row_is_somewhere(world: World, customer: Customer, dataset: Dataset, entry: Extraction) -> int:
    days = entry.window.days
    lake = world.deployment.lakes.of(customer)
    landed = landings_of(world.deployment.database, lake, customer.name, dataset, days)
    others = {found.extraction.extraction_id for found in landed.values()} - {entry.extraction_id}
    what = f"{customer.name} {dataset.name} {entry.window}"
    if others or set(landed) != set(days):
        raise ViolationError(f"{what} is loaded, and other landings hold its days")
    sealed = landed[days[0]].manifest.rows
    of_days = [_rows_of_day(world, customer, dataset, day) for day in days]
    # A row without a date is of every day of its window.
    if sum(of_days) != sealed and set(of_days) != {sealed}:
        raise ViolationError(f"{what}: {sealed} rows are sealed, {of_days} curated")
    return sealed


def _rows_of_day(world: World, customer: Customer, dataset: Dataset, day: dt.date) -> int:
    lake = world.deployment.lakes.of(customer)
    with scratch_folder() as folder, duckdb.connect() as connection:
        stages = (CURATED, USER_ROWS, QUARANTINE)
        folders = [day_folder(stage, dataset.asset_name, customer.name, day) for stage in stages]
        files = lake.stage([path for of_stage in folders for path in parts_of(lake, of_stage)], folder)
        [(rows,)] = connection.execute(f"SELECT count(*) FROM {parquet(files)}").fetchall()
        return int(rows)


def _mart_is_what_is_curated(world: World, customer: Customer) -> int:
    """Loads every day once more, into an empty mart, and compares all tables.

    Days whose landing was given up and did not land anew keep what they had, until it does.
    """
    database, live = world.deployment.database, live_days(world.deployment.database, customer)
    loaded, given_up = loaded_days(database, customer.name), _days_given_up(database, customer)
    if not live and loaded - given_up:
        raise ViolationError(f"{customer.name}: the mart has the days {sorted(loaded)} of which nothing is sealed")
    with scratch_folder() as folder:
        empty = mart_database(sa.make_url(f"sqlite:///{folder / 'mart.db'}"))
        again = Marts(default=database, own={customer.name: empty})
        for day in sorted(loaded):
            held = {dataset for dataset, found in live if found == day or (dataset.current_name and found < day)}
            load_day(again, world.deployment.lakes.of(customer), customer.name, day, held)
        for table in MART_TABLES:
            kept = table.c.customer == customer.name, table.c.day.not_in(given_up)
            query = sa.select(table).where(*kept).order_by(*table.primary_key)
            with database.begin() as connection, empty.begin() as other:
                found, expected = connection.execute(query).all(), other.execute(query).all()
            if found != expected:
                raise ViolationError(
                    f"{customer.name}: {table.name} has {len(found)} rows, and of what is curated come {len(expected)}"
                )
        empty.engine.dispose()
    return len(loaded)


def _days_given_up(database: Database, customer: Customer) -> set[dt.date]:
    """Returns the days of landings that were given up, and have none again."""
    landed = sa.select(landing.c.extraction_id)
    query = sa.select(release).where(release.c.customer == customer.name, release.c.extraction_id.not_in(landed))
    with database.begin() as connection:
        return {day for row in connection.execute(query) for day in Window(row.first_day, row.last_day).days}
