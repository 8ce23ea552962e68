"""Azure's roles: what each allows, and who is assigned which, where.

What belongs here: the roles' actions as Microsoft documents them (Azure built-in roles), and looking an identity's
assignments up. Which action a request is belongs to `arm_access.py`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch

from o365_pipeline.sandbox.azure.resources import Resources

ASSIGNMENT_TYPE = "Microsoft.Authorization/roleAssignments"
WITHIN = f"/providers/{ASSIGNMENT_TYPE}/".lower()
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
BLOB_READ, BLOB_WRITE, BLOB_DELETE = f"{BLOBS}/read", f"{BLOBS}/write", f"{BLOBS}/delete"


@dataclass(frozen=True)
class Role:
    """A built-in role: patterns of what it allows, and of what it leaves out."""

    name: str
    actions: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()

    def allows(self, action: str) -> bool:
        """Tells whether the role allows an action of the control plane or of a data plane."""
        return (_matches(action, self.actions) and not _matches(action, self.left_out)) or _matches(
            action, self.data_actions
        )


OWNER, CONTRIBUTOR = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "b24988ac-6180-42a0-ab88-20f7382dd24c"
READER, FACTORY_CONTRIBUTOR = "acdd72a7-3385-48ef-bd42-f606fba81ae7", "673868aa-7521-48a0-acc6-0f60742d39f5"
POLICY_CONTRIBUTOR = "36243c78-bf99-498c-9df9-86d9f8d28608"
SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
SECRET_READ = "Microsoft.KeyVault/vaults/secrets/getSecret/action"  # noqa: S105 - an action
BLOB_CONTRIBUTOR, BLOB_READER = "ba92f5b4-2d11-453d-a403-e96b0029c9fe", "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"

ROLES: Mapping[str, Role] = {
    OWNER: Role("Owner", ("*",), left_out=(f"{BLOBS}/*",)),
    CONTRIBUTOR: Role(
        "Contributor",
        ("*",),
        ("Microsoft.Authorization/*/write", "Microsoft.Authorization/*/delete", f"{BLOBS}/*"),
    ),
    READER: Role("Reader", ("*/read",), left_out=(f"{BLOBS}/*",)),
    FACTORY_CONTRIBUTOR: Role(
        "Data Factory Contributor",
        (
            "Microsoft.Authorization/*/read",
            "Microsoft.DataFactory/factories/*",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
        ),
    ),
    POLICY_CONTRIBUTOR: Role(
        "Resource Policy Contributor",
        (
            "*/read",
            "Microsoft.Authorization/policy*/*",
            "Microsoft.PolicyInsights/*",
            "Microsoft.Resources/deployments/*",
        ),
        left_out=(f"{BLOBS}/*",),
    ),
    SECRETS_USER: Role(
        "Key Vault Secrets User", data_actions=(SECRET_READ, "Microsoft.KeyVault/vaults/secrets/readMetadata/action")
    ),
    BLOB_CONTRIBUTOR: Role("Storage Blob Data Contributor", data_actions=(BLOB_READ, BLOB_WRITE, BLOB_DELETE)),
    BLOB_READER: Role("Storage Blob Data Reader", data_actions=(BLOB_READ,)),
}
"""By the name of the definition. A role that is not here can be assigned, and allows nothing."""


class RoleAssignments:
    """The role assignments of all subscriptions, which are resources like any other."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def assign(self, scope: str, role: str, object_id: str) -> None:
        """Assigns a role to an identity, on a resource, a group or a subscription and all that lies below it."""
        name = uuid.uuid5(uuid.NAMESPACE_URL, f"{scope.lower()} {role} {object_id}")
        self._resources.put(
            {
                "id": f"{scope}/providers/{ASSIGNMENT_TYPE}/{name}",
                "name": str(name),
                "type": ASSIGNMENT_TYPE,
                "properties": {
                    "roleDefinitionId": f"/providers/Microsoft.Authorization/roleDefinitions/{role}",
                    "principalId": object_id,
                },
            }
        )

    def scopes_of(self, object_id: str) -> list[str]:
        """Returns where an identity has roles."""
        return [
            entry["id"].lower().rpartition(WITHIN)[0]
            for entry in self._resources.of_type(ASSIGNMENT_TYPE)
            if entry["properties"]["principalId"].lower() == object_id.lower()
        ]

    def allows(self, object_id: str, action: str, scope: str) -> bool:
        """Tells whether some role of an identity allows an action on a resource."""
        subscription = "/".join(scope.split("/")[:3])
        assigned = (
            entry["properties"]["roleDefinitionId"]
            for entry in self._resources.of_type(ASSIGNMENT_TYPE, subscription)
            if entry["properties"]["principalId"].lower() == object_id.lower()
            and lies_within(scope, entry["id"].lower().rpartition(WITHIN)[0])
        )
        return role_allows(assigned, action)


def role_allows(definitions: Iterable[str], action: str) -> bool:
    """Tells whether one of some role definitions, given by name or id, allows an action."""
    known = (ROLES.get(definition.rpartition("/")[2].lower()) for definition in definitions)
    return any(role.allows(action) for role in known if role)


def lies_within(resource_id: str, scope: str) -> bool:
    return f"{resource_id.lower()}/".startswith(f"{scope.lower()}/")


def _matches(action: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch(action.lower(), pattern.lower()) for pattern in patterns)
