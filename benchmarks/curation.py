"""Measure the curated stage beside the least that DuckDB can do, and beside what else reads JSON Lines.

The input is that of `messages.py`, and some rows without a key. The least is a typed `read_ndjson` of the same columns
to Parquet: it trims and checks nothing, keeps no row that it cannot read, and knows neither repeats nor quarantine.
pandas, polars and Spark (`curation_by_others.py`) make the same two tables, messages and rejected rows. How to read the
table: seconds of wall time and of processor time, the better of two rounds, imports left out, with the ratio to the
bare reader; last how many times what the curated stage takes each way takes. Each way must make the same rows, or the
exit status is 1.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import duckdb
import sqlalchemy as sa
from curation_by_others import KEY, LISTS, MESSAGES, NOT_INSTALLED, REJECTED, SINGLE, TIMES, TRUTHS, WAYS
from measures import Measure, add_json_option, tell
from message_rows import COLUMNS, CUSTOMER, DAY, write_parts
from messages_by_pipeline import DATASET, ENTRY, land, seal

from o365_pipeline.curated import typed_table
from o365_pipeline.curated.curation import curate
from o365_pipeline.curated.day_files import CURATED, QUARANTINE, day_folder
from o365_pipeline.curated.typed_reader import reader_types
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.manifest import Landed, Manifest

ROUNDS = 2
WITHOUT_KEY = 40
BARE, STAGE = "DuckDB's bare typed reader", "curated stage"


@dataclass(frozen=True)
class Measured:
    """A way's least wall and processor seconds; and what it made: rows, their sum, rejected rows."""

    wall: float
    cpu: float
    made: tuple[int, int, int] | None = None


def main() -> int:
    parser = argparse.ArgumentParser(description="The curated stage beside DuckDB's bare reader and other engines.")
    parser.add_argument("--messages", type=int, default=300_000, help="rows of Message_v1 (default: %(default)s)")
    add_json_option(parser)
    options = parser.parse_args()
    messages = options.messages
    with tempfile.TemporaryDirectory(prefix="o365-benchmark-") as folder:
        measured = _measured(Path(folder), messages)
    _print_table(measured)
    tell(options.json, _measures(measured, f"curated stage, {messages:,} messages"))
    made = {result.made for result in measured.values() if result and result.made}
    return int(len(made) != 1 or {(rows, rejected) for rows, _, rejected in made} != {(messages, WITHOUT_KEY)})


def _measured(work: Path, messages: int) -> dict[str, Measured | None]:
    """Each way's result; None where it is not installed."""
    (work / "input").mkdir()
    parts = write_parts(work / "input", messages, 2_000)
    with parts[0].open("a", encoding="utf-8") as part:
        part.writelines(json.dumps({"puser": f"u{number}", "id": None}) + "\n" for number in range(WITHOUT_KEY))
    print(f"{sum(part.stat().st_size for part in parts) / 1e6:,.0f} MB in {len(parts)} parts, {messages:,} rows\n")
    lake = Lake.in_folder(work / "lake")
    land(work / "input", work / "lake")
    manifest = seal(lake, mart_database(sa.URL.create("sqlite", database=str(work / "mart.db"))))

    def curated() -> None:
        curate(lake, DATASET, Landed(ENTRY, manifest), [DAY], COLUMNS)

    def row_by_row() -> None:
        with mock.patch.object(typed_table, "reader_types", return_value=None):
            curated()

    ways: dict[str, Callable[[], None]] = {
        BARE: lambda: _bare(parts, manifest, work / "bare.parquet"),
        STAGE: curated,
        "curated stage, row by row": row_by_row,
    }
    files = [work / "lake" / day_folder(stage, DATASET.asset_name, CUSTOMER, DAY) for stage in (CURATED, QUARANTINE)]
    names = {name: DATASET.column(name).curated_name for name in COLUMNS}
    rounds: dict[str, list[Measured]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            way()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            rounds[name].append(Measured(wall, cpu, _made(files, names) if name != BARE else None))
    return {name: _least(found) for name, found in rounds.items()} | {
        name: _by_others(name, work / "input", work / name) for name in WAYS
    }


def _by_others(way: str, folder: Path, target: Path) -> Measured | None:
    script = Path(__file__).with_name("curation_by_others.py")
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(script), way, str(folder), str(target), str(ROUNDS)], capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{way} failed\n{done.stderr}")
    said = done.stdout.splitlines()
    if said == [NOT_INSTALLED]:
        return None
    made = _made([target / name for name in (MESSAGES, REJECTED)], {name: name for name in COLUMNS})
    return _least([Measured(wall, cpu, made) for wall, cpu in map(json.loads, said)])


def _least(rounds: list[Measured]) -> Measured:
    [made] = {result.made for result in rounds}
    return Measured(min(result.wall for result in rounds), min(result.cpu for result in rounds), made)


def _bare(parts: list[Path], manifest: Manifest, target: Path) -> None:
    types = reader_types(DATASET, COLUMNS, [part.structure for part in manifest.parts]) or {}
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in types.items())
    files = ", ".join(f"'{part}'" for part in parts)
    with duckdb.connect() as connection:
        query = f"SELECT * FROM read_ndjson([{files}], columns = {{{columns}}})"
        connection.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")


def _made(files: Sequence[Path], names: dict[str, str]) -> tuple[int, int, int]:
    """Counts the rows of a way's two files, where the columns have these names, and sums the messages up."""
    messages, rejected = (f"read_parquet('{file / '*.parquet' if file.is_dir() else file}')" for file in files)

    def shown(name: str) -> str:
        kinds = dict.fromkeys(TIMES, "TIMESTAMP") | dict.fromkeys((*SINGLE, *LISTS), "JSON")
        value = f'"{names.get(name, name)}"'
        kind = kinds.get(name, "VARCHAR")
        return f"to_json({value})::VARCHAR" if kind == "JSON" else f"{value}::{kind}"

    columns = ", ".join(map(shown, (*KEY, *SINGLE, *LISTS, *TIMES, *TRUTHS, "importance", "conversationId")))
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        [(rows, total)] = connection.execute(
            f"SELECT count(*), sum(hash({columns}))::HUGEINT FROM {messages}"
        ).fetchall()
        [(apart,)] = connection.execute(f"SELECT count(*) FROM {rejected}").fetchall()
    return rows, total, apart


def _measures(measured: Mapping[str, Measured | None], name: str) -> list[Measure]:
    bare, stage = measured[BARE], measured[STAGE]
    assert bare
    assert stage
    others = {way: (measured[way], at_least) for way, at_least in (("pandas", 7), ("polars", 2), ("Spark", 4))}
    return [
        Measure(name, stage.wall, "s", BARE, bare.wall, at_most=1.7),
        *(
            Measure(name, stage.wall, "s", way, other.wall, at_least=at_least)
            for way, (other, at_least) in others.items()
            if other
        ),
    ]


def _print_table(measured: dict[str, Measured | None]) -> None:
    bare, stage = measured[BARE], measured[STAGE]
    print(f"{'':28} {'wall s':>7} {'ratio':>6} {'CPU s':>7} {'ratio':>6} {'/ stage':>8}")
    for name, result in measured.items():
        if result is None or bare is None or stage is None:
            print(f"{name:28} {NOT_INSTALLED}")
            continue
        wall, cpu = result.wall / bare.wall, result.cpu / bare.cpu
        print(
            f"{name:28} {result.wall:7.1f} {wall:5.1f}x {result.cpu:7.1f} {cpu:5.1f}x {result.wall / stage.wall:7.1f}x"
        )


if __name__ == "__main__":
    sys.exit(main())
