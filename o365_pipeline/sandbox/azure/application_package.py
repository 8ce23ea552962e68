"""Opens the package of a managed application as Azure does: the template, and the form that purchasers fill in.

What belongs here: finding and unpacking a package. Installing it belongs to `installation.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx2

from o365_pipeline.errors import UsageError
from o365_pipeline.managed_app.package.package_reading import DocumentError, document, files_of
from o365_pipeline.raw.lakes import Lakes
from o365_pipeline.sandbox.azure.resources import Resource

TEMPLATE, FORM = "mainTemplate.json", "createUiDefinition.json"
BLOB_HOST = ".blob.core.windows.net"


@dataclass(frozen=True)
class ApplicationPackage:
    """The files that an installation starts from."""

    template: Mapping[str, Any]
    form: Mapping[str, Any]

    def parameters(self, answers: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the template's parameters: the outputs of the form for a purchaser's answers.

        Raises:
            UsageError: an output of the form has no answer.
        """
        asked = self.form.get("parameters", {}).get("outputs", {})
        if unknown := sorted(set(asked) - set(answers)):
            raise UsageError(
                f"the form puts out {', '.join(unknown)}, which no purchaser in the sandbox answers; "
                f"it knows {', '.join(answers)}"
            )
        return {name: answers[name] for name in asked}


def unpacked(content: bytes) -> ApplicationPackage:
    """Reads a package from its zip.

    Raises:
        UsageError: it is not a zip, or one of the two files is missing at its root.
    """
    try:
        files = files_of(content, "the package")
        return ApplicationPackage(*(document(files[name]) for name in (TEMPLATE, FORM)))
    except (UsageError, DocumentError, KeyError) as error:
        raise UsageError(f"the package is no zip with {TEMPLATE} and {FORM} at its root: {error}") from error


def package_of(definition: Resource, lakes: Lakes) -> ApplicationPackage:
    """Reads the package of a published definition, from the address in the definition.

    Raises:
        UsageError: there is nothing at the address, or it is not a package.
        LakeError: it cannot be read.
    """
    properties = definition["properties"]
    if properties.get("mainTemplate"):
        return ApplicationPackage(*(_inline(properties, name) for name in ("mainTemplate", "createUiDefinition")))
    return unpacked(_content(properties["packageFileUri"], lakes))


def _inline(properties: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Returns a file that a definition holds itself: as an object, or as its text, which azure-cli sends."""
    held = properties[name]
    try:
        return document(held.encode()) if isinstance(held, str) else held
    except DocumentError as error:
        raise UsageError(f"the definition's {name} cannot be read: {error}") from error


def _content(uri: str, lakes: Lakes) -> bytes:
    parts = urlsplit(uri)
    path = unquote(parts.path)
    host = parts.hostname or ""
    try:
        if parts.scheme == "file":
            return Path(path).read_bytes()
        if host.endswith(BLOB_HOST):
            container, _, name = path.strip("/").partition("/")
            return lakes.at(host.removesuffix(BLOB_HOST), container).read(name)
        return httpx2.get(uri).raise_for_status().content
    except (OSError, httpx2.HTTPError) as error:
        raise UsageError(f"the package {path} cannot be read ({type(error).__name__}): publish it again") from error
