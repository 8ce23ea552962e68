"""Measure how fast a day's rows come into a database: the mart's own load beside the least that its driver can do.

A customer's day of mail, three tables that DuckDB holds as the mart's SQL leaves them, into SQLite, PostgreSQL and,
where an address is given, SQL Server: by `load_partition`, and raw from memory into the same schema. Raw is
`executemany` of tuples that are made before the clock starts, on SQL Server with `fast_executemany` and typed
parameters, and on PostgreSQL one COPY of a finished text. How to read the table: the two ways take turns, each line is
the middle of the rounds; rows/s are by wall time, commit included; CPU is this process's own. The exit status is 1
where the two ways' tables differ.
"""

from __future__ import annotations

import argparse
import gc
import io
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import sqlalchemy as sa
from measures import Measure, add_json_option, tell
from message_rows import CUSTOMER, DAY

from o365_pipeline.database.database import Database
from o365_pipeline.database.sql_server import odbc_type
from o365_pipeline.mart.build import CHUNK_ROWS, Row, prepare, rows_of
from o365_pipeline.mart.loading import load_partition
from o365_pipeline.mart.tables import bridge_message_holder, bridge_message_recipient, fact_message
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline_tests.deploy.services import postgres, postgres_programs

OURS, RAW = "mart's load", "raw"
ROWS = 628_000
ROUNDS = 3
ROWS_PER_MAIL = 8
AS_FAST = {"SQLite": 0.7, "PostgreSQL": 0.7, "SQL Server": 0.95}
"""What is to be reached of the driver's own speed."""

MADE = {
    fact_message: """
        SELECT
            TIMESTAMP '2026-11-16 01:00:00' + to_seconds(mail * 11 % 72000) AS sent_at,
            sent_at + to_seconds(mail % 30) AS received_at, sent_at::DATE AS date_key, sender AS sender_id,
            'person' || mail * 7 % 1000 || '@contoso.com' AS sender_address,
            'AAQkAGI2thread' || mail // 3 || repeat('A', 60) AS conversation_id,
            CASE WHEN mail % 20 = 0 THEN 'high' ELSE 'normal' END AS importance, mail % 5 = 0 AS has_attachments,
            CASE WHEN mail % 7 > 0 THEN false END AS is_draft, 3 AS recipient_count, 4 AS copies, *
        FROM mails
    """,
    bridge_message_recipient: """
        SELECT
            *, ['to', 'to', 'cc'][n + 1] AS kind, (mail * 7 + n * 13 + 1) % 1000 AS person,
            'person' || person || '@contoso.com' AS recipient_address,
            CASE WHEN n < 2 THEN format('00000000-0000-4000-8000-{:012d}', person) END AS person_id
        FROM mails, range(3) AS numbers(n)
    """,
    bridge_message_holder: """
        SELECT
            *, format('00000000-0000-4000-8000-{:012d}', (mail * 7 + n * 13) % 1000) AS person_id,
            'AAQkAGI2thread' || mail // 3 || 'mailbox' || n || repeat('A', 50) AS conversation_id,
            mail % 8 <> n AS is_read, n = 0 AS is_sender
        FROM mails, range(4) AS numbers(n)
    """,
}  # fmt: skip
"""The rows of each table, of as many as ROWS_PER_MAIL for each mail."""


@dataclass(frozen=True)
class Measured:
    """One load."""

    wall: float
    cpu: float


