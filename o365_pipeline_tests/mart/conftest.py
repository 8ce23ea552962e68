"""Curated relations made by hand: an organization of five people, and a mart that its day is loaded into.

The mart is a SQLite file, or an empty schema on the server that O365_TEST_MART_URL names.
"""

import datetime as dt
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa
from filelock import FileLock

import o365_pipeline.database.deletion_ledger
import o365_pipeline.database.ledger  # noqa: F401 - its tables are part of the metadata
from o365_pipeline.curated.time_zones import define_time_zones
from o365_pipeline.database import database as database_module
from o365_pipeline.database.database import Database, connectable, metadata
from o365_pipeline.datasets import catalogue
from o365_pipeline.deployment import Deployment
from o365_pipeline.deployment import load as load_deployment
from o365_pipeline.mart.build import CURATED_DAY, prepare, rows_of
from o365_pipeline.mart.loading import load_partition
from o365_pipeline.mart.lookback import LOOKBACKS, lookbacks_at
from o365_pipeline.mart.tables import MART_TABLES
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline.mart.views import VIEWS
from o365_pipeline_tests.finished_homes import FinishedHomes

CUSTOMER = "contoso"
DAY = dt.date(2026, 1, 5)
PEOPLE = ("ann", "bob", "cat", "dan", "eve")

NOT_ASKED_FOR = {
    *("agg_signal_day", "bridge_person_license", "dim_device"),
    *("dim_sync_app", "fact_sync_error", "fact_group_message", "fact_task", "fact_viva_metric"),
}
"""Tables of datasets that the shipped data request does not name."""

SERVER = os.environ.get("O365_TEST_MART_URL")
LOCK = FileLock(Path(tempfile.gettempdir()) / "o365_test_mart.lock")
"""Tests of several processes share the server's one schema."""

sqlite_only = pytest.mark.skipif(SERVER is not None, reason="it is about SQLite alone")

Row = dict[str, object]
Fill = Callable[..., None]


def address(name: str) -> Row:
    return {"emailAddress": {"name": name, "address": name if "@" in name else f"{name}@contoso.com"}}


def at(hour: int, minute: int = 0) -> dt.datetime:
    return dt.datetime.combine(DAY, dt.time(hour, minute))


@pytest.fixture(scope="session")
def nothing_curated() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with an empty relation for every dataset of the catalogue and every lookback."""
    with duckdb.connect() as connection:
        connection.execute(CURATED_DAY)
        for dataset in catalogue().newest:
            fields = ", ".join(f'"{name}" {kind}' for name, kind in dataset.curated_schema.items())
            lookbacks = (entry.relation for entry in lookbacks_at(dataset.asset_name))
            for name in filter(None, (dataset.asset_name, dataset.current_name, *lookbacks)):
                connection.execute(f'CREATE TABLE "{name}" ({fields})')
        define_time_zones(connection)
        yield connection


@pytest.fixture
def curated(nothing_curated: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """The connection in a transaction of the test's own."""
    nothing_curated.begin()
    yield nothing_curated
    nothing_curated.rollback()


@pytest.fixture
def fill(curated: duckdb.DuckDBPyConnection) -> Fill:
    """fill("message", {...}, {...}) adds rows; what a row does not name is NULL. Of a lookback they are of one day."""
    earlier = {lookback.relation: lookback.asset_name for lookback in LOOKBACKS}

    def fill(dataset: str, *rows: Row) -> None:
        day = DAY - dt.timedelta(days=1) if dataset in earlier else DAY
        curated.execute("INSERT INTO curated_day VALUES (?, ?)", [earlier.get(dataset, dataset), day])
        for row in rows:
            named = {"extraction_id": f"extraction of {dataset}"} | row
            columns = ", ".join(f'"{name}"' for name in named)
            marks = ", ".join("?" for _ in named)
            curated.execute(f'INSERT INTO "{dataset}" ({columns}) VALUES ({marks})', list(named.values()))

    return fill


