"""Removes columns from landings: the raw files are rewritten without them, and the manifest names the new files.

What belongs here: one landing at a time. The manifest is replaced as a whole: before that readers see the old files,
after it the new ones; files that the manifest does not name are deleted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

import duckdb
import sqlalchemy as sa

from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import extraction, landing
from o365_pipeline.datasets import catalogue
from o365_pipeline.extraction import extraction_ledger
from o365_pipeline.raw.duckdb_session import duckdb_session
from o365_pipeline.raw.json_lines import objects_in, pieces
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.manifest import Manifest, Part, read_manifest
from o365_pipeline.raw.parts import part_of, parts_in_turn

LINES = "(FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01')"
"""One column as lines of text: JSON contains neither line breaks nor control characters unescaped."""


def remove_columns(lake: Lake, database: Database, extraction_id: str, columns: Sequence[str]) -> None:
    """Removes columns from the raw files and the manifest of a sealed landing; repeating it changes nothing.

    Unreadable lines might hold anything, so they are left out of the new files.

    Raises:
        DamagedLandingError: the files are not what was sealed.
    """
    path, manifest = _manifest_path(database, extraction_id), manifest_of(database, lake, extraction_id)
    if path is None or manifest is None:
        return
    if gone := [name for name in manifest.columns if name in columns]:
        manifest = _without(lake, manifest, gone)
        lake.write(path, manifest.model_dump_json(indent=2).encode())
    named = {part.path for part in manifest.parts} | {path}
    folder = str(PurePosixPath(path).parent)
    lake.delete([found for found, _ in lake.objects(folder) if found not in named])
    with database.begin() as connection:
        connection.execute(
            extraction.update()
            .where(extraction.c.extraction_id == extraction_id)
            .values(columns=json.dumps(manifest.columns))
        )
        connection.execute(
            landing.update()
            .where(landing.c.extraction_id == extraction_id)
            .values(rows_landed=manifest.rows, bytes_landed=manifest.size)
        )


def manifest_of(database: Database, lake: Lake, extraction_id: str) -> Manifest | None:
    """Returns the manifest of an extraction's sealed landing."""
    path, entry = _manifest_path(database, extraction_id), extraction_ledger.find(database, extraction_id)
    return read_manifest(lake, entry, path) if path and entry else None


def _manifest_path(database: Database, extraction_id: str) -> str | None:
    with database.begin() as connection:
        return connection.scalar(sa.select(landing.c.manifest).where(landing.c.extraction_id == extraction_id))


def _without(lake: Lake, manifest: Manifest, columns: Sequence[str]) -> Manifest:
    digest = hashlib.sha256(",".join(sorted(columns)).encode()).hexdigest()[:8]
    spellings = catalogue()[manifest.dataset].spellings_of(columns)
    parts: list[Part] = []
    with duckdb_session() as (connection, directory):
        for part, local in parts_in_turn(lake, manifest):
            target = PurePosixPath(part.path).with_name(f"{PurePosixPath(part.path).stem}.without-{digest}.json")
            new = directory / "new.json"
            if part.is_clean:
                _rewrite(connection, local, new, spellings)
            else:
                _rewrite_odd(local, new, spellings)
            lake.write(str(target), new)
            parts.append(part_of(connection, str(target), new))
            new.unlink()
    kept = tuple(name for name in manifest.columns if name not in columns)
    rows = sum(part.rows for part in parts)
    return manifest.model_copy(update={"columns": kept, "parts": tuple(parts), "rows_reported": rows})


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
