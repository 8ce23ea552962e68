"""The project's folder: which files it has, and writing them.

What belongs here: the project as a whole. Its model is in `semantic_model.py`, its pages are in `pages.py`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from o365_pipeline.errors import UsageError
from o365_pipeline.mart.power_bi.pages import PAGES
from o365_pipeline.mart.power_bi.semantic_model import model_files
from o365_pipeline.mart.power_bi.source import Source
from o365_pipeline.mart.power_bi.tmdl import derived_id
from o365_pipeline.mart.power_bi.visuals import DEFINITION, SCHEMAS, Json, visual_id

NAME = "Office 365"
MODEL, REPORT = f"{NAME}.SemanticModel", f"{NAME}.Report"
SHORTCUT = f"{NAME}.pbip"


def project_files(source: Source, customers: Sequence[str]) -> Mapping[str, str]:
    """Returns the project's files by their paths; the same arguments give the same bytes."""
    shortcut = {"version": "1.0", "artifacts": [{"report": {"path": REPORT}}], "settings": {"enableAutoRecovery": True}}
    files: dict[str, Json] = {
        SHORTCUT: {"$schema": f"{SCHEMAS}/pbip/pbipProperties/1.0.0/schema.json", **shortcut},
        f"{MODEL}/.platform": _platform("SemanticModel"),
        f"{MODEL}/definition.pbism": {
            "$schema": f"{SCHEMAS}/item/semanticModel/definitionProperties/1.0.0/schema.json",
            "version": "4.2",
            "settings": {},
        },
        f"{REPORT}/.platform": _platform("Report"),
        f"{REPORT}/definition.pbir": {
            "$schema": f"{SCHEMAS}/item/report/definitionProperties/2.0.0/schema.json",
            "version": "4.0",
            "datasetReference": {"byPath": {"path": f"../{MODEL}"}},
        },
        **{f"{REPORT}/definition/{name}": content for name, content in _report_files().items()},
    }
    texts = {name: json.dumps(content, indent=2, ensure_ascii=False) + "\n" for name, content in files.items()}
    return texts | {f"{MODEL}/definition/{name}": text for name, text in model_files(source, customers).items()}


def write_project(folder: Path, source: Source, customers: Sequence[str]) -> int:
    """Writes the project into an empty folder, or in the place of one that was written before.

    Returns:
        The number of files.

    Raises:
        UsageError: the folder holds something else.
    """
    if folder.exists() and not (folder.is_dir() and _is_ours(folder)):
        raise UsageError(f"{folder} is no project of ours: name a folder that does not exist, or an empty one")
    files = project_files(source, customers)
    for name in (MODEL, REPORT):
        shutil.rmtree(folder / name / "definition", ignore_errors=True)
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    return len(files)


def _is_ours(folder: Path) -> bool:
    """Tells whether there is nothing in it, or what was written before."""
    found = {path.name for path in folder.iterdir()}
    if not found:
        return True
    platform = folder / MODEL / ".platform"
    return SHORTCUT in found and platform.is_file() and _logical_id("SemanticModel") in platform.read_text("utf-8")


def _report_files() -> Mapping[str, Json]:
    order = [page.name for page in PAGES]
    pages = {f"pages/{page.name}/page.json": page.json() for page in PAGES}
    visuals = {
        f"pages/{page.name}/visuals/{visual_id(page.name, visual)}/visual.json": visual.json(page.name, number)
        for page in PAGES
        for number, visual in enumerate(page.visuals)
    }
    return {
        "version.json": {"$schema": f"{DEFINITION}/versionMetadata/1.0.0/schema.json", "version": "2.0.0"},
        "report.json": {"$schema": f"{DEFINITION}/report/3.0.0/schema.json", "themeCollection": {}},
        "pages/pages.json": {
            "$schema": f"{DEFINITION}/pagesMetadata/1.0.0/schema.json",
            "pageOrder": order,
            "activePageName": order[0],
        },
        **pages,
        **visuals,
    }


def _platform(kind: str) -> Json:
    return {
        "$schema": f"{SCHEMAS}/gitIntegration/platformProperties/2.0.0/schema.json",
        "metadata": {"type": kind, "displayName": NAME},
        "config": {"version": "2.0", "logicalId": _logical_id(kind)},
    }


def _logical_id(kind: str) -> str:
    return derived_id(NAME, kind)
