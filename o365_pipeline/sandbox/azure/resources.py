"""The resources in Azure's resource groups, stored as JSON by resource id; the case of an id does not matter.

What belongs here: storing and finding resources. What a kind of resource means belongs to its own routes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from o365_pipeline.sandbox.state import State
from o365_pipeline.sandbox.wire_errors import ServiceError

Resource = dict[str, Any]

ACCOUNT_TYPE = "Microsoft.Storage/storageAccounts"
"""The type that Data Connect, the Blob service and policies look up."""

GROUP_TYPE = "Microsoft.Resources/resourceGroups"
IDENTITY_TYPE = "Microsoft.ManagedIdentity/userAssignedIdentities"


def group_of(resource_id: str) -> str:
    """Returns the id of the resource group that a resource lies in."""
    return "/".join(resource_id.split("/")[:5])


def named(resource_id: str) -> str:
    """Returns the last part of an id, which is the resource's own name."""
    return resource_id.rpartition("/")[2]


class Resources:
    """The resources of all subscriptions."""

    def __init__(self, state: State) -> None:
        self._state = state

    def put(self, resource: Mapping[str, Any]) -> None:
        """Stores a resource under its id; replaces an existing one."""
        with self._state.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO resource (id, type, content) VALUES (?, ?, ?)",
                (resource["id"].lower(), resource["type"].lower(), json.dumps(resource)),
            )

    def find(self, resource_id: str) -> Resource | None:
        with self._state.reading() as connection:
            query = "SELECT content FROM resource WHERE id = ?"
            row = connection.execute(query, (resource_id.lower(),)).fetchone()
        return json.loads(row["content"]) if row else None

    def get(self, resource_id: str) -> Resource:
        """Returns the resource of that id.

        Raises:
            ServiceError: it does not exist; ARM answers 404.
        """
        if resource := self.find(resource_id):
            return resource
        kind = "/".join(resource_id.split("/")[6:])
        group = named(group_of(resource_id))
        raise ServiceError(
            404, "ResourceNotFound", f"The Resource '{kind}' under resource group '{group}' was not found."
        )

    def of_type(self, kind: str, within: str = "") -> list[Resource]:
        """Returns all resources of a type, or those in a subscription or resource group, by id."""
        prefix = f"{within.lower()}/"
        with self._state.reading() as connection:
            query = "SELECT content FROM resource WHERE type = ? AND substr(id, 1, ?) = ? ORDER BY id"
            rows = connection.execute(query, (kind.lower(), len(prefix), prefix)).fetchall()
        return [json.loads(row["content"]) for row in rows]

    def named(self, kind: str, name: str) -> Resource | None:
        """Returns the resource of a type whose names are unique in all of Azure, such as a storage account."""
        with self._state.reading() as connection:
            query = "SELECT content FROM resource WHERE type = ? AND substr(id, -length(?)) = ?"
            row = connection.execute(query, (kind.lower(), f"/{name.lower()}", f"/{name.lower()}")).fetchone()
        return json.loads(row["content"]) if row else None

    def all(self, within: str = "") -> list[Resource]:
        """Returns all resources in a subscription or resource group, by id."""
        prefix = f"{within.lower()}/"
        with self._state.reading() as connection:
            query = "SELECT content FROM resource WHERE substr(id, 1, ?) = ? ORDER BY id"
            return [json.loads(row["content"]) for row in connection.execute(query, (len(prefix), prefix))]

    def delete(self, resource_id: str) -> bool:
        """Deletes a resource; False if there was none."""
        with self._state.writing() as connection:
            taken = connection.execute("DELETE FROM resource WHERE id = ?", (resource_id.lower(),))
            return taken.rowcount > 0

    def delete_all(self, group_id: str) -> None:
        """Deletes the resources of a group with its factories' documents and runs, and with its policies."""
        group = group_id.lower()
        prefix = f"{group}/"
        with self._state.writing() as connection:
            query = "SELECT run_id FROM run WHERE substr(factory, 1, ?) = ?"
            for row in connection.execute(query, (len(prefix), prefix)).fetchall():
                self._state.forget_lock(row["run_id"])
            for table, column in (("resource", "id"), ("document", "factory"), ("run", "factory")):
                query = f"DELETE FROM {table} WHERE substr({column}, 1, ?) = ?"
                connection.execute(query, (len(prefix), prefix))
            connection.execute("DELETE FROM violation WHERE resource_group = ?", (group,))
