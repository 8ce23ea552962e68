"""What must hold after every step, and what once nothing is left to do.

What belongs here: the checks, from the sandbox's own record of decisions and runs, the ledger, the lake and the mart.
A check raises `ViolationError` with one line.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import sqlalchemy as sa

from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.deletion_ledger import purge
from o365_pipeline.database.ledger import approval_event, extraction, landing, naive_utc, release
from o365_pipeline.extraction.extraction_ledger import PURGED
from o365_pipeline.extraction.windows import Window, window_of_folder
from o365_pipeline.sandbox.tenant.organization import organization
from o365_pipeline_tests.soak.violation import ViolationError
from o365_pipeline_tests.soak.world import PEOPLE, Decided, World

UNSEEN_FOR = dt.timedelta(hours=1, minutes=5)
"""How long a decision may be unseen whose blob of the feed cannot be read: `unread_feed_hours`, and a step."""

ONE_SECOND = dt.timedelta(seconds=1)


@dataclass(frozen=True)
class MadeRun:
    """A factory run, as the sandbox has recorded it."""

    number: int
    run_id: str
    window_key: str
    customer: str
    dataset: str
    window: Window
    status: str
    created_at: dt.datetime

    def __str__(self) -> str:
        return f"{self.customer} {self.dataset} {self.window}, run {self.run_id[:8]} of {self.created_at:%H:%M:%S}"


@dataclass
class Watch:
    """What was true before the step, so that what came of it can be judged."""

    world: World
    last_run: int = 0
    allowed: dict[str, bool] = field(default_factory=dict)

    def before(self) -> None:
        """Notes who allows extractions now."""
        now = self.world.now
        self.allowed = {name: decided.in_force(now) for name, decided in self.world.decided.items()}

    def after(self) -> None:
        """Checks what must hold after every step."""
        runs = list(made_runs(self.world))
        self._runs_are_approved(runs)
        paid_once(self.world, runs)
        nothing_is_left_of_purged(self.world)

    def _runs_are_approved(self, runs: list[MadeRun]) -> None:
        now = self.world.now
        for run in runs:
            decided = self.world.decided[run.customer]
            if run.number <= self.last_run or self.allowed[run.customer] or decided.in_force(now):
                continue
            if not _may_be_unread(self.world, run.customer, decided, run.created_at):
                raise ViolationError(f"a factory run was submitted outside an approval in force: {run}")
        self.last_run = max((run.number for run in runs), default=0)


def _may_be_unread(world: World, customer: str, decided: Decided, at: dt.datetime) -> bool:
    """Tells whether the feed's faults excuse that a decision was not known at a moment."""
    if world.feed_failed_at is None or at - max(decided.at, world.feed_failed_at) > UNSEEN_FOR:
        return False
    recorded = approval_event.c.customer == customer, approval_event.c.updated_at >= naive_utc(decided.at - ONE_SECOND)
    with world.deployment.database.begin() as connection:
        return connection.execute(sa.select(approval_event.c.event_id).where(*recorded)).first() is None


def made_runs(world: World) -> Iterator[MadeRun]:
    """Returns every run that a factory was asked for, in the order of their creation."""
    with closing(sqlite3.connect(world.home / "sandbox" / "sandbox.db")) as connection:
        rows = connection.execute("SELECT number, run_id, parameters, status, created_at FROM run ORDER BY number")
        for number, run_id, parameters, status, created_at in rows.fetchall():
            given = json.loads(parameters)
            window = window_of_folder(given["folder"])
            assert window is not None
            _, customer, dataset, _ = given["folder"].split("/")
            moment = dt.datetime.fromisoformat(created_at)
            yield MadeRun(number, run_id, given["windowKey"], customer, dataset, window, status, moment)


def paid_once(world: World, runs: list[MadeRun]) -> None:
    """Checks that no day of a dataset is paid twice, unless what was paid first was purged or given up."""
    given_up = _given_up(world, runs)
    held: dict[tuple[str, str], list[MadeRun]] = {}
    for run in runs:
        if run.status == "Succeeded" and run.run_id not in given_up:
            held.setdefault((run.customer, run.dataset), []).append(run)
    for of_dataset in held.values():
        for first, second in pairwise(sorted(of_dataset, key=lambda run: run.window)):
            if second.window.first_day <= first.window.last_day:
                raise ViolationError(f"days are paid twice: {first}; {second}")


def _given_up(world: World, runs: list[MadeRun]) -> set[str]:
    """Returns the runs whose data was purged, or given up to be extracted anew."""
    with world.deployment.database.begin() as connection:
        found = set(connection.scalars(sa.select(release.c.factory_run_id)))
        found |= set(connection.scalars(sa.select(extraction.c.factory_run_id).where(extraction.c.status == PURGED)))
        purges = connection.execute(sa.select(purge.c.what, purge.c.started_at)).all()
    purged: dict[str, dt.datetime] = {}
    for row in purges:
        for entry in json.loads(row.what)["deletions"]:
            if not entry["columns"]:
                started = row.started_at.replace(tzinfo=dt.UTC)
                purged[entry["extraction_id"]] = max(started, purged.get(entry["extraction_id"], started))
    return found | {run.run_id for run in runs if run.window_key in purged and run.created_at < purged[run.window_key]}


def nothing_is_left_of_purged(world: World) -> None:
    """Checks that nothing of a customer of whom all was purged lies anywhere below the home."""
    for customer in world.customers.values():
        if _is_purged(world, customer):
            lake = world.home / "lake"
            if left := next((path for path in lake.rglob("*") if path.is_file() and customer.name in path.parts), None):
                raise ViolationError(f"{customer.name} is purged, and {left.relative_to(world.home)} is there")
            if found := trace_of_people(world.home, customer):
                raise ViolationError(f"{customer.name} is purged, and {found}")


def _is_purged(world: World, customer: Customer) -> bool:
    with world.deployment.database.begin() as connection:
        of_customer = extraction.c.customer == customer.name
        statuses = set(connection.scalars(sa.select(extraction.c.status).where(of_customer)))
        ends = connection.execute(sa.select(purge.c.purged_at).where(purge.c.customer == customer.name)).all()
        landings = connection.scalar(
            sa.select(sa.func.count())
            .select_from(landing.join(extraction, landing.c.extraction_id == extraction.c.extraction_id))
            .where(of_customer)
        )
    return statuses == {PURGED} and bool(ends) and all(row.purged_at for row in ends) and not landings


def trace_of_people(home: Path, customer: Customer) -> str | None:
    """Returns which file holds a person of the customer; the sandbox's own folder is Microsoft's, not ours.

    Another process reads the files: whoever closes a database's file himself gives up the locks that SQLite has in his
    process.
    """
    people = organization(customer.tenant_id, PEOPLE, 7).people
    wanted = [text for person in people for text in (person.id, person.mail)]
    search = ["grep", "--recursive", "--files-with-matches", "--fixed-strings", "--exclude-dir=sandbox", "--file=-"]
    found = subprocess.run(
        [*search, str(home)], input="\n".join(wanted), capture_output=True, text=True, check=False
    ).stdout
    files = sorted(found.splitlines())
    return f"{Path(files[0]).relative_to(home)} holds a person" if files else None
