"""What an installation keeps things in: the lake's storage account, and the vault of the application's secret.

What belongs here: those resources of the template. No secret is among them: the vendor's deployment writes it after
the installation.
"""

from __future__ import annotations

from typing import Any

STORAGE_ACCOUNT = "[resourceId('Microsoft.Storage/storageAccounts', variables('storageAccount'))]"
VAULT = "[resourceId('Microsoft.KeyVault/vaults', variables('keyVault'))]"


def lake() -> list[dict[str, Any]]:
    """Data Lake Storage Gen2, encrypted twice, that takes Microsoft Entra sign-ins over TLS alone.

    It is open to all networks: Data Connect delivers from addresses of its own.
    """
    encrypted = {"enabled": True, "keyType": "Account"}
    account = {
        "type": "Microsoft.Storage/storageAccounts",
        "apiVersion": "2025-06-01",
        "name": "[variables('storageAccount')]",
        "location": "[parameters('location')]",
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
        "properties": {
            "isHnsEnabled": True,
            "minimumTlsVersion": "TLS1_2",
            "supportsHttpsTrafficOnly": True,
            "allowBlobPublicAccess": False,
            "allowSharedKeyAccess": False,
            "allowCrossTenantReplication": False,
            "publicNetworkAccess": "Enabled",
            "networkAcls": {"defaultAction": "Allow", "bypass": "AzureServices"},
            "encryption": {
                "keySource": "Microsoft.Storage",
                "requireInfrastructureEncryption": True,
                "services": {"blob": encrypted, "file": encrypted},
            },
        },
    }
    container = {
        "type": "Microsoft.Storage/storageAccounts/blobServices/containers",
        "apiVersion": "2025-06-01",
        "name": "[concat(variables('storageAccount'), '/default/', variables('container'))]",
        "properties": {"publicAccess": "None"},
        "dependsOn": [STORAGE_ACCOUNT],
    }
    return [account, container]


def vault() -> dict[str, Any]:
    """A Key Vault that is read by roles, and whose secrets outlive a deletion."""
    return {
        "type": "Microsoft.KeyVault/vaults",
        "apiVersion": "2025-05-01",
        "name": "[variables('keyVault')]",
        "location": "[parameters('location')]",
        "properties": {
            "tenantId": "[subscription().tenantId]",
            "sku": {"family": "A", "name": "standard"},
            "enableRbacAuthorization": True,
            "enableSoftDelete": True,
            "enablePurgeProtection": True,
            "softDeleteRetentionInDays": 90,
        },
    }
