"""The storage of an installation: the lake's storage account, and the vault for the application's secret.

What belongs here: those resources of the template. The template contains no secret: the vendor's deployment writes it
after the installation.
"""

from __future__ import annotations

from typing import Any

STORAGE_ACCOUNT = "[resourceId('Microsoft.Storage/storageAccounts', variables('storageAccount'))]"
VAULT = "[resourceId('Microsoft.KeyVault/vaults', variables('keyVault'))]"


def lake() -> list[dict[str, Any]]:
    """Returns a Data Lake Storage Gen2 account, encrypted twice, that accepts only Microsoft Entra sign-ins over TLS.

    It is open to all networks, since Data Connect delivers from its own addresses.
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
    """Returns a Key Vault that is read through roles and whose secrets survive a deletion."""
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
