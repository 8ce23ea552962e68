"""The roles of a deployment: one row for each, with its reason, and no others.

What belongs here: those role assignments, and what the lock on a managed resource group has to let through for them.
The vendor's own access is the offer's authorizations, which Azure grants during the installation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from o365_pipeline.managed_app.template.factory import FACTORY, FACTORY_VERSION
from o365_pipeline.managed_app.template.identity import IDENTITY, INSIGHTS_IDENTITY, INSIGHTS_PRINCIPAL_ID, PRINCIPAL_ID
from o365_pipeline.managed_app.template.storage import STORAGE_ACCOUNT, VAULT

VERSION = "2022-04-01"
REGISTRY = "[resourceId('Microsoft.ContainerRegistry/registries', variables('registryName'))]"
PRINCIPALS = {
    "pipeline": f"[{PRINCIPAL_ID}]",
    "factory": f"[reference({FACTORY[1:-1]}, '{FACTORY_VERSION}', 'Full').identity.principalId]",
    "application": "[parameters('applicationObjectId')]",
    "insights": f"[{INSIGHTS_PRINCIPAL_ID}]",
}
IDENTITIES = {"pipeline": IDENTITY, "factory": FACTORY, "insights": INSIGHTS_IDENTITY}
"""The resources whose managed identities are granted something."""


@dataclass(frozen=True)
class Grant:
    """One role that somebody has on one resource."""

    who: Literal["pipeline", "factory", "application", "insights"]
    role: str
    role_id: str
    reason: str
    on: str = ""
    """The type of the resource; empty for the whole resource group."""
    scope: str = ""
    """The resource's id, as an expression."""
    actions: tuple[str, ...] = ()
    """The management actions that are needed of the role beside reading."""
    data_actions: tuple[str, ...] = ()
    """The data actions of the role."""
    condition: str = ""
    """Where it is granted, as an expression without brackets; everywhere if empty."""

    @property
    def name(self) -> str:
        """The name of its assignment, as an expression without brackets."""
        where = self.scope[1:-1] if self.scope else "resourceGroup().id"
        return f"guid({where}, '{self.who}', '{self.role_id}')"

    @property
    def assignment(self) -> str:
        """The id of its assignment on one resource, as an expression."""
        return f"[extensionResourceId({self.scope[1:-1]}, 'Microsoft.Authorization/roleAssignments', {self.name})]"


BLOB_ACTIONS = tuple(
    f"Microsoft.Storage/storageAccounts/blobServices/containers/blobs/{action}"
    for action in ("add/action", "delete", "move/action", "read", "write")
)
GRANTS = (
    Grant(
        "pipeline",
        "Data Factory Contributor",
        "673868aa-7521-48a0-acc6-0f60742d39f5",
        "The pipeline writes the factory's pipelines, and starts, watches and cancels their runs.",
        "Microsoft.DataFactory/factories",
        FACTORY,
        actions=(
            *(
                f"Microsoft.DataFactory/factories/{kind}/write"
                for kind in ("integrationruntimes", "linkedservices", "datasets", "pipelines")
            ),
            "Microsoft.DataFactory/factories/pipelines/createrun/action",
            "Microsoft.DataFactory/factories/querypipelineruns/action",
            "Microsoft.DataFactory/factories/pipelineruns/queryactivityruns/action",
            "Microsoft.DataFactory/factories/pipelineruns/cancel/action",
        ),
    ),
    Grant(
        "pipeline",
        "Storage Blob Data Contributor",
        "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        "The pipeline reads what landed, writes manifests and what is curated, deletes what is purged, and keeps logs.",
        "Microsoft.Storage/storageAccounts",
        STORAGE_ACCOUNT,
        data_actions=BLOB_ACTIONS,
    ),
    Grant(
        "pipeline",
        "Container Apps Jobs Contributor",
        "4e3d2b60-56ae-4dc6-a233-09c8e5a82e68",
        "Dagster makes a Container Apps job for each run, starts and stops it.",
        actions=(
            *(f"Microsoft.App/jobs/{action}" for action in ("write", "delete", "start/action", "stop/action")),
            "Microsoft.App/managedEnvironments/join/action",
        ),
    ),
    Grant(
        "pipeline",
        "Managed Identity Operator",
        "f1a07417-d97a-45cb-824c-7a7467783830",
        "The jobs of the runs sign in as the pipeline's identity, so it may hand itself on.",
        "Microsoft.ManagedIdentity/userAssignedIdentities",
        IDENTITY,
        actions=("Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",),
    ),
    Grant(
        "pipeline",
        "Reader",
        "acdd72a7-3385-48ef-bd42-f606fba81ae7",
        "The doctor sees whether the application's secret is in the vault; it cannot read the secret.",
    ),
    Grant(
        "factory",
        "Key Vault Secrets User",
        "4633458b-17de-408a-b874-0445c86b69e6",
        "The factory reads the application's secret, which it signs in to Data Connect and to the lake with.",
        "Microsoft.KeyVault/vaults",
        VAULT,
        data_actions=(
            "Microsoft.KeyVault/vaults/secrets/getSecret/action",
            "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
        ),
    ),
    Grant(
        "application",
        "Storage Blob Data Contributor",
        "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        "Data Connect writes to the lake as the application, and by no other way.",
        "Microsoft.Storage/storageAccounts",
        STORAGE_ACCOUNT,
        data_actions=BLOB_ACTIONS,
    ),
)
"""The roles of every deployment."""

