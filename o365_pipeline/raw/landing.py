"""Landing: the files that the factory wrote are counted, compared with its report, and sealed by a manifest.

What belongs here: verifying and sealing. The manifest is written last and once, so a half-copied or repeated run stays
invisible.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import NOT_COMPARED, extraction, landing, put
from o365_pipeline.datasets import Dataset
from o365_pipeline.errors import LandingError
from o365_pipeline.extraction.data_factory import CopyOutcome
from o365_pipeline.extraction.extraction_ledger import Extraction
from o365_pipeline.raw.duckdb_session import duckdb_session
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.manifest import MANIFEST_NAME, Manifest, damaged, read_manifest, sealed_landing
from o365_pipeline.raw.parts import is_part, part_of


def folder(dataset: Dataset, entry: Extraction) -> str:
    """Returns the folder of the files that the extraction's factory run wrote."""
    return f"{entry.folder(dataset.asset_name)}/{entry.factory_run_id}"


def count(lake: Lake, dataset: Dataset, entry: Extraction, outcome: CopyOutcome) -> Manifest:
    """Counts the files and rows that the extraction's factory run left in the lake; writes nothing."""
    of_run = folder(dataset, entry)
    found = [(path, size) for path, size in lake.objects(of_run) if path != f"{of_run}/{MANIFEST_NAME}"]
    files = {path: size for path, size in found if is_part(path.removeprefix(f"{of_run}/"), size)}
    with duckdb_session() as (connection, _):
        parts = [part_of(connection, path, local) for path, local in lake.staged_in_turn(files.items())]
    return Manifest(
        extraction_id=entry.extraction_id,
        customer=entry.customer,
        dataset=entry.dataset,
        first_day=entry.first_day,
        last_day=entry.last_day,
        columns=entry.columns,
        factory_run_id=entry.factory_run_id or "",
        rows_reported=outcome.rows,
        parts=tuple(parts),
        beside=tuple(path for path, _ in found if path not in files),
    )


def difference(manifest: Manifest, outcome: CopyOutcome) -> str | None:
    """Says how the landing differs from the factory's report, or None if they agree.

    The factory may count files that are no parts, such as empty ones.
    """
    parts = len(manifest.parts)
    if outcome.files is not None and not parts <= outcome.files <= parts + len(manifest.beside):
        return f"{parts} files landed, the factory reported {outcome.files}"
    if outcome.rows is not None and outcome.rows != manifest.rows:
        return f"{manifest.rows:,} rows landed, the factory reported {outcome.rows:,}"
    return None


def seal(lake: Lake, database: Database, dataset: Dataset, entry: Extraction, manifest: Manifest) -> str:
    """Writes the manifest, then records the landing; sealing again changes nothing. Returns the manifest's path.

    Raises:
        DamagedLandingError: the run was sealed before with other contents, so its files have been changed.
    """
    path = f"{folder(dataset, entry)}/{MANIFEST_NAME}"
    content = manifest.model_dump_json(indent=2).encode()
    if not lake.create(path, content) and lake.read(path) != content:
        what = f"{path} was sealed with other contents, so its files were changed"
        raise damaged(entry, what)
    row = {
        "extraction_id": manifest.extraction_id,
        "customer": manifest.customer,
        "dataset": manifest.dataset,
        "factory_run_id": manifest.factory_run_id,
        "manifest": path,
        "rows_landed": manifest.rows,
        "bytes_landed": manifest.size,
        "sealed_at": dt.datetime.now(dt.UTC).replace(tzinfo=None),
        **NOT_COMPARED,
    }

    def note(connection: sa.Connection) -> None:
        of_extraction = landing.c.extraction_id == manifest.extraction_id
        noted = connection.scalar(sa.select(landing.c.factory_run_id).where(of_extraction))
        if noted != manifest.factory_run_id:
            put(connection, landing, row)
            connection.execute(
                extraction.update().where(extraction.c.extraction_id == manifest.extraction_id).values(loaded_at=None)
            )

    database.run(note)
    return path


def sealed(lake: Lake, database: Database, dataset: Dataset, entry: Extraction) -> Manifest | None:
    """Returns the manifest of the extraction's factory run; None if the run was never sealed.

    Raises:
        DamagedLandingError: it was sealed, and the manifest is lost or damaged.
        LandingError: it was sealed so long ago that its files are not kept any more.
    """
    path = f"{folder(dataset, entry)}/{MANIFEST_NAME}"
    noted = sealed_landing(database, entry)
    is_noted = noted is not None and noted.factory_run_id == entry.factory_run_id
    if noted and is_noted and not noted.is_kept:
        raise LandingError(
            f"{entry.customer} {entry.dataset} {entry.window}: its raw files are older than keep_raw_days lets them "
            "be, and were deleted; what was made of them is there"
        )
    return read_manifest(lake, entry, path) if is_noted or lake.exists(path) else None
