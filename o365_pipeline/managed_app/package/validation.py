"""Decides whether a package would be refused: by Azure, by the marketplace's certification, or by its purchaser.

What belongs here: going through the files. The checks belong to `template_checks.py`, `ui_checks.py` and
`secret_checks.py`. Source: Microsoft, publish a managed application definition; hardcoded credentials.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from o365_pipeline.errors import UsageError
from o365_pipeline.managed_app.arm.written_resources import in_azures_spelling
from o365_pipeline.managed_app.package.package import README, TEMPLATE, VIEWS, WIZARD, Package, read
from o365_pipeline.managed_app.package.package_problems import Problem, against_schema
from o365_pipeline.managed_app.package.package_reading import MAX_PACKAGE, DocumentError, document
from o365_pipeline.managed_app.package.secret_checks import secret_problems, written_values
from o365_pipeline.managed_app.package.template_checks import extracts_by_data_connect, template_problems
from o365_pipeline.managed_app.package.ui_checks import ui_problems

VIEW_SCHEMA = "view_definition.schema.json"


def validate(package: Package | Path, secrets: Sequence[SecretStr] = ()) -> list[Problem]:
    """Finds all problems of a package; there are none if it can be published.

    Args:
        secrets: values that must not occur in it.
    """
    if isinstance(package, Path):
        try:
            package = read(package)
        except UsageError as error:
            message, remedy = str(error).removeprefix(f"{package}: ").rsplit("; ", 1)
            return [Problem(str(package), "", message, remedy)]
    written, wrong_template = _template(package)
    template = None if wrong_template else written
    return [
        *_missing(package, written),
        *_too_large(package),
        *secret_problems(package.files, secrets),
        *wrong_template,
        *_wizard(package, template),
        *_views(package),
    ]


def _template(package: Package) -> tuple[Any, list[Problem]]:
    """Returns the template in Azure's spelling, and its problems."""
    template, wrong = _json(package, TEMPLATE)
    if template is None:
        return None, wrong
    template = in_azures_spelling(template)
    return template, [*written_values(TEMPLATE, template), *template_problems(TEMPLATE, template)]


def _wizard(package: Package, template: Any) -> list[Problem]:
    wizard, wrong = _json(package, WIZARD)
    return wrong if wizard is None else ui_problems(WIZARD, wizard, template)


def _views(package: Package) -> list[Problem]:
    views, wrong = _json(package, VIEWS)
    return wrong if views is None else against_schema(VIEWS, views, VIEW_SCHEMA)


def _missing(package: Package, template: Any) -> list[Problem]:
    """Finds files that are not at the root. Azure needs two; what this project sells has four."""
    needed = (TEMPLATE, WIZARD, VIEWS, README) if extracts_by_data_connect(template) else (TEMPLATE, WIZARD)
    problems = []
    for file in needed:
        if file in package.files:
            continue
        elsewhere = [path for path in package.files if path.rsplit("/", 1)[-1].lower() == file.lower()]
        message = f"it is not at the root, but {elsewhere[0]} is there" if elsewhere else "it is not at the root"
        remedy = "zip the files, not their folder, and mind small letters and capitals"
        problems.append(Problem(file, "", message, remedy))
    return problems


def _too_large(package: Package) -> list[Problem]:
    if (size := len(package.content)) <= MAX_PACKAGE:
        return []
    return [Problem(package.name, "", f"it has {size} bytes, more than {MAX_PACKAGE}", "leave other files out")]


def _json(package: Package, file: str) -> tuple[Any, list[Problem]]:
    """Returns the document in a file, or its problems; neither if the file is missing."""
    if file not in package.files:
        return None, []
    try:
        parsed = document(package.files[file])
    except DocumentError as error:
        return None, [Problem(file, error.place, error.message, error.remedy)]
    return parsed, [Problem(file, "", "it is empty", "`managed-app build` writes it")] if parsed is None else []
