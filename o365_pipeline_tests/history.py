"""A history of landings made by hand: rows as Data Connect writes them, landed, sealed, curated and folded."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from o365_pipeline.curated.curation import Counts, curate
from o365_pipeline.curated.current.current_state import build_current_state, current_folder
from o365_pipeline.curated.day_files import day_folder, parts_of
from o365_pipeline.database.database import Database
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.extraction import extraction_ledger
from o365_pipeline.extraction.data_factory import CopyOutcome
from o365_pipeline.extraction.extraction_ledger import Extraction
from o365_pipeline.extraction.windows import Window, extraction_id
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.landing import count, folder, seal
from o365_pipeline.raw.manifest import landings_of
from o365_pipeline_tests.duckdb_files import rows_of_file

CUSTOMER = "contoso"
NOW = dt.datetime(2026, 11, 20)


@dataclass
class History:
    """What a customer's datasets told, landing by landing."""

    database: Database
    lake: Lake

    def tell(self, name: str, day: dt.date, *rows: dict[str, Any] | bytes, last_day: dt.date | None = None) -> Counts:
        """Land rows of a window, or bytes as they lie in a file, and curate them."""
        dataset = catalogue()[name]
        entry = self._extracted(dataset, Window(day, last_day or day))
        lines = [row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows]
        self.lake.write(f"{folder(dataset, entry)}/part-0.json", b"".join(lines))
        manifest = count(self.lake, dataset, entry, CopyOutcome(rows=None, files=None, error=None))
        seal(self.lake, self.database, dataset, entry, manifest)
        landed = landings_of(self.database, self.lake, CUSTOMER, dataset, [day])[day]
        curated = curate(self.lake, dataset, landed, entry.window.days, manifest.columns)
        return sum(curated.counts.values(), Counts())

    def build_current_state(self, name: str, day: dt.date, columns: tuple[str, ...] | None = None) -> bytes:
        """Fold up to the day; the bytes of the files."""
        dataset = catalogue()[name]
        build_current_state(self.database, self.lake, dataset, CUSTOMER, day, columns or names(dataset))
        return self.state(name, day)

    def state(self, name: str, day: dt.date) -> bytes:
        """The bytes of the table as of the day, as it was folded last."""
        paths = parts_of(self.lake, current_folder(catalogue()[name], CUSTOMER, day))
        return b"".join(self.lake.read(path) for path in paths)

    def current(self, name: str, day: dt.date) -> list[dict[str, Any]]:
        """The rows of the table as of the day, folded anew."""
        self.build_current_state(name, day)
        return self.folded(name, day)

    def folded(self, name: str, day: dt.date) -> list[dict[str, Any]]:
        """The rows of the table as of the day, as it was folded last."""
        return self._rows(current_folder(catalogue()[name], CUSTOMER, day))

    def rows(self, stage: str, name: str, day: dt.date) -> list[dict[str, Any]]:
        return self._rows(day_folder(stage, catalogue()[name].asset_name, CUSTOMER, day))

    def _rows(self, folder: str) -> list[dict[str, Any]]:
        return [row for file in self.lake.stage(parts_of(self.lake, folder), Path()) for row in rows_of_file(file)]

    def _extracted(self, dataset: Dataset, window: Window) -> Extraction:
        entry = Extraction(
            extraction_id=extraction_id(CUSTOMER, dataset.name, window),
            customer=CUSTOMER,
            dataset=dataset.name,
            first_day=window.first_day,
            last_day=window.last_day,
            columns=names(dataset),
            scope="{}",
            approval_event_id="e1",
            requested_by="extraction",
            status="Succeeded",
            claim="me",
            claimed_at=NOW,
            attempt=1,
            factory_run_id=f"run-{dataset.name}-{window}",
            submitted_at=None,
            looked_at=None,
            error=None,
        )
        assert extraction_ledger.claim(self.database, entry)
        return entry


def names(dataset: Dataset) -> tuple[str, ...]:
    return tuple(column.name for column in dataset.columns)


def site(site_id: str, title: str, operation: str | None = "Full", **values: Any) -> dict[str, Any]:
    """A row of SharePointSites_v1; what is null is left out, as SharePoint does it."""
    row = {"ptenant": "t1", "Id": site_id, "RootWeb": {"Id": site_id, "Title": title}, "Operation": operation, **values}
    return {name: value for name, value in row.items() if value is not None}
