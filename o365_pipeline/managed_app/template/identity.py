"""The pipeline's identity: a user-assigned managed identity in the tenant whose data is extracted.

What belongs here: that resource, and the expressions for what Azure knows of it. Its roles belong to `roles.py`.
"""

from __future__ import annotations

from typing import Any

VERSION = "2024-11-30"
IDENTITY = "[resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', variables('identity'))]"
PRINCIPAL_ID = f"reference({IDENTITY[1:-1]}, '{VERSION}').principalId"
CLIENT_ID = f"reference({IDENTITY[1:-1]}, '{VERSION}').clientId"


def identity() -> dict[str, Any]:
    """Returns the identity that the containers and the runs sign in as; it has no secret."""
    return {
        "type": "Microsoft.ManagedIdentity/userAssignedIdentities",
        "apiVersion": VERSION,
        "name": "[variables('identity')]",
        "location": "[parameters('location')]",
    }
