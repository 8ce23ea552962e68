"""What a user of the sandbox waits for: the commands as typed, each in a process of its own, in a new home.

Measured are `--help`, the load of the code location, the demonstration of a day and of a week, one further day by
`extract`, the time from the approver's yes to the filled mart, and what a customer's day and week leave in Dagster's
storage: events and bytes. Factories deliver at once (O365_SANDBOX_SECONDS=0), so that no measure holds a pause that is
the sandbox's. How to read it: seconds are wall time with starting and imports; "landing to mart" is the landing job's
run alone, as Dagster noted its start and its end.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from measures import Measure, Point, add_json_option, tell

from o365_pipeline.extraction.landing_runs import LANDING_JOB
from o365_pipeline.purge.history_job import HISTORY_DAYS
from o365_pipeline.sandbox.customer import settled_monday

PEOPLE, ROUNDS = 60, 3
FIRST_DAY = settled_monday(dt.datetime.now(dt.UTC).date())
APPROVED = "approved by"
"""What the demonstration prints when the approver has agreed."""

LOAD = "from o365_pipeline.definitions import defs; defs().resolve_all_job_defs()"
ONE_MB, DAYS_OF_A_YEAR = 1_000_000, 365


@dataclass(frozen=True)
class Home:
    """A sandbox in a new folder."""

    folder: Path
    people: int = PEOPLE

    @property
    def environment(self) -> Mapping[str, str]:
        settings = {
            "O365_HOME": str(self.folder),
            "O365_SANDBOX_USERS": str(self.people),
            "O365_SANDBOX_SECONDS": "0",
            "PYTHONUNBUFFERED": "1",
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("O365_", "DAGSTER_"))}
        return kept | settings

    def command(self, *arguments: str, after: str | None = None) -> float:
        """Runs o365-pipeline as a user would; returns the seconds, counted from a line that begins with `after`.

        Raises:
            SystemExit: it failed.
        """
        return self.run([sys.executable, "-m", "o365_pipeline", *arguments], after)

    def run(self, command: Sequence[str], after: str | None = None) -> float:
        began = time.perf_counter()
        with subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
            for line in process.stdout or ():
                if after and line.startswith(after):
                    began = time.perf_counter()
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} failed with status {process.returncode}")
        return time.perf_counter() - began

    @contextmanager
    def dagster(self) -> Iterator[dg.DagsterInstance]:
        with dg.DagsterInstance.from_config(str(self.folder / "dagster")) as instance:
            yield instance

    def landing_seconds(self) -> float:
        """How long the landing job's runs worked."""
        with self.dagster() as instance:
            records = instance.get_run_records(dg.RunsFilter(job_name=LANDING_JOB))
        return sum((record.end_time or 0) - (record.start_time or 0) for record in records)

    def events(self) -> int:
        """How many events all runs left in Dagster's storage."""
        with self.dagster() as instance:
            return sum(len(instance.all_logs(run.run_id)) for run in instance.get_runs())

    def history_bytes(self) -> int:
        """What Dagster's storage takes on disk."""
        return sum(path.stat().st_size for path in (self.folder / "dagster").rglob("*") if path.is_file())


def main() -> int:
    parser = argparse.ArgumentParser(description="What a user of the sandbox waits for.")
    parser.add_argument(
        "--people", type=int, nargs="*", default=[240, 960], help="also a day of organizations of so many people"
    )
    add_json_option(parser)
    options = parser.parse_args()
    measures: list[Measure] = []
    points: list[Point] = []
    with tempfile.TemporaryDirectory(prefix="o365-demo-") as name:
        folder = Path(name)
        for measured in (_start(Home(folder / "start")), _week(Home(folder / "week")), _day(Home(folder / "day"))):
            for each in measured:
                _show(each)
                measures.append(each)
        points += [Point("days", "landing to mart, one run", days, _landing(measures, days), "s") for days in (1, 7)]
        points.append(Point("people", "landing to mart, one day", PEOPLE, _landing(measures, 1), "s"))
        for people in options.people:
            home = Home(folder / str(people), people)
            home.command("demo", "--days", "1")
            points.append(Point("people", "landing to mart, one day", people, home.landing_seconds(), "s"))
            print(f"{f'landing to mart, a day of {people} people':44} {points[-1].cost:12,.1f} s", flush=True)
    tell(options.json, measures, points)
    return 0


def _start(home: Home) -> Iterator[Measure]:
    yield Measure("o365-pipeline --help", min(home.command("--help") for _ in range(ROUNDS)), "s", at_most=1)
    load = min(home.run([sys.executable, "-c", LOAD]) for _ in range(ROUNDS))
    yield Measure("load of the code location", load, "s", at_most=2)


def _week(home: Home) -> Iterator[Measure]:
    approved = home.command("demo", "--days", "7", after=APPROVED)
    yield Measure("approval to mart, a week", approved, "s", at_most=20)
    yield Measure(_name(7), home.landing_seconds(), "s", at_most=15)
    yield Measure("events of a customer's week", home.events(), "events", at_most=600)


def _day(home: Home) -> Iterator[Measure]:
    yield Measure("demo of a day, in all", home.command("demo", "--days", "1"), "s")
    yield Measure(_name(1), home.landing_seconds(), "s", at_most=6)
    events, size = home.events(), home.history_bytes()
    yield Measure("events of a customer's day", events, "events", at_most=250)
    day = str(FIRST_DAY + dt.timedelta(days=1))
    yield Measure("extract of one day, in all", home.command("extract", "--from", day), "s", at_most=12)
    grown = (home.history_bytes() - size) / ONE_MB
    yield Measure("Dagster's storage, a customer's day", grown, "MB")
    yield Measure("Dagster's storage, a customer's year, not pruned", grown * DAYS_OF_A_YEAR, "MB")
    yield Measure(f"Dagster's storage, a customer, pruned after {HISTORY_DAYS} days", grown * HISTORY_DAYS, "MB")


def _name(days: int) -> str:
    return f"landing to mart, {'a week' if days > 1 else 'a day'} of {PEOPLE} people"


def _landing(measures: Sequence[Measure], days: int) -> float:
    return next(each.ours for each in measures if each.name == _name(days))


def _show(measure: Measure) -> None:
    reached = {True: "reached", False: "NOT REACHED", None: ""}[measure.is_reached]
    wanted = f"at most {measure.at_most:,g}" if measure.at_most else ""
    print(f"{measure.name:56} {measure.ours:10,.1f} {measure.unit:8} {wanted:16} {reached}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
