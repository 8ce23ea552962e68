"""The mart: a SQL server that accepts only Microsoft Entra sign-ins, and its database.

What belongs here: those resources of the template. The mart creates its own tables at the first connection.
"""

from __future__ import annotations

from typing import Any

from o365_pipeline.managed_app.template.identity import CLIENT_ID, IDENTITY
from o365_pipeline.managed_app.template.network import APPS_SUBNET, NETWORK

VERSION = "2025-01-01"
SERVER = "[resourceId('Microsoft.Sql/servers', variables('sqlServer'))]"
DATABASE = "[resourceId('Microsoft.Sql/servers/databases', variables('sqlServer'), variables('database'))]"


def mart() -> list[dict[str, Any]]:
    """Returns the server, its database with transparent encryption, and the rule that admits the containers' subnet.

    The pipeline's identity administers the server. Azure SQL identifies an application by its client id, not by its
    object id (Microsoft: sys.server_principals, sid).
    """
    administrator = {
        "administratorType": "ActiveDirectory",
        "azureADOnlyAuthentication": True,
        "principalType": "Application",
        "login": "[variables('identity')]",
        "sid": f"[{CLIENT_ID}]",
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
        "dependsOn": [IDENTITY],
    }
    return [server, _database(), _encryption(), _way_in()]


def _database() -> dict[str, Any]:
    return {
        "type": "Microsoft.Sql/servers/databases",
        "apiVersion": VERSION,
        "name": "[concat(variables('sqlServer'), '/', variables('database'))]",
        "location": "[parameters('location')]",
        "sku": {"name": "[variables('databaseSize')]"},
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
    """Returns the rule that admits the containers. No other address comes in until somebody admits it."""
    return {
        "type": "Microsoft.Sql/servers/virtualNetworkRules",
        "apiVersion": VERSION,
        "name": "[concat(variables('sqlServer'), '/apps')]",
        "properties": {"virtualNetworkSubnetId": APPS_SUBNET, "ignoreMissingVnetServiceEndpoint": False},
        "dependsOn": [SERVER, NETWORK],
    }
