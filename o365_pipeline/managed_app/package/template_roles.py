"""The role assignments of an installation: two, each with its reason, and no others.

What belongs here: those resources of the template. The vendor's own access is the offer's authorization, which Azure
grants during the installation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from o365_pipeline.managed_app.offer import Offer
from o365_pipeline.managed_app.package.template_factory import FACTORY
from o365_pipeline.managed_app.package.template_language import quoted
from o365_pipeline.managed_app.package.template_storage import STORAGE_ACCOUNT, VAULT

VERSION = "2022-04-01"


@dataclass(frozen=True)
class Grant:
    """One role that somebody has on one resource."""

    who: str
    role: str
    role_id: str
    on: str
    """The type of the resource."""
    data_actions: tuple[str, ...]
    """The data actions of the role. They are not management actions, and the lock on the resource group would deny
    them.
    """
    reason: str


FACTORY_READS_SECRETS = Grant(
    who="factory",
    role="Key Vault Secrets User",
    role_id="4633458b-17de-408a-b874-0445c86b69e6",
    on="Microsoft.KeyVault/vaults",
    data_actions=(
        "Microsoft.KeyVault/vaults/secrets/getSecret/action",
        "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
    ),
    reason="The factory reads the application's secret, which it signs in to Data Connect and to the lake with.",
)
APPLICATION_WRITES_LAKE = Grant(
    who="application",
    role="Storage Blob Data Contributor",
    role_id="ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    on="Microsoft.Storage/storageAccounts",
    data_actions=tuple(
        f"Microsoft.Storage/storageAccounts/blobServices/containers/blobs/{action}"
        for action in ("add/action", "delete", "move/action", "read", "write")
    ),
    reason="Data Connect writes to the lake as the application, and by no other way; the application reads it there.",
)
GRANTS = (FACTORY_READS_SECRETS, APPLICATION_WRITES_LAKE)
DATA_ACTIONS = tuple(sorted(action for grant in GRANTS for action in grant.data_actions))
"""The data actions that the lock on the managed resource group must allow.

The lock denies everybody except the vendor's principals, including the factory's identity and the application in the
purchaser's tenant, and takes precedence over their roles (Microsoft: deny assignments;
ApplicationPackageLockingPolicyDefinition, "deny assignment excluded data actions"). The exclusion gives people of the
purchaser no access: a data action needs a role, too.
"""


def roles(offer: Offer) -> list[dict[str, Any]]:
    """Returns the two assignments.

    The factory's identity is in the purchaser's tenant. If that is not the vendor's tenant, Azure requires the
    identity's resource id; if it is, Azure refuses that property (Microsoft: delegatedManagedIdentityResourceId).
    """
    vendor = quoted(offer.request.application_tenant_id)
    factory = FACTORY[1:-1]
    told = f"[if(equals(toLower(subscription().tenantId), {vendor}), json('null'), {factory})]"
    identity = f"[reference({factory}, '2018-06-01', 'Full').identity.principalId]"
    return [
        _assignment(FACTORY_READS_SECRETS, VAULT, identity, [VAULT, FACTORY], told),
        _assignment(APPLICATION_WRITES_LAKE, STORAGE_ACCOUNT, "[parameters('applicationObjectId')]", [STORAGE_ACCOUNT]),
    ]


def _assignment(
    grant: Grant, scope: str, principal: str, needs: list[str], identity_of: str | None = None
) -> dict[str, Any]:
    role = f"subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '{grant.role_id}')"
    properties = {
        "roleDefinitionId": f"[{role}]",
        "principalId": principal,
        "principalType": "ServicePrincipal",
        "description": grant.reason,
    }
    return {
        "type": "Microsoft.Authorization/roleAssignments",
        "apiVersion": VERSION,
        "name": f"[guid({scope[1:-1]}, '{grant.who}', '{grant.role_id}')]",
        "scope": scope,
        "properties": properties
        if identity_of is None
        else properties | {"delegatedManagedIdentityResourceId": identity_of},
        "dependsOn": needs,
    }
