"""Measure what a customer's day in the mart costs after a year: its load and its purge, beside those of the second day.

A day of mail is curated once. One mart holds that day and the day before it, another one that day and the 364 before
it: the rows of one day, written again in SQL under other dates, with the ledger's rows of all datasets. In both, the
newest day is deleted as a purge does, and loaded and checked as the asset does, in turns. How to read the table:
seconds of wall time, the middle of the rounds; the ratio says how many times as long it takes after a year. What grows
with the days has lines of its own: before a purge deletes a day, it reads in the ledger what is alive; and SQLite's
file is written anew afterwards, so that it holds nothing that was deleted. The exit status is 1 where a load or a purge
leaves other rows than it must.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import sqlalchemy as sa
from measures import Measure, Point, add_json_option, tell
from message_rows import COLUMNS, CUSTOMER, DAY, write_parts
from messages_by_pipeline import DATASET, ENTRY, land, seal

from o365_pipeline.curated.curation import curate
from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import extraction, landing
from o365_pipeline.datasets import catalogue
from o365_pipeline.deployment import load
from o365_pipeline.extraction.extraction_ledger import PURGED
from o365_pipeline.mart.assets import mart_key
from o365_pipeline.mart.checks import mart_check_results
from o365_pipeline.mart.loading import delete_partition, load_day, mark_loaded, stale_days
from o365_pipeline.mart.marts import Marts
from o365_pipeline.mart.tables import MART_TABLES
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline.purge.deletion import rebuild_mart
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.manifest import Landed
from o365_pipeline_tests.deploy.services import postgres, postgres_programs

DAYS = {"day 2": 2, "day 365": 365}
MESSAGES = 2_000
ROUNDS = 5
AT_MOST = 1.5
"""How many times as much as the second day the last day of a year may cost."""
LOAD, PURGE, LEDGER, COMPACT = "load", "purge", "  ledger", "  file written anew"


def main() -> int:
    options = _options()
    is_right = True
    measures: list[Measure] = []
    points: list[Point] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="o365-benchmark-")))
        [customer] = load(home=folder / "home").customers
        lake = _curated(folder, options.messages)
        print(f"{'':12} {'':18} {'day 2':>8} {'day 365':>8} {'ratio':>6}", flush=True)
        for server, urls in _servers(stack, folder):
            marts = {name: Marts(mart_database(url)) for name, url in urls.items()}
            rows = {name: _fill(one, lake, days=DAYS[name]) for name, one in marts.items()}
            seconds, found = _measured(marts, lake, customer, options.rounds)
            is_right &= all(
                found[name] == {LOAD: count, PURGE: count - count // DAYS[name]} for name, count in rows.items()
            )
            for step in (LOAD, PURGE, LEDGER, COMPACT) if server == "SQLite" else (LOAD, PURGE, LEDGER):
                young, old = (median(seconds[name, step]) for name in DAYS)
                print(f"{server:12} {step:18} {young:8.2f} {old:8.2f} {old / young:5.1f}x", flush=True)
                if step in (LOAD, PURGE):
                    told = f"{step} of day 365, {server}"
                    measures.append(Measure(told, old, "s", "of day 2", young, at_most=AT_MOST))
                    costs = zip(DAYS.values(), (young, old), strict=True)
                    points += [
                        Point("days", f"{step} of the last day, {server}", day, cost, "s") for day, cost in costs
                    ]
            print(f"{server:12} {'rows':18} {rows['day 2']:8,} {rows['day 365']:8,}", flush=True)
    tell(options.json, measures, points)
    if not is_right:
        print("FAILED: other rows are left than there must be", file=sys.stderr)
    return 0 if is_right else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A customer's day in the mart after a year.")
    parser.add_argument("--messages", type=int, default=MESSAGES, help=f"copies of mails a day (default: {MESSAGES:,})")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often each is done (default: {ROUNDS})")
    add_json_option(parser)
    return parser.parse_args()


def _curated(folder: Path, messages: int) -> Lake:
    """The day's mail in a lake."""
    (folder / "input").mkdir()
    write_parts(folder / "input", messages, body_bytes=100)
    lake = Lake.in_folder(folder / "lake")
    land(folder / "input", folder / "lake")
    manifest = seal(lake, mart_database(sa.URL.create("sqlite", database=str(folder / "curated.db"))))
    curate(lake, DATASET, Landed(ENTRY, manifest), [DAY], COLUMNS)
    return lake


def _servers(stack: ExitStack, folder: Path) -> Iterator[tuple[str, dict[str, sa.URL]]]:
    yield "SQLite", {name: sa.URL.create("sqlite", database=str(folder / f"{days}.db")) for name, days in DAYS.items()}
    if programs := postgres_programs():
        server = stack.enter_context(postgres(programs))
        yield "PostgreSQL", {name: sa.make_url(server.create(f"mart_{days}")) for name, days in DAYS.items()}
    else:
        print(f"{'PostgreSQL':12} left out: Debian's package postgresql is not installed")


