"""The account of a day's rows: how many landed, and where each of them is now.

What belongs here: counting rows in the lake, for people who want to see that nothing was lost.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from o365_pipeline.curated.curation import Counts
from o365_pipeline.curated.day_files import CURATED, QUARANTINE, USER_ROWS, day_folder, parquet, parts_of
from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.database import Database
from o365_pipeline.raw.duckdb_session import duckdb_session
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.manifest import landings_of


@dataclass(frozen=True)
class Account:
    """One dataset's day; `reasons` lists why rows are in quarantine, with their number."""

    dataset: str
    landed: int
    counts: Counts
    reasons: tuple[tuple[str, int], ...]


def account(database: Database, lake: Lake, customer: Customer, day: dt.date) -> list[Account]:
    """Counts the rows of every dataset of the customer's data request, for a day that is a landing of its own."""
    accounts = []
    with duckdb_session() as (connection, directory):
        for requested in customer.data_request.datasets:
            dataset = requested.dataset
            landed = landings_of(database, lake, customer.name, dataset, [day])[day].manifest.rows
            folders = [
                day_folder(stage, dataset.asset_name, customer.name, day) for stage in (CURATED, USER_ROWS, QUARANTINE)
            ]
            files = [lake.stage(parts_of(lake, folder), directory) for folder in folders]
            rows = [_count(connection, of_stage) for of_stage in files]
            reasons = connection.execute(
                f"SELECT reason, count(*) AS n FROM {parquet(files[-1])} GROUP BY reason ORDER BY n DESC, reason"
            ).fetchall()
            accounts.append(Account(dataset.name, landed, Counts(*rows), tuple(reasons)))
    return accounts


def _count(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {parquet(files)}").fetchall()[0][0])
