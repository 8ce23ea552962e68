"""mainTemplate.json: everything that an installation creates in the managed resource group.

What belongs here: the template's parameters, variables and outputs. Its resources belong, by subject, to
`template_storage.py`, `template_factory.py`, `template_sql.py`, `template_roles.py` and `template_policies.py`.
"""

from __future__ import annotations

from typing import Any

from o365_pipeline.customers.data_request import MAX_GROUPS
from o365_pipeline.customers.regions import REGION_NAMES
from o365_pipeline.managed_app.offer import Offer
from o365_pipeline.managed_app.package.template_factory import (
    CONTAINER,
    SECRET_NAME,
    allowed_groups,
    copy_sources,
    factory,
)
from o365_pipeline.managed_app.package.template_policies import assignments
from o365_pipeline.managed_app.package.template_roles import roles
from o365_pipeline.managed_app.package.template_sql import database_sizes, mart
from o365_pipeline.managed_app.package.template_storage import lake, vault

VAULT_ADDRESS = "concat('https://', variables('keyVault'), environment().suffixes.keyvaultDns)"
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"


def main_template(offer: Offer) -> dict[str, Any]:
    """Builds the template of an offer."""
    return {
        "$schema": SCHEMA,
        "contentVersion": f"{offer.version}.0",
        "metadata": {"description": f"{offer.display_name} by {offer.publisher}."},
        "parameters": _parameters(offer),
        "variables": _variables(offer),
        "resources": [*lake(), vault(), *factory(offer), *mart(offer), *roles(offer), *assignments(offer)],
        "outputs": _outputs(offer),
    }


def _parameters(offer: Offer) -> dict[str, Any]:
    return {
        "location": {
            "type": "string",
            "allowedValues": list(offer.regions),
            "metadata": {"description": "Where everything lies: a region that Data Connect delivers mailboxes into."},
        },
        "sku": {
            "type": "string",
            "allowedValues": [sku.name for sku in offer.skus],
            **({"defaultValue": offer.skus[0].name} if offer.has_one_plan else {}),
            "metadata": {"description": "The size that was chosen."},
        },
        "applicationObjectId": {
            "type": "string",
            "minLength": 36,
            "maxLength": 36,
            "metadata": {"description": "Object id of the vendor's application in this tenant: it writes the lake."},
        },
        "extractGroups": {
            "type": "array",
            "defaultValue": [],
            "maxLength": MAX_GROUPS,
            "metadata": {
                "description": "Object ids of the groups whose members' data is extracted; none: everybody's."
            },
        },
    }


def _variables(offer: Offer) -> dict[str, Any]:
    return {
        "unique": "[uniqueString(resourceGroup().id)]",
        "storageAccount": "[take(concat('o365', variables('unique')), 24)]",
        "lakeAddress": "[concat('https://', variables('storageAccount'), '.dfs.', environment().suffixes.storage)]",
        "container": CONTAINER,
        "factory": "[concat('o365-', variables('unique'))]",
        "keyVault": "[take(concat('o365-', variables('unique')), 24)]",
        "keyVaultUrl": f"[uri({VAULT_ADDRESS}, '/')]",
        "sqlServer": "[concat('o365-sql-', variables('unique'))]",
        "database": "mart",
        "databaseSizes": database_sizes(offer),
        "regionNames": {region: REGION_NAMES[region] for region in offer.regions},
        **({"copySources": sources, "allowedGroups": allowed_groups()} if (sources := copy_sources(offer)) else {}),
    }


def _outputs(offer: Offer) -> dict[str, Any]:
    texts = {
        "region": ("[parameters('location')]", "Where everything lies."),
        "tenantId": ("[subscription().tenantId]", "The purchaser's tenant."),
        "sku": ("[parameters('sku')]", "The size that was chosen."),
        "packageVersion": (offer.version, "The version of the package."),
        "storageAccount": ("[variables('storageAccount')]", "The account of the lake."),
        "container": ("[variables('container')]", "The container of the lake."),
        "factory": ("[variables('factory')]", "The data factory that extracts."),
        "keyVault": (f"[{VAULT_ADDRESS}]", "Where the application's secret is kept."),
        "secretName": (SECRET_NAME, "The name of that secret."),
        "sqlServer": (
            "[concat(variables('sqlServer'), environment().suffixes.sqlServerHostname)]",
            "Where the mart answers.",
        ),
        "database": ("[variables('database')]", "The mart's database."),
    }
    groups = {
        "type": "array",
        "value": "[parameters('extractGroups')]",
        "metadata": {"description": "The groups whose members' data is extracted; none: everybody's."},
    }
    return {
        **{
            name: {"type": "string", "value": value, "metadata": {"description": description}}
            for name, (value, description) in texts.items()
        },
        "extractGroups": groups,
    }
