"""The storage: the lake's storage account, and the vault for the application's secret.

What belongs here: those resources of the template. A template contains no secret: a secure parameter hands it on, or
somebody writes it into the vault later.
"""

from __future__ import annotations

from typing import Any

from o365_pipeline.managed_app.template.network import APPS_SUBNET, NETWORK

STORAGE_VERSION, VAULT_VERSION = "2025-06-01", "2025-05-01"
CONTAINER, LOGS_CONTAINER = "lake", "dagster-logs"
SECRET_NAME = "data-connect-application"  # noqa: S105 - its name in the vault
STORAGE_ACCOUNT = "[resourceId('Microsoft.Storage/storageAccounts', variables('storageAccount'))]"
VAULT = "[resourceId('Microsoft.KeyVault/vaults', variables('keyVault'))]"


def lake() -> list[dict[str, Any]]:
    """Returns a Data Lake Storage Gen2 account, encrypted twice, that accepts only Microsoft Entra sign-ins over TLS.

    It is open to all networks, since Data Connect delivers from its own addresses.
    """
    encrypted = {"enabled": True, "keyType": "Account"}
    account = {
        "type": "Microsoft.Storage/storageAccounts",
        "apiVersion": STORAGE_VERSION,
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
    return [account, _container("container"), _container("logsContainer")]


def _container(variable: str) -> dict[str, Any]:
    return {
        "type": "Microsoft.Storage/storageAccounts/blobServices/containers",
        "apiVersion": STORAGE_VERSION,
        "name": f"[concat(variables('storageAccount'), '/default/', variables('{variable}'))]",
        "properties": {"publicAccess": "None"},
        "dependsOn": [STORAGE_ACCOUNT],
    }


def vault() -> list[dict[str, Any]]:
    """Returns a Key Vault that is read through roles, from the containers and by Microsoft's own services, such as Data
    Factory; and its secret, if it is given. Its secrets survive a deletion.
    """
    store = {
        "type": "Microsoft.KeyVault/vaults",
        "apiVersion": VAULT_VERSION,
        "name": "[variables('keyVault')]",
        "location": "[parameters('location')]",
        "properties": {
            "tenantId": "[subscription().tenantId]",
            "sku": {"family": "A", "name": "standard"},
            "enableRbacAuthorization": True,
            "enableSoftDelete": True,
            "enablePurgeProtection": True,
            "softDeleteRetentionInDays": 90,
            "networkAcls": {
                "defaultAction": "Deny",
                "bypass": "AzureServices",
                "virtualNetworkRules": [{"id": APPS_SUBNET}],
            },
        },
        "dependsOn": [NETWORK],
    }
    secret = {
        "type": "Microsoft.KeyVault/vaults/secrets",
        "apiVersion": VAULT_VERSION,
        "name": "[concat(variables('keyVault'), '/', variables('secretName'))]",
        "condition": "[not(empty(parameters('applicationSecret')))]",
        "properties": {"value": "[parameters('applicationSecret')]"},
        "dependsOn": [VAULT],
    }
    return [store, secret]
