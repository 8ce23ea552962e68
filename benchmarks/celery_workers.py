"""Many customers' days from the lake to the mart by Celery workers: one worker, two, and this process alone.

What differs is configuration: Dagster's daemon ticks the landing sensor and hands the runs to Redis, as
deploy/celery/dagster.yaml says, `celery worker` processes execute them. PostgreSQL holds the runs and the mart each
time, and a worker has one thread, as where there are as many workers as cores. How to read it: seconds are from the
start of the first run to the end of the last; the processor's seconds are those of each process since then. The exit
status is 1 where a run failed, where the mart's rows are not those of the runs in this process, or where several
workers did not work at the same time.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import dagster as dg
from measures import Measure, add_json_option, tell

from o365_pipeline_tests.deploy.celery_workers import Executed, alone, by_workers, prepare
from o365_pipeline_tests.deploy.many_customers import ManyCustomers
from o365_pipeline_tests.deploy.services import postgres, postgres_programs, redis_server


def main() -> int:
    options = _options()
    warnings.simplefilter("ignore")
    programs, redis = postgres_programs(), shutil.which("redis-server")
    if programs is None or redis is None:
        print("left out: Debian's packages postgresql and redis-server are needed")
        return 0
    print(f"{os.cpu_count()} cores, of which {os.getloadavg()[0]:.1f} were busy in the last minute", flush=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="o365-celery-")))
        server = stack.enter_context(postgres(programs))
        os.environ["O365_THREADS"] = "1"
        many = ManyCustomers(
            folder / "alone",
            customers=options.customers,
            days=options.days,
            people=options.people,
            mails=6,
            mart_url=server.create("mart-alone"),
        )
        prepare(many, server, "redis://nobody")
        with dg.DagsterInstance.get() as instance:
            by_this = alone(many, instance)
        _show("this process alone", by_this, by_this)
        problems, seconds = 0, {}
        for count in options.workers:
            broker = stack.enter_context(redis_server(redis))
            by_count = replace(many, home=folder / f"workers-{count}", mart_url=server.create(f"mart-{count}"))
            found = by_workers(by_count, count, server, broker)
            _show(f"{count} Celery worker{'s' * (count > 1)}", found, by_this)
            seconds[count] = found.seconds
            problems += found.rows != by_this.rows or found.at_once < min(2, count)
    tell(options.json, _measures(seconds, options.customers * options.days))
    return 1 if problems else 0


def _measures(seconds: Mapping[int, float], days: int) -> list[Measure]:
    """Several workers beside one; nothing where one was not measured."""
    return [
        Measure(f"{days} customers' days, {count} Celery workers", taken, "s", "one worker", seconds[1], at_least=1.85)
        for count, taken in seconds.items()
        if count > 1 and 1 in seconds
    ]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Many customers' days to the mart by one Celery worker, and by two.")
    parser.add_argument("--customers", type=int, default=8, help="one run for each (default: %(default)s)")
    parser.add_argument("--days", type=int, default=3, help="days that a run loads (default: %(default)s)")
    parser.add_argument("--people", type=int, default=60, help="people of a customer (default: %(default)s)")
    parser.add_argument(
        "--workers", type=int, nargs="+", default=[1, 2], help="how many workers, one way after the other"
    )
    add_json_option(parser)
    return parser.parse_args()


def _show(way: str, found: Executed, by_this: Executed) -> None:
    rows = sum(len(table) for table in found.rows.values())
    same = "the same rows" if found.rows == by_this.rows else "OTHER ROWS"
    print(
        f"{way:20} {found.seconds:6.1f} s, {by_this.seconds / found.seconds:4.2f} x, {found.processes} process(es), "
        f"{found.at_once} run(s) at once, {rows} rows: {same}",
        flush=True,
    )
    print(f"{'':20} busy: " + ", ".join(f"{name} {busy:.1f} s" for name, busy in found.busy.items()), flush=True)


if __name__ == "__main__":
    sys.exit(main())
