"""The stages raw and curated over one landing, called as the assets call them.

Run by `memory.py` as `python memory_by_pipeline.py DATASET INPUT WORK`.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa
from message_rows import CUSTOMER, DAY
from messages_by_pipeline import ENTRY
from steps import peak

from o365_pipeline.curated.assets import repeated_keys
from o365_pipeline.curated.curation import curate
from o365_pipeline.curated.day_files import CURATED, day_folder, parts_of
from o365_pipeline.datasets import catalogue
from o365_pipeline.extraction.data_factory import CopyOutcome
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline.raw import landing
from o365_pipeline.raw.duckdb_session import duckdb_session
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.manifest import Landed


def done(step: str) -> None:
    print(f"{peak():.1f} {step}", flush=True)


def main(name: str, parts: Path, work: Path) -> None:
    dataset = catalogue()[name]
    columns = tuple(column.name for column in dataset.columns)
    entry = replace(ENTRY, dataset=name, columns=columns)
    lake = Lake.in_folder(work / "lake")
    database = mart_database(sa.URL.create("sqlite", database=str(work / "mart.db")))
    folder = work / "lake" / landing.folder(dataset, entry)
    folder.mkdir(parents=True)
    for part in parts.iterdir():
        (folder / part.name).hardlink_to(part)
    database.engine  # noqa: B018 - makes the schema
    done("start")
    manifest = landing.count(lake, dataset, entry, CopyOutcome(rows=None, files=None, error=None))
    landing.seal(lake, database, dataset, entry, manifest)
    done("raw: count, digest, seal")
    counts = curate(lake, dataset, Landed(entry, manifest), [DAY], columns).counts[DAY]
    done("curated: type, deduplicate, Parquet")
    with duckdb_session() as (connection, directory):
        files = lake.stage(parts_of(lake, day_folder(CURATED, dataset.asset_name, CUSTOMER, DAY)), directory)
        assert not repeated_keys(connection, dataset, files)
    done(f"curated: {counts.curated:,} rows")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
