"""Rewrites the raw files of a sealed landing, part by part, under a new manifest.

What belongs here: the order that survives a kill. The manifest is replaced as a whole: before that readers see the old
files, after it the new ones; files that the manifest does not name are deleted. What is taken out of a part is decided
by `column_removal.py` and `person_rows.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import duckdb

from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import NOT_COMPARED, landing
from o365_pipeline.raw.duckdb_session import duckdb_session
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.manifest import Manifest, Part
from o365_pipeline.raw.parts import part_of, parts_in_turn

LINES = "(FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01')"
"""One column as lines of text: JSON contains neither line breaks nor control characters unescaped."""

Rewrite = Callable[[duckdb.DuckDBPyConnection, Part, Path, Path], bool]
"""Writes what is left of a part to another file; False if nothing has to be taken out of it."""


def rewritten(lake: Lake, manifest: Manifest, mark: str, rewrite: Rewrite) -> Manifest:
    """Writes new files beside those of a landing, and returns the manifest that names them.

    Args:
        mark: what the names of the new files end in; the same for the same change.
    """
    parts: list[Part] = []
    with duckdb_session() as (connection, directory):
        for part, local in parts_in_turn(lake, manifest):
            new = directory / "new.json"
            if not rewrite(connection, part, local, new):
                parts.append(part)
                continue
            target = PurePosixPath(part.path).with_name(f"{PurePosixPath(part.path).stem}.{mark}.json")
            lake.write(str(target), new)
            parts.append(part_of(connection, str(target), new))
            new.unlink()
    return manifest.model_copy(update={"parts": tuple(parts), "rows_reported": sum(part.rows for part in parts)})


def replace_manifest(lake: Lake, database: Database, path: str, old: Manifest, new: Manifest) -> None:
    """Lets the new manifest count, then deletes the files that it does not name."""
    if new != old:
        lake.write(path, new.model_dump_json(indent=2).encode())
    named = {part.path for part in new.parts} | {path}
    folder = str(PurePosixPath(path).parent)
    lake.delete([found for found, _ in lake.objects(folder) if found not in named])
    database.execute(
        landing.update()
        .where(landing.c.extraction_id == new.extraction_id)
        .values(rows_landed=new.rows, bytes_landed=new.size, **NOT_COMPARED)
    )
