"""Removes columns from landings: the raw files are rewritten without them, and the manifest names the new files; where
only curated files are left, these are rewritten.

What belongs here: one landing at a time. The order of the steps belongs to `landing_rewrite.py`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import duckdb

from o365_pipeline.curated.current.current_state import current_folder
from o365_pipeline.curated.day_files import CURATED, day_folder, files_below, parquet, rewrite_part
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import extraction
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.extraction import extraction_ledger
from o365_pipeline.purge.landing_rewrite import LINES, replace_manifest, rewritten
from o365_pipeline.raw.duckdb_session import duckdb_session
from o365_pipeline.raw.json_lines import objects_in, pieces
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.manifest import Manifest, Part, read_manifest, sealed_landing


def remove_columns(lake: Lake, database: Database, extraction_id: str, columns: Sequence[str]) -> bool:
    """Removes columns from the raw files and the manifest of a sealed landing; repeating it changes nothing.

    Unreadable lines might hold anything, so they are left out of the new files. False if the files are not kept any
    more; then only the ledger is changed.

    Raises:
        DamagedLandingError: the files are not what was sealed.
    """
    entry = extraction_ledger.find(database, extraction_id)
    landed = sealed_landing(database, entry) if entry else None
    if entry is None or landed is None:
        return True
    if not landed.is_kept:
        _note_columns(database, extraction_id, tuple(name for name in entry.columns if name not in columns))
        return False
    path, manifest = landed.path, read_manifest(lake, entry, landed.path)
    left = manifest
    if gone := [name for name in manifest.columns if name in columns]:
        left = _without(lake, manifest, gone)
    replace_manifest(lake, database, path, manifest, left)
    _note_columns(database, extraction_id, left.columns)
    return True


def remove_curated_columns(
    lake: Lake, dataset: Dataset, customer: str, days: Iterable[dt.date], columns: Collection[str]
) -> None:
    """Makes columns null in the curated files of days whose raw files are not kept any more, and in the state as of
    them.
    """
    fields = [name for column in dataset.columns if column.name in columns for name, _ in column.curated_fields]
    nulls = ", ".join(f'NULL::{dataset.curated_schema[name]} AS "{name}"' for name in fields)
    for day in days if fields else ():
        folded = [current_folder(dataset, customer, day)] if dataset.current_name else []
        folders = [day_folder(CURATED, dataset.asset_name, customer, day), *folded]
        for path in [path for folder in folders for path, _ in files_below(lake, folder)]:
            with duckdb_session() as (connection, directory):
                [file] = lake.stage([path], directory)
                query = f"SELECT * REPLACE ({nulls}) FROM {parquet([file])}"
                rewrite_part(connection, lake, path, file, query, directory)


def manifest_of(database: Database, lake: Lake, extraction_id: str) -> Manifest | None:
    """Returns the manifest of an extraction's sealed landing, if its files are kept."""
    entry = extraction_ledger.find(database, extraction_id)
    landed = sealed_landing(database, entry) if entry else None
    return read_manifest(lake, entry, landed.path) if entry and landed and landed.is_kept else None


def _note_columns(database: Database, extraction_id: str, columns: Sequence[str]) -> None:
    of_extraction = extraction.c.extraction_id == extraction_id
    database.execute(extraction.update().where(of_extraction).values(columns=json.dumps(columns)))


def _without(lake: Lake, manifest: Manifest, columns: Sequence[str]) -> Manifest:
    digest = hashlib.sha256(",".join(sorted(columns)).encode()).hexdigest()[:8]
    spellings = catalogue()[manifest.dataset].spellings_of(columns)

    def rewrite(connection: duckdb.DuckDBPyConnection, part: Part, source: Path, target: Path) -> bool:
        if part.is_clean:
            _rewrite(connection, source, target, spellings)
        else:
            _rewrite_odd(source, target, spellings)
        return True

    kept = tuple(name for name in manifest.columns if name not in columns)
    return rewritten(lake, manifest, f"without-{digest}", rewrite).model_copy(update={"columns": kept})


def _rewrite(connection: duckdb.DuckDBPyConnection, source: Path, target: Path, names: Collection[str]) -> None:
    """Writes a clean file's objects without some of their keys."""
    patch = json.dumps(dict.fromkeys(sorted(names))).replace("'", "''")
    query = f"SELECT json_merge_patch(json, '{patch}')::VARCHAR FROM {objects_in([source])} WHERE json IS NOT NULL"
    connection.execute(f"COPY ({query}) TO '{target}' {LINES}")


def _rewrite_odd(source: Path, target: Path, names: Collection[str]) -> None:
    """Writes an odd file's objects without some of their keys, one on a line; one by one, since some may be large."""
    with target.open("w", encoding="utf-8") as file:
        for piece in pieces(source):
            if piece.reason is None:
                with suppress(ValueError, RecursionError):
                    kept = {name: value for name, value in json.loads(piece.text).items() if name not in names}
                    file.write(json.dumps(kept, ensure_ascii=False) + "\n")
