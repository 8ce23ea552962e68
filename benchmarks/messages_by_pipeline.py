"""The benchmark's one way: the production code of raw, curated and mart, called as the assets call it.

Run by `messages.py` as `python messages_by_pipeline.py INPUT WORK`; the mart is then WORK/mart.db.
"""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

import sqlalchemy as sa
from message_rows import COLUMNS, CUSTOMER, DAY
from steps import done

from o365_pipeline.curated.curation import curate
from o365_pipeline.database.database import Database
from o365_pipeline.datasets import catalogue
from o365_pipeline.extraction.data_factory import CopyOutcome
from o365_pipeline.extraction.extraction_ledger import Extraction
from o365_pipeline.mart.loading import load_day
from o365_pipeline.mart.marts import Marts
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline.raw import landing
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.manifest import Landed, Manifest

DATASET = catalogue()["Message_v1"]
NOON = dt.datetime.combine(DAY, dt.time(12))
ENTRY = Extraction(
    extraction_id="benchmark",
    customer=CUSTOMER,
    dataset=DATASET.name,
    first_day=DAY,
    last_day=DAY,
    columns=COLUMNS,
    scope="{}",
    approval_event_id="benchmark",
    requested_by="raw",
    status="Succeeded",
    claim="benchmark",
    claimed_at=NOON,
    attempt=1,
    factory_run_id="run",
    submitted_at=NOON,
    looked_at=None,
    error=None,
)


def main(parts: Path, work: Path) -> None:
    done("start: imports")
    lake = Lake.in_folder(work / "lake")
    database = mart_database(sa.URL.create("sqlite", database=str(work / "mart.db")))
    land(parts, work / "lake")
    database.engine  # noqa: B018 - makes the schema
    done("start: database schema")
    manifest = seal(lake, database)
    done("raw: count rows, seal")
    curate(lake, DATASET, Landed(ENTRY, manifest), [DAY], manifest.columns)
    done("curated: type, deduplicate, Parquet")
    load_day(Marts(default=database), lake, CUSTOMER, DAY, [DATASET])
    done("mart: build, load 8 tables into SQLite")


def land(parts: Path, lake: Path) -> None:
    """Link the parts to where the factory would have written them."""
    folder = lake / landing.folder(DATASET, ENTRY)
    folder.mkdir(parents=True)
    for part in parts.iterdir():
        (folder / part.name).hardlink_to(part)


def seal(lake: Lake, database: Database) -> Manifest:
    outcome = CopyOutcome(rows=None, files=None, error=None)
    manifest = landing.count(lake, DATASET, ENTRY, outcome)
    landing.seal(lake, database, DATASET, ENTRY, manifest)
    return manifest


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
