"""The definitions in a factory: runtimes, linked services, datasets and pipelines, stored as the JSON that was sent.

What belongs here: storing and finding definitions, checking references, and the defaults that the service adds. What a
pipeline does belongs to `copy_job.py`.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from o365_pipeline.sandbox.state import State
from o365_pipeline.sandbox.wire_errors import ServiceError

REFERENCES = {
    "IntegrationRuntimeReference": "integrationRuntimes",
    "LinkedServiceReference": "linkedservices",
    "DatasetReference": "datasets",
}
"""Reference type -> kind of the document that it refers to."""

ACTIVITY_DEFAULTS: dict[str, Any] = {
    "dependsOn": [],
    "policy": {
        "timeout": "0.12:00:00",
        "retry": 0,
        "retryIntervalInSeconds": 30,
        "secureOutput": False,
        "secureInput": False,
    },
    "userProperties": [],
}
"""The properties that the service adds to an activity that was sent without them."""


@dataclass(frozen=True)
class Document:
    """One deployed definition."""

    name: str
    etag: str
    properties: dict[str, Any]

    @property
    def answered(self) -> dict[str, Any]:
        """The properties as the service returns them, with its additions."""
        added: dict[str, Any] = (
            {"state": "Initial"} if self.properties.get("type") == "Managed" else {"annotations": []}
        )
        return {**added, **_with_defaults(self.properties)}


class Documents:
    """One factory's documents. A factory exists as soon as it gets a request."""

    def __init__(self, state: State, factory: str) -> None:
        self._state = state
        self._factory = factory.lower()

    def put(self, kind: str, name: str, properties: dict[str, Any]) -> Document:
        """Stores a definition under its name, without its secrets; replaces an existing one.

        Raises:
            ServiceError: it refers to a document that does not exist.
        """
        for reference_kind, reference in _references(properties):
            if self.find(reference_kind, reference) is None:
                raise ServiceError(
                    400,
                    "BadRequest",
                    f"The document creation or update failed because of invalid reference '{reference}'.",
                )
        document = Document(name, str(uuid.uuid4()), without_secrets(properties))
        with self._state.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO document (factory, kind, name, etag, properties) VALUES (?, ?, ?, ?, ?)",
                (self._factory, kind, name, document.etag, json.dumps(document.properties)),
            )
        return document

    def find(self, kind: str, name: str) -> Document | None:
        with self._state.reading() as connection:
            row = connection.execute(
                "SELECT name, etag, properties FROM document WHERE factory = ? AND kind = ? AND name = ?",
                (self._factory, kind, name),
            ).fetchone()
        return Document(row["name"], row["etag"], json.loads(row["properties"])) if row else None

    def all(self, kind: str) -> list[Document]:
        """Returns all documents of a kind, by name."""
        with self._state.reading() as connection:
            query = "SELECT name, etag, properties FROM document WHERE factory = ? AND kind = ? ORDER BY name"
            rows = connection.execute(query, (self._factory, kind))
            return [Document(row["name"], row["etag"], json.loads(row["properties"])) for row in rows]

    def get(self, kind: str, name: str) -> Document:
        """Returns the document of that name.

        Raises:
            ServiceError: it does not exist; ARM answers 404.
        """
        if document := self.find(kind, name):
            return document
        raise ServiceError(
            404, "NotFound", f"The document could not be retrieved because it does not exist: {kind}/{name}."
        )


def _references(value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        if value.get("type") in REFERENCES and isinstance(value.get("referenceName"), str):
            yield REFERENCES[value["type"]], value["referenceName"]
        for part in value.values():
            yield from _references(part)
    elif isinstance(value, list):
        for part in value:
            yield from _references(part)


def without_secrets(value: Any) -> Any:
    """Returns the same JSON with stars in place of every secret."""
    if isinstance(value, dict):
        if value.get("type") == "SecureString":
            return {"type": "SecureString", "value": "**********"}
        return {key: without_secrets(part) for key, part in value.items()}
    return [without_secrets(part) for part in value] if isinstance(value, list) else value


def _with_defaults(properties: dict[str, Any]) -> dict[str, Any]:
    if "activities" in properties:
        activities = [{**ACTIVITY_DEFAULTS, **activity} for activity in properties["activities"]]
        return {**properties, "activities": activities, "lastPublishTime": "2026-11-16T00:00:00Z"}
    details = properties.get("typeProperties", {})
    if any(isinstance(part, dict) and part.get("type") == "SecureString" for part in details.values()):
        return {**properties, "typeProperties": {**details, "encryptedCredential": "ew0KICAiVmVyc2lvbiI6ICIxIg0KfQ=="}}
    return properties
