"""One way to land rows: files as Data Connect writes them, and the manifest that seals them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from o365_pipeline.curated import typed_table
from o365_pipeline.curated.curation import Counts, curate
from o365_pipeline.curated.day_files import CURATED, day_folder, parts_of
from o365_pipeline.curated.privacy import NOBODY, People
from o365_pipeline.curated.schema_drift import Drift
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.datasets.types import parse_type
from o365_pipeline.extraction.extraction_ledger import Extraction
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.manifest import Landed, Manifest, Part
from o365_pipeline.raw.parts import part_of
from o365_pipeline_tests.duckdb_files import connection, rows_of_file

FIRST = dt.date(2026, 11, 16)
ROW_INFORMATION = {"errorInformation": None, "userReturnedNoData": False, "isUserSummaryRow": False}

Rows = list[dict[str, Any]] | bytes
Curated = Mapping[dt.date, Counts]


def give_wrong_type(fault: pytest.MonkeyPatch, name: str = "Message_v1", of_column: str = "importance") -> None:
    """Give the catalogue a fault while rows are typed: a text, a message's importance for example, is a boolean."""
    for makes_fields in ("fields_of", "typed_fields_of"):
        fault.setattr(typed_table, makes_fields, _with_wrong_type(getattr(typed_table, makes_fields), name, of_column))


def _with_wrong_type(fields_of: Callable[..., Any], name: str, of_column: str) -> Callable[..., Any]:
    def wrong(dataset: Dataset, *arguments: Any) -> Any:
        if dataset.name == name:
            shape = [
                column.model_copy(update={"type": parse_type("boolean")}) if column.name == of_column else column
                for column in dataset.columns
            ]
            dataset = dataset.model_copy(update={"columns": tuple(shape), "shape": tuple(shape)})
        return fields_of(dataset, *arguments)

    return wrong


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.in_folder(tmp_path / "lake")


def row(**values: Any) -> dict[str, Any]:
    """A row as Data Connect writes it."""
    return {"puser": "u1", "ptenant": "t1", "rowinformation": ROW_INFORMATION, **values}


class Landing:
    """Lands rows of a dataset and curates them."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.rows_landed = 0
        self.drift = Drift()

    def curate(
        self,
        dataset_name: str,
        *parts: Rows,
        last_day: dt.date = FIRST,
        columns: tuple[str, ...] | None = None,
        people: People = NOBODY,
    ) -> Curated:
        dataset = catalogue()[dataset_name]
        sealed = [self._part(dataset, number, rows) for number, rows in enumerate(parts)]
        manifest = Manifest(
            extraction_id="x1",
            customer="contoso",
            dataset=dataset.name,
            first_day=FIRST,
            last_day=last_day,
            columns=columns or tuple(column.name for column in dataset.columns),
            factory_run_id="r1",
            rows_reported=None,
            parts=tuple(sealed),
        )
        self.rows_landed = manifest.rows
        extraction = Extraction(
            "x1", "contoso", dataset.name, FIRST, last_day, manifest.columns, "{}", "e1", "extraction", "Succeeded",
            "me", dt.datetime(2026, 11, 17), 1, "r1", None, None, None,
        )  # fmt: skip
        days = extraction.window.days
        curated = curate(self.lake, dataset, Landed(extraction, manifest), days, manifest.columns, people)
        self.drift = curated.drift
        return curated.counts

    def table(self, dataset_name: str, stage: str = CURATED, day: dt.date = FIRST) -> list[dict[str, Any]]:
        folder = day_folder(stage, catalogue()[dataset_name].asset_name, "contoso", day)
        return [row for file in self.lake.stage(parts_of(self.lake, folder), Path()) for row in rows_of_file(file)]

    def row_groups(self, dataset_name: str) -> list[int]:
        """The numbers of rows in the row groups of the first day's file."""
        folder = day_folder(CURATED, catalogue()[dataset_name].asset_name, "contoso", FIRST)
        [file] = self.lake.stage(parts_of(self.lake, folder), Path())
        query = "SELECT DISTINCT row_group_id, row_group_num_rows FROM parquet_metadata(?) ORDER BY row_group_id"
        return [rows for _, rows in connection().execute(query, [str(file)]).fetchall()]

    def _part(self, dataset: Dataset, number: int, rows: Rows) -> Part:
        content = rows if isinstance(rows, bytes) else "".join(json.dumps(entry) + "\n" for entry in rows).encode()
        path = f"raw/contoso/{dataset.asset_name}/{FIRST}/r1/part-{number}.json"
        self.lake.write(path, content)
        return part_of(connection(), path, self.lake.stage([path], Path())[0])


@pytest.fixture
def landing(lake: Lake) -> Landing:
    return Landing(lake)


@pytest.fixture
def curated_row(landing: Landing) -> Callable[..., dict[str, Any]]:
    """Curate one row and give back what it became."""

    def curated_row(dataset_name: str, **values: Any) -> dict[str, Any]:
        landing.curate(dataset_name, [row(**values)])
        [found] = landing.table(dataset_name)
        return found

    return curated_row
