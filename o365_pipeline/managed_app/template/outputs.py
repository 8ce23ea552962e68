"""The outputs of the templates: what whoever installed it needs for the steps that follow.

What belongs here: those of both templates, and how an output is written.
"""

from __future__ import annotations

from typing import Any

from o365_pipeline.managed_app.template.identity import CLIENT_ID, INSIGHTS_CLIENT_ID, PRINCIPAL_ID


def outputs() -> dict[str, Any]:
    """Returns what whoever installed it needs for the steps that follow."""
    webserver, insights_app = _address("webserver"), _address("insights")
    return texts(
        {
            "region": ("[parameters('location')]", "Where everything lies."),
            "tenantId": ("[subscription().tenantId]", "The tenant whose data is extracted."),
            "installedOn": ("[parameters('installedOn')]", "The day from which the history is counted."),
            "applicationId": ("[parameters('applicationId')]", "The application to register, as single-tenant."),
            "storageAccount": ("[variables('storageAccount')]", "The storage account to register as destination."),
            "sink": (
                "[concat('https://', variables('storageAccount'), '.dfs.', environment().suffixes.storage, '/', "
                "variables('container'))]",
                "Its address, to register as the destination's URI.",
            ),
            "identityObjectId": (f"[{PRINCIPAL_ID}]", "The identity to grant ActivityFeed.Read to."),
            "identityClientId": (f"[{CLIENT_ID}]", "The client id of the same identity."),
            "identityName": ("[variables('identity')]", "The name of the same identity."),
            "factory": ("[variables('factory')]", "The data factory that extracts."),
            "keyVault": ("[variables('keyVault')]", "The vault for the application's secret."),
            "secretName": ("[variables('secretName')]", "The name of that secret."),
            "sqlServer": (
                "[concat(variables('sqlServer'), environment().suffixes.sqlServerHostname)]",
                "Where the mart answers.",
            ),
            "database": ("[variables('database')]", "The mart's database."),
            "codeServer": ("[variables('codeServer')]", "The container in which the doctor is run."),
            "webserver": (f"[{webserver}]", "Where the pipeline's pages answer."),
            "insights": (
                f"[if(variables('hasInsights'), {insights_app}, '')]",
                "Where the application for the organisation's people answers; empty where there is none.",
            ),
            "insightsIdentity": ("[variables('insights')]", "The name of the identity of that application."),
            "insightsClientId": (
                f"[if(variables('hasInsights'), {INSIGHTS_CLIENT_ID}, '')]",
                "The client id of that identity, to admit it to the mart.",
            ),
        }
    )


def _address(container: str) -> str:
    """Returns the expression of where a container's pages answer."""
    app = f"resourceId('Microsoft.App/containerApps', variables('{container}'))"
    return f"uri(concat('https://', reference({app}).configuration.ingress.fqdn), '/')"


def texts(described: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """Returns outputs of text, each from its value and its description."""
    return {
        name: {"type": "string", "value": value, "metadata": {"description": description}}
        for name, (value, description) in described.items()
    }
