"""The identities: user-assigned managed identities in the tenant whose data is extracted. The pipeline has one; the
application for the people of the organization has another, which may less.

What belongs here: these resources, and the expressions for what Azure knows of them. Their roles belong to `roles.py`.
"""

from __future__ import annotations

from typing import Any

VERSION = "2024-11-30"
IDENTITY = "[resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', variables('identity'))]"
PRINCIPAL_ID = f"reference({IDENTITY[1:-1]}, '{VERSION}').principalId"
CLIENT_ID = f"reference({IDENTITY[1:-1]}, '{VERSION}').clientId"
INSIGHTS_IDENTITY = "[resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', variables('insights'))]"
INSIGHTS_PRINCIPAL_ID = f"reference({INSIGHTS_IDENTITY[1:-1]}, '{VERSION}').principalId"
INSIGHTS_CLIENT_ID = f"reference({INSIGHTS_IDENTITY[1:-1]}, '{VERSION}').clientId"


def identities() -> list[dict[str, Any]]:
    """Returns the identity that the containers and the runs sign in as, and the application's; they have no secrets."""
    return [_identity("identity"), {**_identity("insights"), "condition": "[variables('hasInsights')]"}]


def _identity(name: str) -> dict[str, Any]:
    return {
        "type": "Microsoft.ManagedIdentity/userAssignedIdentities",
        "apiVersion": VERSION,
        "name": f"[variables('{name}')]",
        "location": "[parameters('location')]",
    }
