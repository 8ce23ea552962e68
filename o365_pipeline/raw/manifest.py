"""Manifests: the sealed list of a landing's files. Readers of the lake read manifests, never listings of folders.

What belongs here: the model, reading one, and finding the landings that hold a customer's days. Making one belongs to
`landing.py`; reading the files that it names belongs to `parts.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from o365_pipeline.customers.retention import Horizon, recorded_horizon
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import extraction, id_batches, landing
from o365_pipeline.datasets import Dataset
from o365_pipeline.errors import DamagedLandingError, LakeError
from o365_pipeline.extraction import extraction_ledger
from o365_pipeline.extraction.extraction_ledger import Extraction
from o365_pipeline.extraction.windows import Window
from o365_pipeline.raw.lake import Lake

MANIFEST_NAME = "manifest.json"


class Part(BaseModel):
    """One file of a landing that holds rows."""

    model_config = ConfigDict(frozen=True)

    path: str = Field(description="The object's path in the lake.")
    size: int = Field(description="Bytes.")
    digest: str = Field(description="SHA-256 of the content.")
    rows: int = Field(description="Objects, plus one for each line that is no JSON object.")
    is_clean: bool = Field(description="True where every line is one JSON object.")
    structure: str | None = Field(default=None, description="The keys and types of its rows, as JSON, if it is clean.")


class Manifest(BaseModel):
    """The files that landed for one extraction."""

    model_config = ConfigDict(frozen=True)

    extraction_id: str
    customer: str
    dataset: str
    first_day: dt.date
    last_day: dt.date
    columns: tuple[str, ...]
    factory_run_id: str
    rows_reported: int | None = Field(description="rowsCopied of the factory's copy activity.")
    parts: tuple[Part, ...]
    beside: tuple[str, ...] = Field(default=(), description="Files that are no parts: markers, metadata, empty ones.")

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)


@dataclass(frozen=True)
class Landed:
    """An extraction and its sealed landing."""

    extraction: Extraction
    manifest: Manifest


def damaged(of: Manifest | Extraction, what: str) -> DamagedLandingError:
    """Returns the error about a landing's files that says what to do."""
    return DamagedLandingError(
        f"{of.customer} {of.dataset} {Window(of.first_day, of.last_day)}: {what}; give the landing up and extract it "
        f"anew: o365-pipeline extract --customer {of.customer} --dataset {of.dataset} --from {of.first_day} "
        f"--to {of.last_day} --anew damaged"
    )


def read_manifest(lake: Lake, entry: Extraction, path: str) -> Manifest:
    """Reads the manifest of an extraction's sealed landing.

    Raises:
        DamagedLandingError: it is lost, or is not what was sealed.
    """
    name = path.rpartition("/")[2]
    try:
        return Manifest.model_validate_json(lake.read(path))
    except ValidationError:
        raise damaged(entry, f"{name} is damaged") from None
    except LakeError:
        if lake.exists(path):
            raise
        raise damaged(entry, f"{name} is not there any more") from None


@dataclass(frozen=True)
class SealedLanding:
    """What the ledger says of a sealed landing: the manifest's path, and whether its raw files are kept."""

    path: str
    factory_run_id: str
    is_kept: bool


def raw_is_kept(horizon: Horizon, last_day: dt.date, landed_at: dt.datetime) -> bool:
    """Tells whether the raw files of a window are young enough to be kept."""
    return landed_at.date() >= horizon.raw and last_day >= horizon.curated


def sealed_landing(database: Database, entry: Extraction) -> SealedLanding | None:
    """Returns what the ledger says of an extraction's landing; None if none was sealed."""
    return _sealed(database, entry.customer, [entry]).get(entry)


def landings_of(
    database: Database, lake: Lake, customer: str, dataset: Dataset, days: Sequence[dt.date]
) -> dict[dt.date, Landed]:
    """Returns, for each day, the newest sealed landing that holds it, if its raw files are kept."""
    found = extraction_ledger.overlapping(database, customer, dataset.name, min(days), max(days))
    sealed = _sealed(database, customer, found)
    chosen = extraction_ledger.covering(sealed, days)
    landed = {
        entry: Landed(entry, read_manifest(lake, entry, sealed[entry].path))
        for entry in set(chosen.values())
        if sealed[entry].is_kept
    }
    return {day: landed[entry] for day, entry in chosen.items() if entry in landed}


def distinct_landings(landings: Iterable[Landed]) -> list[Landed]:
    """Returns the landings in their order without repeats: one landing may hold several days."""
    return list({landed.extraction.extraction_id: landed for landed in landings}.values())


def newest_landing(database: Database, lake: Lake, customer: str, dataset: Dataset) -> Landed | None:
    """Returns the newest sealed landing of a dataset whose raw files are kept, whatever its days are."""
    horizon = recorded_horizon(database, customer)
    query = (
        sa.select(landing.c.extraction_id, landing.c.manifest)
        .join(extraction, extraction.c.extraction_id == landing.c.extraction_id)
        .where(extraction.c.customer == customer, extraction.c.dataset == dataset.name)
        .where(extraction.c.status.not_in(extraction_ledger.WITHOUT_DATA))
        .where(landing.c.sealed_at >= horizon.raw, extraction.c.last_day >= horizon.curated)
        .order_by(extraction.c.last_day.desc(), extraction.c.claimed_at.desc())
        .limit(1)
    )
    with database.begin() as connection:
        row = connection.execute(query).first()
    entry = extraction_ledger.find(database, row.extraction_id) if row else None
    return Landed(entry, read_manifest(lake, entry, row.manifest)) if row and entry else None


def landed_days(database: Database, customer: str, dataset: Dataset, last_day: dt.date) -> list[dt.date]:
    """Returns, in order, the days up to a day that sealed landings hold; reads the ledger, not the manifests."""
    found = extraction_ledger.overlapping(database, customer, dataset.name, dt.date.min, last_day)
    sealed = _sealed(database, customer, found)
    return sorted({day for entry in sealed for day in entry.window.days if day <= last_day})


def _sealed(database: Database, customer: str, entries: Sequence[Extraction]) -> dict[Extraction, SealedLanding]:
    """Returns the sealed landings of some extractions of a customer, in their order."""
    horizon = recorded_horizon(database, customer)
    query = sa.select(landing)
    with database.begin() as connection:
        rows = {
            row.extraction_id: row
            for some in id_batches([entry.extraction_id for entry in entries])
            for row in connection.execute(query.where(landing.c.extraction_id.in_(some)))
        }
    return {
        entry: SealedLanding(row.manifest, row.factory_run_id, raw_is_kept(horizon, entry.last_day, row.sealed_at))
        for entry in entries
        if (row := rows.get(entry.extraction_id))
    }