ASKS_ABOUT_POLICIES = Grant(
    "pipeline",
    "Resource Policy Contributor",
    "36243c78-bf99-498c-9df9-86d9f8d28608",
    "The pipeline asks before each extraction whether the policies hold; the lock on the group denies the rest of the "
    "role.",
    actions=("Microsoft.PolicyInsights/policyStates/queryResults/action",),
)
"""The role where policies are assigned: to read is not enough for the question (Microsoft: permissions of
Microsoft.PolicyInsights).
"""

PULLS_IMAGE = Grant(
    "pipeline",
    "AcrPull",
    "7f951dda-4ed3-4680-a7ca-43fe172d538d",
    "The containers get their image from the organisation's own registry.",
    "Microsoft.ContainerRegistry/registries",
    REGISTRY,
    condition="variables('hasRegistry')",
)
"""The role where the image lies in a registry of the same resource group."""

INSIGHTS_PULLS_IMAGE = replace(
    PULLS_IMAGE,
    who="insights",
    reason="The application's container gets its image from the same registry.",
    condition="and(variables('hasRegistry'), variables('hasInsights'))",
)
"""The same for the application, which has no other role."""

OF_PURCHASERS = (
    "Microsoft.App/containerApps/exec/action",
    "Microsoft.App/containerApps/getauthtoken/action",
    "Microsoft.App/containerApps/logstream/action",
    "Microsoft.KeyVault/vaults/secrets/write",
    "Microsoft.Sql/servers/firewallRules/delete",
    "Microsoft.Sql/servers/firewallRules/write",
)
"""What the ReadMe lets a purchaser do: run the doctor, put the secret into the vault, admit addresses to the mart."""

INSTALLED = (*GRANTS, ASKS_ABOUT_POLICIES)
ACTIONS = tuple(sorted({*OF_PURCHASERS, *(action for grant in INSTALLED for action in grant.actions)}))
DATA_ACTIONS = tuple(sorted({action for grant in INSTALLED for action in grant.data_actions}))
"""The actions that the lock on the managed resource group must let through.

The lock denies everybody except the vendor's principals, including the identities of the installation itself, and takes
precedence over their roles (Microsoft: deny assignments; ApplicationPackageLockingPolicyDefinition, "deny assignment
excluded actions"). What it lets through gives nobody access: an action needs a role, too.
"""


def roles(*grants: Grant, vendor_tenant_id: str | None = None) -> list[dict[str, Any]]:
    """Returns the assignments.

    Args:
        vendor_tenant_id: the tenant of the vendor whose package it is, as an expression. A managed identity of another
            tenant is granted something only with its resource id; Azure refuses that property within one tenant
            (Microsoft: delegatedManagedIdentityResourceId).
    """
    return [_assignment(grant, vendor_tenant_id) for grant in grants]


def _assignment(grant: Grant, vendor_tenant_id: str | None) -> dict[str, Any]:
    properties = {
        "roleDefinitionId": f"[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '{grant.role_id}')]",
        "principalId": PRINCIPALS[grant.who],
        "principalType": "ServicePrincipal",
        "description": grant.reason,
    }
    holder = IDENTITIES.get(grant.who)
    if holder and vendor_tenant_id:
        at_home = f"equals(toLower(subscription().tenantId), {vendor_tenant_id})"
        properties["delegatedManagedIdentityResourceId"] = f"[if({at_home}, json('null'), {holder[1:-1]})]"
    needs = [one for one in ("" if grant.scope == REGISTRY else grant.scope, holder) if one]
    return {
        "type": "Microsoft.Authorization/roleAssignments",
        "apiVersion": VERSION,
        "name": f"[{grant.name}]",
        **({"condition": f"[{grant.condition}]"} if grant.condition else {}),
        **({"scope": grant.scope} if grant.scope else {}),
        "properties": properties,
        "dependsOn": list(dict.fromkeys(needs)),
    }