def _fill(marts: Marts, lake: Lake, days: int) -> int:
    """Let a mart hold so many days, the last of which is DAY; returns how many rows it has."""
    earlier = [DAY - dt.timedelta(days=back) for back in range(1, days)]
    with marts.default.begin() as connection:
        for place, dataset in enumerate(catalogue().newest):
            ids = {day: f"{place} {day}" for day in (DAY, *earlier)}
            if dataset == DATASET:
                ids[DAY] = ENTRY.extraction_id
            connection.execute(extraction.insert(), [_extraction(dataset.name, day, name) for day, name in ids.items()])
            connection.execute(landing.insert(), [_landing(dataset.name, name) for name in ids.values()])
    load_day(marts, lake, CUSTOMER, DAY, [DATASET])
    with marts.default.begin() as connection:
        for table in MART_TABLES:
            for day in earlier:
                values = [sa.literal(day).label("day") if c.name == "day" else c for c in table.columns]
                of_day = sa.select(*values).where(table.c.customer == CUSTOMER, table.c.day == DAY)
                connection.execute(sa.insert(table).from_select(table.columns.keys(), of_day))
    if marts.default.engine.dialect.name == "postgresql":
        with marts.default.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    return _rows(marts.default)


def _extraction(dataset: str, day: dt.date, name: str) -> dict[str, object]:
    of_entry = {
        column.name: getattr(ENTRY, column.name) for column in extraction.columns if hasattr(ENTRY, column.name)
    }
    return of_entry | {
        "extraction_id": name,
        "dataset": dataset,
        "columns": "[]",
        "first_day": day,
        "last_day": day,
        "factory_run_id": name,
    }


def _landing(dataset: str, name: str) -> dict[str, object]:
    counted = {
        "customer": CUSTOMER,
        "dataset": dataset,
        "manifest": "manifest.json",
        "rows_landed": 1,
        "bytes_landed": 1,
    }
    return counted | {"extraction_id": name, "factory_run_id": name, "sealed_at": dt.datetime.combine(DAY, dt.time(12))}


def _rows(database: Database) -> int:
    with database.begin() as connection:
        counts = [connection.scalar(sa.select(sa.func.count()).select_from(table)) for table in MART_TABLES]
    return sum(count or 0 for count in counts)


def _measured(
    marts: dict[str, Marts], lake: Lake, customer: Customer, rounds: int
) -> tuple[dict[tuple[str, str], list[float]], dict[str, dict[str, int]]]:
    """Seconds of each mart's steps, and how many rows each step left there the last time."""
    seconds: dict[tuple[str, str], list[float]] = {}
    rows: dict[str, dict[str, int]] = {name: {} for name in marts}
    for turn in range(rounds):
        for step, work in {PURGE: _purge, LEDGER: _read_ledger, COMPACT: _compact, LOAD: _load}.items():
            for name, one in marts.items():
                _set_status(one.default, ENTRY.status if step == LOAD else PURGED)
                seconds.setdefault((name, step), []).append(_timed(lambda: work(one, lake, customer)))  # noqa: B023
                if turn == rounds - 1 and step in (LOAD, PURGE):
                    rows[name][step] = _rows(one.default)
    return seconds, rows


def _set_status(database: Database, status: str) -> None:
    """What is purged is no longer the ledger's."""
    database.execute(extraction.update().where(extraction.c.first_day == DAY).values(status=status))


def _load(marts: Marts, lake: Lake, _customer: Customer) -> None:
    """Load and check the day as the mart's asset does."""
    loaded = load_day(marts, lake, CUSTOMER, DAY, [DATASET])
    assert stale_days(marts.default, lake, CUSTOMER, [DAY]) == []
    mark_loaded(marts.default, CUSTOMER, {DAY: loaded.extractions})
    with marts.default.begin() as connection:
        for table in loaded.rows:
            list(mart_check_results(connection, mart_key(table), table, CUSTOMER, [DAY]))


def _purge(marts: Marts, _lake: Lake, _customer: Customer) -> None:
    with marts.default.begin() as connection:
        for table in MART_TABLES:
            delete_partition(connection, table, CUSTOMER, DAY)


def _read_ledger(marts: Marts, lake: Lake, customer: Customer) -> None:
    """The rest of a purge's work on the mart, when the day is gone."""
    rebuild_mart(marts, lake, customer, {DAY})


def _compact(marts: Marts, _lake: Lake, _customer: Customer) -> None:
    marts.default.compact()


def _timed(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
