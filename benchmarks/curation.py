"""Measure the curated stage beside the least that DuckDB can do: a typed `read_ndjson` of the same columns to Parquet.

The input is that of `messages.py`. The bare reader trims and checks nothing, keeps no row that it cannot read, and
knows neither repeats nor quarantine. How to read the table: seconds of wall time and of processor time, the better of
two rounds; each way must write as many rows as there are, or the exit status is 1.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import duckdb
import sqlalchemy as sa
from measures import Measure, add_json_option, tell
from message_rows import COLUMNS, DAY, write_parts
from messages_by_pipeline import DATASET, ENTRY, land, seal

from o365_pipeline.curated import typed_table
from o365_pipeline.curated.curation import curate
from o365_pipeline.curated.typed_reader import reader_types
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.manifest import Landed, Manifest

ROUNDS = 2


def main() -> int:
    parser = argparse.ArgumentParser(description="The curated stage beside DuckDB's bare reader.")
    parser.add_argument("--messages", type=int, default=300_000, help="rows of Message_v1 (default: %(default)s)")
    add_json_option(parser)
    options = parser.parse_args()
    messages = options.messages
    with tempfile.TemporaryDirectory(prefix="o365-benchmark-") as folder:
        work = Path(folder)
        (work / "input").mkdir()
        parts = write_parts(work / "input", messages, 2_000)
        lake = Lake.in_folder(work / "lake")
        land(work / "input", work / "lake")
        database = mart_database(sa.URL.create("sqlite", database=str(work / "mart.db")))
        manifest = seal(lake, database)

        def curated() -> int:
            return curate(lake, DATASET, Landed(ENTRY, manifest), [DAY], COLUMNS).counts[DAY].curated

        def row_by_row() -> int:
            with mock.patch.object(typed_table, "reader_types", return_value=None):
                return curated()

        ways: dict[str, Callable[[], int]] = {
            "DuckDB's bare typed reader": lambda: _bare(parts, manifest, work / "bare.parquet"),
            "curated stage": curated,
            "curated stage, row by row": row_by_row,
        }
        print(f"{sum(part.stat().st_size for part in parts) / 1e6:,.0f} MB in {len(parts)} parts, {messages:,} rows\n")
        print(f"{'':28} {'wall s':>7} {'ratio':>6} {'CPU s':>7} {'ratio':>6}")
        measured = {name: _measure(way) for name, way in ways.items()}
        least_wall, least_cpu, _ = measured["DuckDB's bare typed reader"]
        for name, (wall, cpu, _rows) in measured.items():
            print(f"{name:28} {wall:7.1f} {wall / least_wall:5.1f}x {cpu:7.1f} {cpu / least_cpu:5.1f}x")
        least, ours = least_wall, measured["curated stage"][0]
        name = f"curated stage, {messages:,} messages"
        tell(options.json, [Measure(name, ours, "s", "DuckDB's bare typed reader", least, at_most=1.7)])
        return int({rows for _, _, rows in measured.values()} != {messages})


def _measure(way: Callable[[], int]) -> tuple[float, float, int]:
    """Returns the least wall time and processor time, and the rows written."""
    found = []
    for _ in range(ROUNDS):
        wall, cpu = time.perf_counter(), time.process_time()
        rows = way()
        found.append((time.perf_counter() - wall, time.process_time() - cpu, rows))
    return min(wall for wall, _, _ in found), min(cpu for _, cpu, _ in found), rows


def _bare(parts: list[Path], manifest: Manifest, target: Path) -> int:
    types = reader_types(DATASET, COLUMNS, [part.structure for part in manifest.parts]) or {}
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in types.items())
    files = ", ".join(f"'{part}'" for part in parts)
    with duckdb.connect() as connection:
        query = f"SELECT * FROM read_ndjson([{files}], columns = {{{columns}}})"
        [(rows,)] = connection.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)").fetchall()
    return int(rows)


if __name__ == "__main__":
    sys.exit(main())
