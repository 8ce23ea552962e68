"""The package: the zip from which Azure installs an offer.

What belongs here: putting the files together, reproducibly, and writing the zip. The content of each file belongs to
its own module; whether Azure would refuse a package is decided in `validation.py`.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from o365_pipeline.errors import UsageError
from o365_pipeline.managed_app.offer import Offer
from o365_pipeline.managed_app.package.cost_by_users import cost_parts
from o365_pipeline.managed_app.package.package_reading import unpacked
from o365_pipeline.managed_app.package.readme import readme
from o365_pipeline.managed_app.package.ui_definition import ui_definition
from o365_pipeline.managed_app.package.view_definition import view_definition
from o365_pipeline.managed_app.template.azure_template import main_template

TEMPLATE, WIZARD, VIEWS, README = "mainTemplate.json", "createUiDefinition.json", "viewDefinition.json", "README.md"
"""The files' names, in the zip's root. Azure distinguishes small letters and capitals."""

BEGINNING = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can hold, so that packing again gives the same bytes."""

READABLE = 0o644
UNIX = 3


@dataclass(frozen=True)
class Package:
    """A package in the form that Azure receives."""

    name: str
    """The name of its file."""
    content: bytes
    files: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        """SHA-256 of the content."""
        return hashlib.sha256(self.content).hexdigest()


def build(offer: Offer) -> Package:
    """Builds the package of an offer; the same offer at the same rates gives the same bytes."""
    return _built(offer, f"{offer.name}-{offer.version}.zip")


def build_plans(offer: Offer) -> dict[str, Package]:
    """Builds the package of each plan of the marketplace, by the SKU's name: it installs what was bought."""
    return {sku.name: _built(offer.of_plan(sku), f"{offer.name}-{offer.version}-{sku.name}.zip") for sku in offer.skus}


def _built(offer: Offer, name: str) -> Package:
    costs = {sku.name: cost_parts(offer, sku) for sku in offer.skus}
    files = {
        TEMPLATE: _json(main_template(offer)),
        WIZARD: _json(ui_definition(offer, costs)),
        VIEWS: _json(view_definition(offer)),
        README: readme(offer, costs).encode(),
    }
    return packed(name, files)


def packed(name: str, files: Mapping[str, bytes]) -> Package:
    """Packs files into a package, uncompressed, since compressors differ from machine to machine."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for path, text in files.items():
            entry = zipfile.ZipInfo(path, BEGINNING)
            entry.create_system = UNIX
            entry.external_attr = READABLE << 16
            archive.writestr(entry, text)
    return Package(name, content.getvalue(), files)


def read(path: Path) -> Package:
    """Reads a package from a file.

    Raises:
        UsageError: there is no such file, or it cannot be taken for a package.
    """
    content, files = unpacked(path)
    return Package(path.name, content, files)


def folder(home: Path, offer: Offer) -> Path:
    """Returns the folder in which a deployment stores the files of a release of the offer."""
    return home / "managed_app" / offer.name / offer.version


def write(package: Package, into: Path) -> Path:
    """Writes the package into a folder; a reader finds all of it, or what was there before.

    Raises:
        UsageError: the folder cannot be written to.
    """
    path, partial = into / package.name, into / f".{package.name}.{package.digest[:8]}"
    try:
        into.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(package.content)
        partial.replace(path)
    except OSError as error:
        raise UsageError(f"{into} cannot be written to: {error.strerror}; name another folder") from None
    return path


def _json(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
