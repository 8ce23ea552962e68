"""Dagster's storage: a PostgreSQL server that accepts only Microsoft Entra sign-ins, from the containers' network.

What belongs here: those resources of the template. The pipeline's identity administers the server; Dagster makes its
own tables.
"""

from __future__ import annotations

from typing import Any

from o365_pipeline.managed_app.template.identity import IDENTITY, PRINCIPAL_ID
from o365_pipeline.managed_app.template.network import DATABASES_SUBNET, LINK, NAMES, NETWORK

VERSION = "2025-08-01"
SERVER_TYPE = "Microsoft.DBforPostgreSQL/flexibleServers"
SERVER = f"[resourceId('{SERVER_TYPE}', variables('postgres'))]"
SECURE = f"[resourceId('{SERVER_TYPE}/configurations', variables('postgres'), 'require_secure_transport')]"
DATABASE = f"[resourceId('{SERVER_TYPE}/databases', variables('postgres'), variables('postgresDatabase'))]"
ADMINISTRATOR_DEPLOYMENT = "dagster-storage-administrator"
ADMINISTRATOR = f"[resourceId('Microsoft.Resources/deployments', '{ADMINISTRATOR_DEPLOYMENT}')]"


def dagster_storage() -> list[dict[str, Any]]:
    """Returns the server, its database, and its administrator. PostgreSQL makes one change at a time, so each resource
    waits for the one before.
    """
    return [_server(), _secure_transport(), _database(), _administrator()]


def _server() -> dict[str, Any]:
    return {
        "type": SERVER_TYPE,
        "apiVersion": VERSION,
        "name": "[variables('postgres')]",
        "location": "[parameters('location')]",
        "sku": {"name": "[variables('postgresSku')]", "tier": "[variables('postgresTier')]"},
        "properties": {
            "version": "16",
            "authConfig": {
                "activeDirectoryAuth": "Enabled",
                "passwordAuth": "Disabled",
                "tenantId": "[subscription().tenantId]",
            },
            "storage": {"storageSizeGB": 32, "autoGrow": "Enabled"},
            "backup": {"backupRetentionDays": 14, "geoRedundantBackup": "Disabled"},
            "network": {"delegatedSubnetResourceId": DATABASES_SUBNET, "privateDnsZoneArmResourceId": NAMES},
        },
        "dependsOn": [NETWORK, LINK],
    }


def _secure_transport() -> dict[str, Any]:
    return {
        "type": f"{SERVER_TYPE}/configurations",
        "apiVersion": VERSION,
        "name": "[concat(variables('postgres'), '/require_secure_transport')]",
        "properties": {"value": "on", "source": "user-override"},
        "dependsOn": [SERVER],
    }


def _database() -> dict[str, Any]:
    return {
        "type": f"{SERVER_TYPE}/databases",
        "apiVersion": VERSION,
        "name": "[concat(variables('postgres'), '/', variables('postgresDatabase'))]",
        "properties": {"charset": "UTF8"},
        "dependsOn": [SECURE],
    }


def _administrator() -> dict[str, Any]:
    """Returns the administrator, whose name is the identity's object id: only a deployment of its own may be named
    after what Azure knows of another resource.
    """
    given = {"server": "[variables('postgres')]", "principalId": f"[{PRINCIPAL_ID}]", "name": "[variables('identity')]"}
    described = {
        "server": "The PostgreSQL server.",
        "principalId": "Object id of the pipeline's identity.",
        "name": "Name of the pipeline's identity; it is the user's name.",
    }
    administrator = {
        "type": f"{SERVER_TYPE}/administrators",
        "apiVersion": VERSION,
        "name": "[concat(parameters('server'), '/', parameters('principalId'))]",
        "properties": {
            "principalType": "ServicePrincipal",
            "principalName": "[parameters('name')]",
            "tenantId": "[subscription().tenantId]",
        },
    }
    return {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2024-03-01",
        "name": ADMINISTRATOR_DEPLOYMENT,
        "properties": {
            "mode": "Incremental",
            "expressionEvaluationOptions": {"scope": "inner"},
            "parameters": {name: {"value": value} for name, value in given.items()},
            "template": {
                "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
                "contentVersion": "1.0.0.0",
                "parameters": {
                    name: {"type": "string", "metadata": {"description": text}} for name, text in described.items()
                },
                "resources": [administrator],
            },
        },
        "dependsOn": [DATABASE, IDENTITY],
    }
