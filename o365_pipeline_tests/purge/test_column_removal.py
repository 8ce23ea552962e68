"""Columns taken out of a landing's files, whatever these look like."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from o365_pipeline.database.ledger import landing
from o365_pipeline.deployment import Deployment
from o365_pipeline.purge.column_removal import manifest_of, remove_columns
from o365_pipeline.raw.json_lines import pieces
from o365_pipeline.raw.manifest import Manifest, Part
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.finished_homes import FinishedHomes
from o365_pipeline_tests.ledger_rows import note_extraction, note_landing
from o365_pipeline_tests.runner import lake_of


@pytest.fixture
def home(tmp_path: Path, finished_homes: FinishedHomes) -> Path:
    """An empty mart: the landing is the test's own."""
    finished_homes.copy_empty_mart(tmp_path / "o365")
    return tmp_path / "o365"


def test_a_column_is_taken_out_of_large_objects_arrays_and_objects_across_lines(
    deployment: Deployment, tmp_path: Path
) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "large", "subject": "secret", "body": {"content": "x" * 20_000_000}},
        {"id": "nested", "Subject": "secret", "from": {"subject": "stays"}},
        {"id": "plain", "subject": "secret"},
    ]
    content = json.dumps(rows[:2], indent=1) + "\n" + json.dumps(rows[2]) + "\n" + '{"id": "secret\n'
    lake, path = lake_of(deployment), "raw/contoso/message/d/r1/part-0.json"
    lake.write(path, content.encode())
    manifest = Manifest(
        extraction_id="x1",
        customer="contoso",
        dataset="Message_v1",
        first_day=DAY,
        last_day=DAY,
        columns=("id", "subject", "body", "from"),
        factory_run_id="r1",
        rows_reported=4,
        parts=(
            Part(
                path=path,
                size=len(content),
                digest=hashlib.sha256(content.encode()).hexdigest(),
                rows=4,
                is_clean=False,
            ),
        ),
    )
    lake.write("raw/contoso/message/d/r1/manifest.json", manifest.model_dump_json().encode())
    note_extraction(deployment.database)
    note_landing(deployment.database)
    deployment.database.execute(landing.update().values(manifest="raw/contoso/message/d/r1/manifest.json"))

    remove_columns(lake, deployment.database, "x1", ["subject"])

    left = manifest_of(deployment.database, lake, "x1")
    assert left
    [part] = left.parts
    assert (part.rows, part.is_clean, left.columns) == (3, False, ("id", "body", "from"))
    [file] = lake.stage([part.path], tmp_path)
    kept = [json.loads(piece.text) for piece in pieces(file)]
    assert kept == [{name: value for name, value in row.items() if name.lower() != "subject"} for row in rows]
    assert "secret" not in file.read_text()
    with deployment.database.begin() as connection:
        assert connection.scalar(sa.select(landing.c.rows_landed)) == 3


def test_a_column_is_taken_out_under_the_name_that_the_rows_give_it(deployment: Deployment, tmp_path: Path) -> None:
    lake, folder = lake_of(deployment), "raw/contoso/calendar_view/d/r1"
    content = '{"id": "1", "seriesMasterId": "secret"}\n'
    lake.write(f"{folder}/part-0.json", content.encode())
    manifest = Manifest(
        extraction_id="x1",
        customer="contoso",
        dataset="CalendarView_v0",
        first_day=DAY,
        last_day=DAY,
        columns=("id", "vseriesMasterId"),
        factory_run_id="r1",
        rows_reported=1,
        parts=(
            Part(
                path=f"{folder}/part-0.json",
                size=len(content),
                digest=hashlib.sha256(content.encode()).hexdigest(),
                rows=1,
                is_clean=True,
            ),
        ),
    )
    lake.write(f"{folder}/manifest.json", manifest.model_dump_json().encode())
    note_extraction(deployment.database)
    note_landing(deployment.database)
    deployment.database.execute(landing.update().values(manifest=f"{folder}/manifest.json"))

    remove_columns(lake, deployment.database, "x1", ["vseriesMasterId"])

    left = manifest_of(deployment.database, lake, "x1")
    assert left
    [file] = lake.stage([left.parts[0].path], tmp_path)
    assert json.loads(file.read_text()) == {"id": "1"}
