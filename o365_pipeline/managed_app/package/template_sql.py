"""The mart of an installation: a SQL server that accepts only Microsoft Entra sign-ins, and its database.

What belongs here: those resources of the template. The mart creates its own tables at the first connection.
"""

from __future__ import annotations

from typing import Any

from o365_pipeline.managed_app.offer import Offer
from o365_pipeline.managed_app.package.template_language import literal

VERSION = "2025-01-01"
SERVER = "[resourceId('Microsoft.Sql/servers', variables('sqlServer'))]"
DATABASE = "[resourceId('Microsoft.Sql/servers/databases', variables('sqlServer'), variables('database'))]"


def database_sizes(offer: Offer) -> dict[str, str]:
    """Returns the size of the database by the SKU's name."""
    return {sku.name: literal(sku.database) for sku in offer.skus}


def mart(offer: Offer) -> list[dict[str, Any]]:
    """Returns the server, its database with transparent encryption, and the firewall rule for Azure's own addresses.

    The application administers the server. Azure SQL identifies an application by its client id, not by the object id
    of its service principal (Microsoft: create a server with Microsoft Entra-only authentication).
    """
    administrator = {
        "administratorType": "ActiveDirectory",
        "azureADOnlyAuthentication": True,
        "principalType": "Application",
        "login": literal(offer.request.application_name),
        "sid": offer.request.application_id,
        "tenantId": "[subscription().tenantId]",
    }
    server = {
        "type": "Microsoft.Sql/servers",
        "apiVersion": VERSION,
        "name": "[variables('sqlServer')]",
        "location": "[parameters('location')]",
        "properties": {
            "version": "12.0",
            "minimalTlsVersion": "1.2",
            "publicNetworkAccess": "Enabled",
            "administrators": administrator,
        },
    }
    return [server, _database(), _encryption(), _way_in()]


def _database() -> dict[str, Any]:
    return {
        "type": "Microsoft.Sql/servers/databases",
        "apiVersion": VERSION,
        "name": "[concat(variables('sqlServer'), '/', variables('database'))]",
        "location": "[parameters('location')]",
        "sku": {"name": "[variables('databaseSizes')[parameters('sku')]]"},
        "properties": {
            "collation": "SQL_Latin1_General_CP1_CI_AS",
            "requestedBackupStorageRedundancy": "Local",
        },
        "dependsOn": [SERVER],
    }


def _encryption() -> dict[str, Any]:
    return {
        "type": "Microsoft.Sql/servers/databases/transparentDataEncryption",
        "apiVersion": VERSION,
        "name": "[concat(variables('sqlServer'), '/', variables('database'), '/current')]",
        "properties": {"state": "Enabled"},
        "dependsOn": [DATABASE],
    }


def _way_in() -> dict[str, Any]:
    return {
        "type": "Microsoft.Sql/servers/firewallRules",
        "apiVersion": VERSION,
        "name": "[concat(variables('sqlServer'), '/AllowAllWindowsAzureIps')]",
        "properties": {"startIpAddress": "0.0.0.0", "endIpAddress": "0.0.0.0"},  # noqa: S104 - Azure's own addresses
        "dependsOn": [SERVER],
    }