def main() -> int:
    options = _options()
    source = _source(options.rows // ROWS_PER_MAIL)
    rows = {table: [row for some in rows_of(source, table.name) for row in some] for table in MADE}
    count = sum(map(len, rows.values()))
    print(f"{count:,} rows of {len(rows)} tables, {options.rounds} rounds\n")
    print(f"{'':12} {'':12} {'rows/s':>10} {'seconds':>8} {'CPU s':>7} {'of raw':>7}", flush=True)
    is_equal, measures = True, []
    with ExitStack() as stack:
        for name, databases in _databases(stack, options.sql_server):
            writers = {OURS: lambda database: _load(database, source), RAW: _raw(databases[RAW].engine, rows)}
            # What is kept for the raw way is not to cost the other one the collector's time.
            gc.collect()
            gc.freeze()
            measured: dict[str, list[Measured]] = {OURS: [], RAW: []}
            digests = {}
            for _ in range(options.rounds):
                for way, write in writers.items():
                    _empty(databases[way])
                    measured[way].append(_timed(lambda: write(databases[way])))  # noqa: B023
                    digests[way] = _digests(databases[way]) if len(measured[way]) == options.rounds else {}
            _print_lines(name, count, measured)
            ours, raw = (median(one.wall for one in measured[way]) for way in (OURS, RAW))
            what = f"load of {count:,} rows, {name}"
            measures.append(Measure(what, ours, "s", "the driver alone", raw, at_least=AS_FAST[name]))
            is_equal &= digests[OURS] == digests[RAW] and sum(found for found, _ in digests[OURS].values()) == count
    tell(options.json, measures)
    if not is_equal:
        print("FAILED: the two ways' tables differ", file=sys.stderr)
    return 0 if is_equal else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the mart's load beside the raw driver.")
    parser.add_argument("--rows", type=int, default=ROWS, help=f"how many rows are loaded (default: {ROWS:,})")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often each way (default: {ROUNDS})")
    parser.add_argument("--sql-server", type=sa.make_url, help="URL of a database there that may be emptied")
    add_json_option(parser)
    return parser.parse_args()


def _source(mails: int) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    prepare(connection, CUSTOMER, DAY, tables=())
    connection.execute(f"""
        CREATE TEMP VIEW mails AS SELECT
            mail, format('<{{:032x}}@mail.contoso.com>', mail) AS message_id,
            format('00000000-0000-4000-8000-{{:012d}}', mail * 7 % 1000) AS sender,
            'benchmark' || repeat('0', 23) AS extraction_id
        FROM range({mails}) AS numbers(mail)
    """)
    for table, query in MADE.items():
        connection.execute(f"CREATE TEMP TABLE {table.name} AS {query}")
    return connection


def _databases(stack: ExitStack, sql_server: sa.URL | None) -> Iterator[tuple[str, dict[str, Database]]]:
    """A database for each way, with the mart's schema."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    files = {OURS: folder / "ours.db", RAW: folder / "raw.db"}
    yield "SQLite", {way: mart_database(sa.URL.create("sqlite", database=str(path))) for way, path in files.items()}
    if programs := postgres_programs():
        server = stack.enter_context(postgres(programs))
        urls = {OURS: server.create("ours"), RAW: server.create("raw")}
        yield "PostgreSQL", {way: mart_database(sa.make_url(url)) for way, url in urls.items()}
    else:
        print(f"{'PostgreSQL':12} left out: Debian's package postgresql is not installed")
    if sql_server:
        database = mart_database(sql_server)
        yield "SQL Server", {OURS: database, RAW: database}
    else:
        print(f"{'SQL Server':12} left out: --sql-server names none")


def _empty(database: Database) -> None:
    for table in MADE:
        verb = "DELETE FROM" if database.engine.dialect.name == "sqlite" else "TRUNCATE TABLE"
        database.execute(sa.text(f"{verb} {table.name}"))


def _load(database: Database, source: duckdb.DuckDBPyConnection) -> None:
    with database.begin() as connection:
        for table in MADE:
            load_partition(connection, table, source)


def _raw(engine: sa.Engine, rows: dict[sa.Table, list[Row]]) -> Callable[[Database], None]:
    """Makes what the driver is given, and returns what gives it."""
    if engine.dialect.name == "postgresql":
        return _raw_copy({table: _as_text(of_table) for table, of_table in rows.items()})
    prepared = {table: [_as_driver_has_it(engine, row) for row in of_table] for table, of_table in rows.items()}

    def write(database: Database) -> None:
        connection = database.engine.raw_connection()
        cursor: Any = connection.cursor()
        for table, of_table in prepared.items():
            marks = ", ".join("?" for _ in table.columns)
            statement = f"INSERT INTO {table.name} ({', '.join(table.columns.keys())}) VALUES ({marks})"
            if engine.dialect.name == "mssql":
                cursor.fast_executemany = True
                cursor.setinputsizes([odbc_type(c.type, engine.dialect.loaded_dbapi) for c in table.columns])
            for start in range(0, len(of_table), CHUNK_ROWS):
                cursor.executemany(statement, of_table[start : start + CHUNK_ROWS])
        connection.commit()
        connection.close()

    return write


def _raw_copy(texts: dict[sa.Table, str]) -> Callable[[Database], None]:
    def write(database: Database) -> None:
        connection = database.engine.raw_connection()
        cursor: Any = connection.cursor()
        for table, text in texts.items():
            cursor.copy_expert(f"COPY {table.name} ({', '.join(table.columns.keys())}) FROM STDIN", io.StringIO(text))
        connection.commit()
        connection.close()

    return write


def _as_text(rows: list[Row]) -> str:
    return "".join("\t".join("\\N" if value is None else str(value) for value in row) + "\n" for row in rows)


def _as_driver_has_it(engine: sa.Engine, row: Row) -> Row:
    """SQLite has no times, and pyodbc takes a truth value and a null for two types."""
    if engine.dialect.name == "mssql":
        return tuple(int(value) if isinstance(value, bool) else value for value in row)
    return tuple(
        value.isoformat(" ", "microseconds")
        if hasattr(value, "hour")
        else str(value)
        if hasattr(value, "year")
        else value
        for value in row
    )


def _timed(work: Callable[[], None]) -> Measured:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Measured(time.perf_counter() - wall, time.process_time() - cpu)


def _digests(database: Database) -> dict[str, tuple[int, int]]:
    """How many rows each table has, and a sum over them, as the driver reads them."""
    found = {}
    with database.engine.connect().execution_options(yield_per=CHUNK_ROWS) as connection:
        for table in MADE:
            digests = [zlib.crc32(repr(tuple(row)).encode()) for row in connection.execute(sa.select(table))]
            found[table.name] = len(digests), sum(digests)
    return found


def _print_lines(name: str, rows: int, measured: dict[str, list[Measured]]) -> None:
    raw = median(one.wall for one in measured[RAW])
    for way, rounds in measured.items():
        wall = median(one.wall for one in rounds)
        cpu = median(one.cpu for one in rounds)
        print(f"{name:12} {way:12} {rows / wall:10,.0f} {wall:8.2f} {cpu:7.2f} {raw / wall:7.2f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
