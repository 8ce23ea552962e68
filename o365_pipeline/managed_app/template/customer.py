"""The customer of a deployment, as its containers are told: whose data, by which factory, into which lake.

What belongs here: the parameters and variables that make O365_CUSTOMERS. What an entry may say belongs to
`customers/configuration.py`.
"""

from __future__ import annotations

from typing import Any

OWN = "own"
"""The customer's name where nobody gives it one."""

VAULT_ADDRESS = "concat('https://', variables('keyVault'), environment().suffixes.keyvaultDns)"
CUSTOMERS = (
    "string(createObject('customers', createObject(parameters('customer'), "
    "union(variables('customerEntry'), parameters('customerSettings')))))"
)
"""What O365_CUSTOMERS says where it names no file."""


def customer_parameters() -> dict[str, Any]:
    """Returns the parameters that both templates have."""
    return {
        "customer": {
            "type": "string",
            "defaultValue": OWN,
            "minLength": 1,
            "maxLength": 63,
            "metadata": {"description": "The organisation's short name: small letters, digits and hyphens."},
        },
        "applicationId": {
            "type": "string",
            "minLength": 36,
            "maxLength": 36,
            "metadata": {"description": "Client id of the application that is registered with Data Connect."},
        },
        "applicationObjectId": {
            "type": "string",
            "minLength": 36,
            "maxLength": 36,
            "metadata": {"description": "Object id of that application's service principal: it writes to the lake."},
        },
        "applicationTenantId": {
            "type": "string",
            "defaultValue": "[subscription().tenantId]",
            "metadata": {"description": "The tenant in which the application is registered: one's own."},
        },
        "applicationSecret": {
            "type": "securestring",
            "defaultValue": "",
            "metadata": {
                "description": "The application's secret, for the Key Vault alone. Empty: put it there later."
            },
        },
        "installedOn": {
            "type": "string",
            "defaultValue": "[utcNow('yyyy-MM-dd')]",
            "minLength": 10,
            "maxLength": 10,
            "metadata": {
                "description": "The day from which the history is counted. Deploying again: as the output says."
            },
        },
        "customerSettings": {
            "type": "object",
            "defaultValue": {},
            "metadata": {
                "description": "More keys of the customer's entry, such as deny_groups, as `o365-pipeline customers "
                "schema` tells them."
            },
        },
    }


def customer_variables(history_days: str, schedule: str, installation: str | None = None) -> dict[str, Any]:
    """Returns the variable of the customer's entry.

    Args:
        history_days: the expression of how many days the first window covers.
        schedule: the expression of when days are extracted.
        installation: the expression of what installed it, if a managed application did.
    """
    midnight, history = "concat(parameters('installedOn'), 'T00:00:00Z')", f"concat('-P', string({history_days}), 'D')"
    first_day = f"dateTimeAdd({midnight}, {history}, 'yyyy-MM-dd')"
    registered = (
        "createObject('application_id', parameters('applicationId'), "
        "'application_tenant_id', parameters('applicationTenantId'))"
    )
    entry = {
        "tenant_id": "[subscription().tenantId]",
        "subscription_id": "[subscription().subscriptionId]",
        "resource_group": "[resourceGroup().name]",
        "factory": "[variables('factory')]",
        "region": "[parameters('location')]",
        "storage": "adls-gen2",
        "storage_account": "[variables('storageAccount')]",
        "container": "[variables('container')]",
        "first_day": f"[{first_day}]",
        "initial_days": f"[{history_days}]",
        "schedule": f"[{schedule}]",
        "application_secret": {"key_vault": f"[concat({VAULT_ADDRESS}, '/secrets/', variables('secretName'))]"},
        "data_request": f"[union(variables('dataRequest'), {registered})]",
        **({"installation": f"[{installation}]"} if installation else {}),
    }
    return {"customerEntry": entry}
