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


def landings_of(
    database: Database, lake: Lake, customer: str, dataset: Dataset, days: Sequence[dt.date]
) -> dict[dt.date, Landed]:
    """Returns, for each day, the newest sealed landing that holds it."""
    manifests = _sealed(database, customer, dataset, min(days), max(days))
    chosen = extraction_ledger.covering(manifests, days)
    landed = {entry: Landed(entry, read_manifest(lake, entry, manifests[entry])) for entry in set(chosen.values())}
    return {day: landed[entry] for day, entry in chosen.items()}


def distinct_landings(landings: Iterable[Landed]) -> list[Landed]:
    """Returns the landings in their order without repeats: one landing may hold several days."""
    return list({landed.extraction.extraction_id: landed for landed in landings}.values())


def newest_landing(database: Database, lake: Lake, customer: str, dataset: Dataset) -> Landed | None:
    """Returns the newest sealed landing of a dataset, whatever its days are."""
    query = (
        sa.select(landing.c.extraction_id, landing.c.manifest)
        .join(extraction, extraction.c.extraction_id == landing.c.extraction_id)
        .where(extraction.c.customer == customer, extraction.c.dataset == dataset.name)
        .where(extraction.c.status.not_in(extraction_ledger.WITHOUT_DATA))
        .order_by(extraction.c.last_day.desc(), extraction.c.claimed_at.desc())
        .limit(1)
    )
    with database.begin() as connection:
        row = connection.execute(query).first()
    entry = extraction_ledger.find(database, row.extraction_id) if row else None
    return Landed(entry, read_manifest(lake, entry, row.manifest)) if row and entry else None


def landed_days(database: Database, customer: str, dataset: Dataset, last_day: dt.date) -> list[dt.date]:
    """Returns, in order, the days up to a day that sealed landings hold; reads the ledger, not the manifests."""
    sealed = _sealed(database, customer, dataset, dt.date.min, last_day)
    return sorted({day for entry in sealed for day in entry.window.days if day <= last_day})


def _sealed(
    database: Database, customer: str, dataset: Dataset, first_day: dt.date, last_day: dt.date
) -> dict[Extraction, str]:
    """Returns the manifests of sealed landings that share a day with the span, by extraction, the newest last."""
    found = extraction_ledger.overlapping(database, customer, dataset.name, first_day, last_day)
    query = sa.select(landing.c.extraction_id, landing.c.manifest)
    with database.begin() as connection:
        manifests = {
            row.extraction_id: row.manifest
            for some in id_batches([entry.extraction_id for entry in found])
            for row in connection.execute(query.where(landing.c.extraction_id.in_(some)))
        }
    return {entry: manifests[entry.extraction_id] for entry in found if entry.extraction_id in manifests}
