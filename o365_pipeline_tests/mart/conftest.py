"""Curated relations made by hand: an organization of five people, and a mart that its day is loaded into."""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import sqlalchemy as sa

from o365_pipeline.database import Database
from o365_pipeline.datasets import catalogue
from o365_pipeline.mart.build import prepare, rows_of
from o365_pipeline.mart.loading import load_partition
from o365_pipeline.mart.tables import MART_TABLES

CUSTOMER = "contoso"
DAY = dt.date(2026, 1, 5)
PEOPLE = ("ann", "bob", "cat", "dan", "eve")

Row = dict[str, object]
Fill = Callable[..., None]


def address(name: str) -> Row:
    return {"emailAddress": {"name": name, "address": name if "@" in name else f"{name}@contoso.com"}}


def at(hour: int, minute: int = 0) -> dt.datetime:
    return dt.datetime.combine(DAY, dt.time(hour, minute))


@pytest.fixture
def curated() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with an empty relation for every dataset of the catalogue."""
    with duckdb.connect() as connection:
        for dataset in catalogue():
            fields = ", ".join(f'"{name}" {kind}' for name, kind in dataset.curated_schema.items())
            connection.execute(f'CREATE TABLE "{dataset.asset_name}" ({fields})')
        yield connection


@pytest.fixture
def fill(curated: duckdb.DuckDBPyConnection) -> Fill:
    """fill("message", {...}, {...}) adds rows; what a row does not name is NULL."""

    def fill(dataset: str, *rows: Row) -> None:
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
    """rows("fact_message") builds the mart and gives that table's rows; what is missing is None."""

    def rows(table: str) -> list[Row]:
        prepare(curated, CUSTOMER, DAY)
        records = [record for frame in rows_of(curated, table) for record in frame.to_dict("records")]
        return [{str(name): None if pd.isna(value) else value for name, value in record.items()} for record in records]

    return rows


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(url=sa.make_url(f"sqlite:///{tmp_path / 'mart.db'}"))


@pytest.fixture
def load(curated: duckdb.DuckDBPyConnection, database: Database) -> Callable[..., int]:
    """Load every table of a partition in one transaction, as the assets do."""

    def load(customer: str = CUSTOMER, day: dt.date = DAY) -> int:
        prepare(curated, customer, day)
        with database.begin() as connection:
            return sum(
                load_partition(connection, table, customer, day, rows_of(curated, table.name)) for table in MART_TABLES
            )

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
