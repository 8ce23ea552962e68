"""Many customers' days from the lake to the mart by Celery workers: one worker and two, in turn.

What differs is configuration: Dagster's daemon ticks the landing sensor and hands the runs to Redis, as
deploy/celery/dagster.yaml says, `celery worker` processes execute them. PostgreSQL holds the runs and the mart each
time, and a worker has one thread, as where there are as many workers as cores. How to read it: a worker's first run is
left out, since it imports then what it needs from there on; each worker is given one customer more for that. Seconds
are from the end of the first runs to the end of the last, in all rounds; the processor's seconds are those of each
process since the first run began, for each customer's day. The exit status is 1 where a run failed, where rows of the
mart differ, or where several workers did not work at the same time. A test sees to it that the rows are those of one
process without Celery.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from measures import Measure, add_json_option, tell

from o365_pipeline_tests.deploy.celery_workers import Executed, Rows, by_workers
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
    found: dict[int, list[Executed]] = {count: [] for count in options.workers}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="o365-celery-")))
        server = stack.enter_context(postgres(programs))
        os.environ["O365_THREADS"] = "1"
        for number in range(options.rounds):
            for count in options.workers:
                many = ManyCustomers(
                    folder / f"{count}-workers-{number}",
                    customers=options.customers + count,
                    days=options.days,
                    people=options.people,
                    mails=6,
                    mart_url=server.create(f"mart-{count}-{number}"),
                )
                broker = stack.enter_context(redis_server(redis))
                found[count].append(by_workers(many, count, server, broker))
                _show(count, found[count][-1], many.customers * options.days)
    seconds = {count: sum(one.seconds_when_warm for one in rounds) for count, rounds in found.items()}
    days = options.customers * options.days * options.rounds
    tell(options.json, _measures(seconds, days))
    rows = [_rows(one, options.customers) for rounds in found.values() for one in rounds]
    same, together = all(one == rows[0] for one in rows), _worked_together(found)
    print(f"{days} customers' days: {'the same rows' if same else 'OTHER ROWS'}{'' if together else ', NOT TOGETHER'}")
    return 0 if same and together else 1


def _measures(seconds: Mapping[int, float], days: int) -> list[Measure]:
    """Several workers beside one; nothing where one was not measured."""
    return [
        Measure(f"{days} customers' days, {count} Celery workers", taken, "s", "one worker", seconds[1], at_least=1.85)
        for count, taken in seconds.items()
        if count > 1 and 1 in seconds
    ]


def _rows(found: Executed, customers: int) -> Rows:
    """The rows of the customers that each way loads."""
    names = {f"customer-{number:02}" for number in range(1, customers + 1)}
    return {table: [row for row in rows if row[0] in names] for table, rows in found.rows.items()}


def _worked_together(found: Mapping[int, Sequence[Executed]]) -> bool:
    return all(one.processes == count and one.at_once >= count for count, rounds in found.items() for one in rounds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Many customers' days to the mart by one Celery worker, and by two.")
    parser.add_argument("--customers", type=int, default=6, help="one run for each (default: %(default)s)")
    parser.add_argument("--days", type=int, default=2, help="days that a run loads (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=2, help="how often each way is measured (default: %(default)s)")
    parser.add_argument("--people", type=int, default=60, help="people of a customer (default: %(default)s)")
    parser.add_argument(
        "--workers", type=int, nargs="+", default=[1, 2], help="how many workers, one way after the other"
    )
    add_json_option(parser)
    return parser.parse_args()


def _show(count: int, found: Executed, days: int) -> None:
    print(
        f"{count} Celery worker{'s' * (count > 1):1} {found.seconds_when_warm:6.1f} s when warm, "
        f"{found.seconds:6.1f} s in all, {found.processes} process(es), {found.at_once} run(s) at once",
        flush=True,
    )
    busy = ", ".join(f"{name} {seconds / days:.2f} s" for name, seconds in found.busy.items())
    print(f"{'':16} busy for a customer's day: {busy}; {sum(found.busy.values()) / days:.2f} s in all", flush=True)


if __name__ == "__main__":
    sys.exit(main())
