"""What of a customer's data is alive: what landed, was not given up or purged, and is not older than it is kept.

What belongs here: reading the ledgers, and telling which objects of the lake belong to nothing that is alive. Deleting
them belongs to `deletion.py`.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from o365_pipeline.curated.current.current_state import current_folder
from o365_pipeline.curated.day_files import (
    CURATED,
    QUARANTINE,
    USER_ROWS,
    day_folder,
    day_of,
    parts_below,
    table_folder,
)
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.retention import Horizon, recorded_horizon
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import extraction, landing
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.extraction.extraction_ledger import CLAIMED, UNDER_WAY, WITHOUT_DATA
from o365_pipeline.extraction.windows import Window
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.manifest import raw_is_kept

CURATED_STAGES = (CURATED, USER_ROWS, QUARANTINE)
REJECTED_STAGES = (USER_ROWS, QUARANTINE)

Days = set[tuple[Dataset, dt.date]]


def live_days(database: Database, customer: Customer, horizon: Horizon | None = None) -> Days:
    """Returns the (dataset, day) pairs of the customer that a sealed landing holds, and that are kept in the lake.

    Args:
        horizon: what is kept; the recorded one if none is given.
    """
    horizon = horizon or recorded_horizon(database, customer.name)
    return _days_landed_from(database, customer, horizon, dt.date.min)


def _days_landed_from(database: Database, customer: Customer, horizon: Horizon, landed_from: dt.date) -> Days:
    query = (
        sa.select(extraction.c.dataset, extraction.c.first_day, extraction.c.last_day, landing.c.sealed_at)
        .join(landing, landing.c.extraction_id == extraction.c.extraction_id)
        .where(extraction.c.customer == customer.name, extraction.c.status.not_in(WITHOUT_DATA))
        .where(extraction.c.last_day >= horizon.curated)
    )
    with database.begin() as connection:
        return {
            (catalogue()[row.dataset], day)
            for row in connection.execute(query)
            if row.dataset in catalogue() and row.sealed_at.date() >= landed_from
            for day in Window(max(row.first_day, horizon.curated), row.last_day).days
        }


def bases(lake: Lake, customer: Customer, horizon: Horizon) -> dict[Dataset, dt.date]:
    """Returns the last day before the horizon of each dataset that delivers changes: what there was as of that day is
    what the kept days' changes are applied to.
    """
    folded = [dataset for dataset in catalogue().newest if dataset.current_name]
    curated = {dataset: table_folder(CURATED, dataset.asset_name, customer.name) for dataset in folded}
    days = {dataset: [day_of(path) for path, _ in parts_below(lake, folder)] for dataset, folder in curated.items()}
    old = {dataset: [day for day in found if day < horizon.curated] for dataset, found in days.items()}
    return {dataset: max(days) for dataset, days in old.items() if days}


def dead_objects(
    database: Database, lake: Lake, customer: Customer, horizon: Horizon | None = None
) -> list[tuple[str, int]]:
    """Returns the customer's objects that belong to no extraction or landing, or are older than they are kept.

    They are listed before the ledgers are read: data that lands meanwhile is in the ledgers before it is in the lake.

    Args:
        horizon: what is kept; the recorded one if none is given.
    """
    name = customer.name
    raw_folder, *curated_folders = folders_of(lake, customer)
    raw = lake.objects(raw_folder)
    curated = [found for folder in curated_folders for found in lake.objects(folder)]
    horizon = horizon or recorded_horizon(database, name)
    folders, live = _live_folders(database, customer, horizon), live_days(database, customer, horizon)
    inspected = _days_landed_from(database, customer, horizon, horizon.quarantine)
    needed = {*live, *bases(lake, customer, horizon).items()} if live else set()
    alive = {day_folder(CURATED, dataset.asset_name, name, day) for dataset, day in needed}
    alive |= {
        day_folder(stage, dataset.asset_name, name, day) for stage in REJECTED_STAGES for dataset, day in inspected
    }
    alive |= {current_folder(dataset, name, day) for dataset, day in needed if dataset.current_name}
    dead = [found for found in raw if not _parents(found[0], folders)]
    return [*dead, *(found for found in curated if found[0].rpartition("/")[0] not in alive)]


def folders_of(lake: Lake, customer: Customer) -> list[str]:
    """Returns the folders that hold the customer's objects, the raw ones first."""
    curated = [table_folder(stage, folder, customer.name) for stage in CURATED_STAGES for folder in lake.folders(stage)]
    return [f"raw/{customer.name}", *curated]


def _parents(path: str, folders: set[str]) -> list[str]:
    """Returns those of the folders that may contain a raw object: its window's and its run's."""
    parts = path.split("/")
    return [folder for folder in ("/".join(parts[:4]), "/".join(parts[:5])) if folder in folders]


def _live_folders(database: Database, customer: Customer, horizon: Horizon) -> set[str]:
    """Returns the folders of valid factory runs; if a window's run is being created, the whole window's folder."""
    landed_at = sa.func.coalesce(landing.c.sealed_at, extraction.c.finished_at, extraction.c.claimed_at)
    query = (
        sa.select(extraction, landed_at.label("landed_at"))
        .outerjoin(landing, landing.c.extraction_id == extraction.c.extraction_id)
        .where(extraction.c.customer == customer.name, extraction.c.status.not_in(WITHOUT_DATA))
    )
    with database.begin() as connection:
        rows = connection.execute(query).all()
    folders = set()
    for row in rows:
        is_kept = row.status in UNDER_WAY or raw_is_kept(horizon, row.last_day, row.landed_at)
        if is_kept and row.dataset in catalogue():
            window = f"raw/{customer.name}/{catalogue()[row.dataset].asset_name}/{Window(row.first_day, row.last_day)}"
            folders.add(window if row.status == CLAIMED else f"{window}/{row.factory_run_id}")
    return folders
