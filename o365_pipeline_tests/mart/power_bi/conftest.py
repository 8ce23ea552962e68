"""A written project, and what readers that know nothing of us make of it.

What belongs here: what several files of tests read. The DAX is computed in `dax_model.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pbix_mcp.formats.tmdl_reader import parse_tmdl_folder

from o365_pipeline.mart.power_bi.project import MODEL, REPORT, write_project
from o365_pipeline.mart.power_bi.source import ServerKind, Source

SOURCE = Source(ServerKind.SQL_SERVER, "mart.example", "office")
CUSTOMERS = ("contoso", "fabrikam")


@pytest.fixture(scope="package")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a project for two customers."""
    folder = tmp_path_factory.mktemp("power-bi") / "project"
    write_project(folder, SOURCE, CUSTOMERS)
    return folder


@pytest.fixture(scope="package")
def model(project: Path) -> dict[str, Any]:
    """The semantic model, as an independent reader of TMDL finds it."""
    return parse_tmdl_folder(str(project / MODEL / "definition"))


@pytest.fixture(scope="package")
def columns(model: dict[str, Any]) -> Mapping[str, Mapping[str, dict[str, Any]]]:
    """The model's columns, by table and name."""
    return {table["name"]: {column["name"]: column for column in table["columns"]} for table in model["tables"]}


@pytest.fixture(scope="package")
def measures(model: dict[str, Any]) -> Mapping[str, dict[str, Any]]:
    """The model's measures by name."""
    return {measure["name"]: measure for table in model["tables"] for measure in table["measures"]}


@pytest.fixture(scope="package")
def visuals(project: Path) -> Mapping[str, dict[str, Any]]:
    """The report's visuals by their files."""
    pages = project / REPORT / "definition" / "pages"
    return {
        str(path.relative_to(pages)): json.loads(path.read_text()) for path in pages.glob("*/visuals/*/visual.json")
    }
