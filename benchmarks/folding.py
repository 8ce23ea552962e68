"""What a day of SharePoint's current state costs as the days go by: 1,000,000 permissions, 10,000 changes a day.

A full snapshot on day 1, then changes alone: half of them new permissions, the others changed or deleted ones, so that
the state keeps its size. The curated files are made by DuckDB; each day is folded by the production code, and an early
and a late day once more in turns, since a machine is not equally fast all the time. How to read the table: seconds of
wall time and of processor time, the least of the rounds; the last line is to be at most 1.3 of the first. The exit
status is 1 where the last state differs from the one that folding everything gives.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
import time
from pathlib import Path

import sqlalchemy as sa
from measures import Measure, Point, add_json_option, tell
from steps import peak

from o365_pipeline.curated.current.current_state import build_current_state, current_folder
from o365_pipeline.curated.day_files import CURATED, day_folder, parts_of, write_day
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import extraction, landing
from o365_pipeline.datasets import catalogue
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline.raw.duckdb_session import duckdb_session
from o365_pipeline.raw.lake import Lake

DATASET = catalogue()["SharePointPermissions_v1"]
COLUMNS = tuple(column.name for column in DATASET.columns)
CUSTOMER = "contoso"
FIRST = dt.date(2026, 1, 1)
ROUNDS = 2
MOST = 1.3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--permissions", type=int, default=1_000_000, help="rows of the state (default: %(default)s)")
    parser.add_argument("--changes", type=int, default=10_000, help="of each day (default: %(default)s)")
    parser.add_argument("--days", type=int, default=30, help="that are folded (default: %(default)s)")
    add_json_option(parser)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="o365-benchmark-") as folder:
        return _measure(Path(folder), options.permissions, options.changes, options.days, options.json)


def _measure(work: Path, permissions: int, changes: int, days: int, told: Path | None) -> int:
    lake = Lake.in_folder(work / "lake")
    database = mart_database(sa.URL.create("sqlite", database=str(work / "mart.db")))
    for number in range(1, days + 1):
        _tell(lake, database, number, permissions, changes)
    print(f"{permissions:,} permissions, {changes:,} changes a day, {days} days", flush=True)
    folded = {number: _fold(lake, database, number) for number in range(1, days + 1)}
    early, middle, late = 2, max(2, days // 3), days
    measured: dict[int, list[tuple[float, float]]] = {number: [] for number in (early, middle, late)}
    for _ in range(ROUNDS):
        for number, found in measured.items():
            wall, cpu = time.perf_counter(), time.process_time()
            _fold(lake, database, number)
            found.append((time.perf_counter() - wall, time.process_time() - cpu))
    least = {number: tuple(map(min, zip(*found, strict=True))) for number, found in measured.items()}
    print(f"\n{'':10} {'wall s':>7} {'CPU s':>7} {'ratio':>6} {'rows':>12}")
    for number, (wall, cpu) in least.items():
        print(f"day {number:<6} {wall:7.2f} {cpu:7.2f} {cpu / least[early][1]:5.2f}x {folded[number]:12,}")
    of_early, of_late = (least[number][1] for number in (early, late))
    name = f"fold of day {late}, {permissions:,} permissions, {changes:,} changes a day"
    points = [Point("days", "fold", number, least[number][0], "s") for number in least]
    tell(told, [Measure(name, of_late, "CPU s", f"day {early}", of_early, at_most=MOST)], points)
    print(f"\npeak memory {peak():,.0f} MB, with DuckDB's limit at its default")
    of_last = [lake.read(path) for path in parts_of(lake, current_folder(DATASET, CUSTOMER, _day(late)))]
    for number in range(1, days + 1):
        lake.delete([path for path, _ in lake.objects(current_folder(DATASET, CUSTOMER, _day(number)))])
    wall = time.perf_counter()
    _fold(lake, database, late)
    print(f"day {late} from the full snapshot on, all {days} days read: {time.perf_counter() - wall:.2f} s")
    anew = [lake.read(path) for path in parts_of(lake, current_folder(DATASET, CUSTOMER, _day(late)))]
    if of_last != anew:
        print("FAILED: the state differs from what folding everything gives", file=sys.stderr)
    return int(of_last != anew)


def _fold(lake: Lake, database: Database, number: int) -> int:
    return build_current_state(database, lake, DATASET, CUSTOMER, _day(number), COLUMNS)


def _day(number: int) -> dt.date:
    return FIRST + dt.timedelta(days=number - 1)


def _tell(lake: Lake, database: Database, number: int, permissions: int, changes: int) -> None:
    """Lets a day be landed and curated: on the first day all permissions, then some that are new, changed or deleted.

    Those of a day's changes that are new take the places after all before them; what is deleted is as much.
    """
    if number == 1:
        rows = f"SELECT n, 'Full' AS operation FROM range({permissions}) AS numbers(n)"
    else:
        new, third = changes // 3, changes // 3
        first = permissions + (number - 2) * new
        gone = (number - 2) * new
        changed = f"SELECT {gone + new} + (n * 7919 + {number} * 104729) % {permissions - 2 * new} AS n"
        rows = (
            f"SELECT {first} + n AS n, 'Created' AS operation FROM range({new}) AS numbers(n) "
            f"UNION ALL SELECT {gone} + n, 'Deleted' FROM range({new}) AS numbers(n) "
            f"UNION ALL SELECT n, 'Updated' FROM (SELECT DISTINCT n FROM ({changed} FROM range({third}) AS numbers(n)))"
        )
    values = {
        "site_id": "md5((n % 997)::VARCHAR)",
        "item_type": "'File'",
        "scope_id": "md5(n::VARCHAR)",
        "role_definition": "CASE n % 3 WHEN 0 THEN 'Read' WHEN 1 THEN 'Contribute' ELSE 'Full Control' END",
        "link_id": "CASE n % 5 WHEN 0 THEN md5((n + 1)::VARCHAR) END",
        "item_url": f"'sites/team-' || (n % 997) || '/Shared Documents/folder-' || (n % 9973) || '/{number}-' || n",
        "shared_with": "[{'type': 'User', 'name': 'Person ' || (n % 5000), 'email': (n % 5000) || '@contoso.com'}]",
        "total_user_count": "n % 40",
        "snapshot_date": f"TIMESTAMP '{_day(number)}'",
        "operation": "operation",
        "extraction_id": f"'benchmark-{number}'",
    }
    kinds = DATASET.curated_schema
    fields = ", ".join(f'({values.get(name, "NULL")})::{kind} AS "{name}"' for name, kind in kinds.items())
    key = ", ".join(f'"{name}"' for name in DATASET.curated_key)
    with duckdb_session() as (connection, directory):
        folder = day_folder(CURATED, DATASET.asset_name, CUSTOMER, _day(number))
        write_day(connection, lake, folder, f"SELECT {fields} FROM ({rows}) ORDER BY {key}", "benchmark", directory)
    _note_landing(database, number)


def _note_landing(database: Database, number: int) -> None:
    noon = dt.datetime.combine(_day(number), dt.time(12))
    row = {
        "extraction_id": f"benchmark-{number}",
        "customer": CUSTOMER,
        "dataset": DATASET.name,
        "first_day": _day(number),
        "last_day": _day(number),
        "columns": "[]",
        "scope": "{}",
        "approval_event_id": "benchmark",
        "requested_by": "extraction",
        "status": "Succeeded",
        "claim": "benchmark",
        "claimed_at": noon,
        "attempt": 1,
        "factory_run_id": f"run-{number}",
    }
    sealed = {
        "extraction_id": row["extraction_id"],
        "customer": CUSTOMER,
        "dataset": DATASET.name,
        "factory_run_id": row["factory_run_id"],
        "manifest": "manifest.json",
        "rows_landed": 0,
        "bytes_landed": 0,
        "sealed_at": noon,
    }
    database.execute(extraction.insert().values(row))
    database.execute(landing.insert().values(sealed))


if __name__ == "__main__":
    sys.exit(main())
