"""Measure a customer's day of mail from raw files to SQL tables: this pipeline beside plain pandas.

Both get the same files of Message_v1 (`message_rows.py`), one after the other, each in a process of its own, on
this machine's disk and SQLite: `messages_by_pipeline.py` calls the production code of raw, curated and mart;
`messages_by_pandas.py` makes the two message tables as a notebook would. How to read the table: seconds are wall
time, imports included; a step's peak is the process's highest memory up to that step's end, so the last is the whole
run's. The ratio says how many times what the pipeline took pandas took. The exit status is 1 where the two ways'
tables differ, or the pipeline's own peak passes 1 GB.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

# Nothing large is imported here: Linux counts a parent's memory at the start of a child as the child's.
from measures import Measure, add_json_option, tell
from message_rows import write_parts
from steps import megabytes

PIPELINE, PANDAS = "pipeline", "pandas"
PEAK_LIMIT_MB = 1_000
COMPARED = {
    "fact_message": (
        "message_id, sent_at, received_at, date_key, sender_address, conversation_id, importance, has_attachments, "
        "is_draft, recipient_count, copies"
    ),
    "bridge_message_recipient": "message_id, kind, recipient_address",
}


@dataclass(frozen=True)
class Step:
    """A step's name, its seconds, and the process's peak memory at its end."""

    name: str
    seconds: float
    peak_mb: float


@dataclass(frozen=True)
class Measured:
    """One way's run."""

    way: str
    steps: tuple[Step, ...]
    seconds: float
    peak_mb: float
    rows: dict[str, int]


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="o365-benchmark-") as temporary:
        directory = temporary if options.keep is None else options.keep
        status, results = _benchmark(Path(directory).absolute(), options.messages, options.body_bytes)
    tell(options.json, _measures(results, options.messages))
    return status


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Messages from raw files to SQL tables: the pipeline beside pandas.")
    parser.add_argument("--messages", type=int, default=100_000, help="rows of Message_v1 (default: %(default)s)")
    parser.add_argument(
        "--body-bytes",
        type=int,
        default=2_000,
        help="about the size of each body, which is in the files but not requested (default: %(default)s)",
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="work in DIR, new or empty, and leave it there")
    add_json_option(parser)
    options = parser.parse_args()
    if options.messages < 1 or options.body_bytes < 0:
        parser.error("--messages must be 1 or more, --body-bytes 0 or more")
    if options.keep and options.keep.exists() and (not options.keep.is_dir() or any(options.keep.iterdir())):
        parser.error(f"--keep {options.keep}: there is something already; name a new or empty folder")
    return options


def _benchmark(directory: Path, messages: int, body_bytes: int) -> tuple[int, list[Measured]]:
    parts = directory / "input"
    parts.mkdir(parents=True)
    print(f"writing {messages:,} rows of Message_v1", flush=True)
    sizes = [path.stat().st_size for path in write_parts(parts, messages, body_bytes)]
    print(f"  {sum(sizes) / 1e6:,.0f} MB in {len(sizes)} parts", flush=True)
    results = [_measure(way, parts, directory / way) for way in (PIPELINE, PANDAS)]
    _print_table(results)
    return _verdict(results, directory), results


def _measures(results: list[Measured], messages: int) -> list[Measure]:
    pipeline, pandas = results
    what = f"raw to mart, {messages:,} messages"
    return [
        Measure(what, pipeline.seconds, "s", "pandas notebook", pandas.seconds, at_least=4),
        Measure(f"{what}, peak memory", pipeline.peak_mb, "MB", at_most=PEAK_LIMIT_MB),
    ]


def _measure(way: str, parts: Path, work: Path) -> Measured:
    """Run one way in a process of its own.

    Raises:
        SystemExit: it failed; its own words are on standard error.
    """
    print(f"{way}:", flush=True)
    (work / "tmp").mkdir(parents=True)
    script = Path(__file__).with_name(f"messages_by_{way}.py")
    steps = []
    begin = before = time.perf_counter()
    child = subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, str(script), str(parts), str(work)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(work / "tmp")},
    )
    with child:
        for line in child.stdout or ():
            peak, name = line.rstrip("\n").split(" ", 1)
            now = time.perf_counter()
            steps.append(Step(name, now - before, float(peak)))
            before = now
            print(f"  {name}: {steps[-1].seconds:.1f} s", flush=True)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - begin
    if child.returncode:
        raise SystemExit(f"{script.name} failed with status {child.returncode}")
    return Measured(way, tuple(steps), seconds, megabytes(usage), _rows(work / "mart.db"))


def _rows(database: Path) -> dict[str, int]:
    with closing(sqlite3.connect(database)) as connection:
        return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in COMPARED}


def _print_table(results: list[Measured]) -> None:
    print(f"\n{'':9} {'step':36} {'seconds':>8} {'peak MB':>8}  {'fact_message':>12}  {'bridge_message_recipient':>24}")
    for result in results:
        for step in result.steps:
            print(f"{result.way:9} {step.name:36} {step.seconds:8.1f} {step.peak_mb:8.0f}")
        fact, bridge = result.rows.values()
        print(f"{result.way:9} {'all':36} {result.seconds:8.1f} {result.peak_mb:8.0f}  {fact:12,}  {bridge:24,}")
    pipeline, pandas = results
    times, memory = pandas.seconds / pipeline.seconds, pandas.peak_mb / pipeline.peak_mb
    print(f"{'ratio':9} {'pandas / pipeline':36} {times:7.1f}x {memory:7.1f}x")


def _verdict(results: list[Measured], directory: Path) -> int:
    problems = [f"{table}: {n:,} rows differ" for table, n in _differences(directory).items() if n]
    [peak] = [result.peak_mb for result in results if result.way == PIPELINE]
    if peak > PEAK_LIMIT_MB:
        problems.append(f"the pipeline's peak of {peak:,.0f} MB passes {PEAK_LIMIT_MB:,} MB")
    for problem in problems:
        print(f"FAILED: {problem}", file=sys.stderr)
    if not problems:
        print(f"both ways made the same tables; the pipeline stayed below {PEAK_LIMIT_MB:,} MB")
    return 1 if problems else 0


def _differences(directory: Path) -> dict[str, int]:
    """How many rows of each table one way made and the other did not: by number, else by content."""
    with closing(sqlite3.connect(directory / PIPELINE / "mart.db")) as connection:
        connection.execute("ATTACH ? AS other", [str(directory / PANDAS / "mart.db")])
        return {table: _difference(connection, table, columns) for table, columns in COMPARED.items()}


def _difference(connection: sqlite3.Connection, table: str, columns: str) -> int:
    def count(query: str) -> int:
        return int(connection.execute(f"SELECT count(*) FROM ({query})").fetchone()[0])

    mine, theirs = (f"SELECT {columns} FROM {schema}.{table}" for schema in ("main", "other"))
    by_number = abs(count(mine) - count(theirs))
    return by_number or count(f"{mine} EXCEPT {theirs}") + count(f"{theirs} EXCEPT {mine}")


if __name__ == "__main__":
    sys.exit(main())