@pytest.fixture
def organization(fill: Fill) -> None:
    """Ann, who manages Bob, Cat and Dan; and Eve, whose mail address is an alias of her sign-in name."""
    for name in PEOPLE:
        row: Row = {"puser": name, "mail": f"{name.title()}@Contoso.com", "display_name": name.title()}
        if name == "eve":
            row |= {"mail": None, "user_principal_name": "E5@contoso.com", "proxy_addresses": ["smtp:Eve@contoso.com"]}
        fill("user", row)
    for name in ("bob", "cat", "dan"):
        fill("manager", {"puser": name, "id": "ann", "display_name": "Ann"})


@pytest.fixture
def rows(curated: duckdb.DuckDBPyConnection) -> Callable[[str], list[Row]]:
    """rows("fact_message") builds that table and gives its rows; what is missing is None."""

    def rows(table: str) -> list[Row]:
        prepare(curated, CUSTOMER, DAY, tables=[table])
        names = metadata.tables[table].columns.keys()
        return [dict(zip(names, row, strict=True)) for some in rows_of(curated, table) for row in some]

    return rows


@contextmanager
def empty_mart(folder: Path) -> Iterator[sa.URL]:
    """A database without anything of ours, for as long as the block lasts."""
    if SERVER is None:
        yield sa.URL.create("sqlite", database=str(folder / "mart.db"))
        return
    url = sa.make_url(SERVER)
    with LOCK:
        _empty(url)
        yield url


def _empty(url: sa.URL) -> None:
    engine = connectable(url)
    tables = [*metadata.tables, "mart_reader_customer", "alembic_version"]
    for statement in ("DROP SECURITY POLICY mart_rows", "DROP FUNCTION mart_customer_is_granted"):
        with suppress(sa.exc.DBAPIError), engine.begin() as connection:
            connection.exec_driver_sql(statement)
    for statement in (
        *(f"DROP VIEW IF EXISTS {name}" for name in VIEWS),
        *(f"DROP TABLE IF EXISTS {name}" for name in tables),
    ):
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)
    with suppress(sa.exc.DBAPIError), engine.begin() as connection:
        connection.exec_driver_sql("DROP ROLE mart_reader")
    engine.dispose()
    # What is remembered as up to date is not any more.
    database_module._engine.cache_clear()


@pytest.fixture
def mart_url(tmp_path: Path) -> Iterator[sa.URL]:
    with empty_mart(tmp_path) as url:
        yield url


@pytest.fixture
def database(tmp_path: Path, mart_url: sa.URL, finished_homes: FinishedHomes) -> Database:
    """The mart with its schema and no rows."""
    if SERVER is None:
        finished_homes.copy_empty_mart(tmp_path)
    return mart_database(mart_url)


@pytest.fixture
def deployment(tmp_path: Path, mart_url: sa.URL) -> Deployment:
    """A sandbox of twelve people whose mart and ledger are in that database."""
    return load_deployment(
        home=tmp_path / "o365",
        mart_url=mart_url.render_as_string(hide_password=False),
        sandbox_seconds=0,
        sandbox_users=12,
        initial_days=1,
    )


@pytest.fixture
def load(curated: duckdb.DuckDBPyConnection, database: Database) -> Callable[..., int]:
    """Load every table of a partition in one transaction, as the assets do."""

    def load(customer: str = CUSTOMER, day: dt.date = DAY) -> int:
        prepare(curated, customer, day)
        with database.begin() as connection:
            return sum(load_partition(connection, table, curated) for table in MART_TABLES)

    return load


@pytest.fixture
def content(database: Database) -> Callable[..., dict[str, list[tuple[object, ...]]]]:
    """Every row of the mart, by table; of one customer where it is named."""

    def content(customer: str | None = None) -> dict[str, list[tuple[object, ...]]]:
        with database.begin() as connection:
            return {
                table.name: [
                    tuple(row)
                    for row in connection.execute(sa.select(table).order_by(*table.primary_key))
                    if customer in (None, row.customer)
                ]
                for table in MART_TABLES
            }

    return content
