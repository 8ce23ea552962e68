"""Compares the definition that an offer needs with the one in a service catalog, field by field.

What belongs here: comparing and showing, without calls. The signature of notifications is compared by its fingerprint
and never shown. The package's signed URL is compared by the end of its path, since its signature differs each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from azure.mgmt.resource.managedapplications import models

from o365_pipeline.dagster_ui.markdown_metadata import Markdown, difference
from o365_pipeline.managed_app.authorizations import ROLES

VERSION_TAG, DIGEST_TAG, SIGNATURE_TAG = "version", "package-digest", "signature-fingerprint"
SIGNATURE = "notification signature"
PACKAGE = "package"
PATH_PARTS = 3
"""A package is at <offer>/<version>/<digest>.zip, whatever the address of its storage is."""


@dataclass(frozen=True)
class Change:
    """One field of a definition that differs from what the offer needs."""

    field: str
    held: str | None
    wanted: str | None

    @property
    def lines(self) -> tuple[str, ...]:
        """What is dropped (-), and what replaces it (+)."""
        signed = (("-", self.held), ("+", self.wanted))
        return tuple(f"{sign} {self.field}: {value}" for sign, value in signed if value)

    def __str__(self) -> str:
        return f"{self.field}: {self.held or 'nothing'} -> {self.wanted or 'nothing'}"


def as_markdown(changes: Iterable[Change]) -> Markdown:
    """The changes as a diff."""
    lines = [line for change in changes for line in change.lines]
    return difference(lines) if lines else Markdown("unchanged")


def changes(wanted: models.ApplicationDefinition, held: models.ApplicationDefinition | None) -> tuple[Change, ...]:
    """Returns what must change in the service catalog's definition; everything if it has none.

    If a service catalog does not return the package's address, the digest in the definition's tags is compared.
    """
    asked, present = dict(_fields(wanted)), dict(_fields(held)) if held else {}
    if held and PACKAGE not in present:
        asked.pop(PACKAGE)
    return tuple(
        Change(name, _shown(name, present.get(name)), _shown(name, asked.get(name)))
        for name in dict.fromkeys((*asked, *present))
        if asked.get(name, "") != present.get(name, "")
    )


def _fields(definition: models.ApplicationDefinition) -> Iterator[tuple[str, str]]:
    """Returns (name, value) of the fields of a definition."""
    yield "display name", definition.display_name or ""
    yield "description", definition.description or ""
    yield "lock level", str(definition.lock_level)
    yield "authorizations", ", ".join(sorted(map(_authorization, definition.authorizations or ())))
    locking, deployment = definition.locking_policy, definition.deployment_policy
    yield "allowed actions", ", ".join(sorted((locking.allowed_actions if locking else None) or ()))
    yield "allowed data actions", ", ".join(sorted((locking.allowed_data_actions if locking else None) or ()))
    yield "deployment mode", str(deployment.deployment_mode) if deployment else ""
    notification = definition.notification_policy
    uris = [urlsplit(endpoint.uri) for endpoint in (notification.notification_endpoints if notification else ())]
    yield "notification endpoint", ", ".join(uri._replace(query="").geturl() for uri in uris)
    tags = definition.tags or {}
    yield SIGNATURE, tags.get(SIGNATURE_TAG, "")
    for tag in (VERSION_TAG, DIGEST_TAG):
        yield f"tag {tag}", tags.get(tag, "")
    if definition.package_file_uri:
        yield PACKAGE, "/".join(urlsplit(definition.package_file_uri).path.split("/")[-PATH_PARTS:])


def _authorization(granted: models.ApplicationAuthorization) -> str:
    role = granted.role_definition_id.rsplit("/", 1)[-1].lower()
    names = {identifier: name for name, identifier in ROLES.items()}
    return f"{names.get(role, role)} {granted.principal_id.lower()}"


def _shown(name: str, value: str | None) -> str | None:
    return "a secret" if value and name == SIGNATURE else value
