"""The two templates: an enterprise's own (deploy/azure/mainTemplate.json), and the one in the package of an offer.

What belongs here: their parameters, variables and outputs, and the resources that one of them has alone. Both are made
of the same parts, which belong to the other files of this folder.
"""

from __future__ import annotations

from typing import Any

from o365_pipeline.customers.customer import NIGHTLY
from o365_pipeline.customers.data_request import MAX_GROUPS
from o365_pipeline.customers.regions import REGION_NAMES
from o365_pipeline.managed_app.arm.template_language import literal, quoted
from o365_pipeline.managed_app.offer import Offer
from o365_pipeline.managed_app.template.containers import NOTIFICATIONS_PORT, container_app, containers
from o365_pipeline.managed_app.template.customer import (
    CUSTOMERS,
    VAULT_ADDRESS,
    customer_parameters,
    customer_variables,
)
from o365_pipeline.managed_app.template.data_request import request_variables
from o365_pipeline.managed_app.template.factory import allowed_groups, copies, copy_sources, factory
from o365_pipeline.managed_app.template.identity import identities
from o365_pipeline.managed_app.template.insights import insights, insights_parameters
from o365_pipeline.managed_app.template.network import network
from o365_pipeline.managed_app.template.outputs import outputs, texts
from o365_pipeline.managed_app.template.policies import assignments
from o365_pipeline.managed_app.template.postgres import ADMINISTRATOR, dagster_storage
from o365_pipeline.managed_app.template.roles import (
    ASKS_ABOUT_POLICIES,
    GRANTS,
    INSIGHTS_PULLS_IMAGE,
    PULLS_IMAGE,
    roles,
)
from o365_pipeline.managed_app.template.sql import mart
from o365_pipeline.managed_app.template.storage import CONTAINER, LOGS_CONTAINER, SECRET_NAME, lake, vault

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
PREFIX = "o365"
POSTGRES_SKU, POSTGRES_TIER = "Standard_B2s", "Burstable"
DATABASE_SIZE = "GP_S_Gen5_2"


def main_template(offer: Offer) -> dict[str, Any]:
    """Builds the template that a purchaser of the offer installs."""
    granted = (*GRANTS, ASKS_ABOUT_POLICIES) if offer.policies else GRANTS
    return {
        "$schema": SCHEMA,
        "contentVersion": f"{offer.version}.0",
        "metadata": {"description": f"{offer.display_name} by {offer.publisher}."},
        "parameters": _installed_parameters(offer),
        "variables": _installed_variables(offer),
        "resources": [
            *_common([], []),
            *insights([], []),
            *copies(offer),
            *roles(*granted, vendor_tenant_id=quoted(offer.management.tenant_id)),
            *assignments(offer),
        ],
        "outputs": {
            **texts({"sku": ("[parameters('sku')]", "The size that was chosen."),
                      "packageVersion": (offer.version, "The version of the package.")}),
            **outputs(),
        },
    }  # fmt: skip


def enterprise_template() -> dict[str, Any]:
    """Builds the template that an enterprise deploys; also a vendor for its own pipeline, or to look after
    installations.
    """
    notified = container_app(
        "notifications",
        ("o365-pipeline", "managed-app", "listen", "--host", "0.0.0.0", "--port", str(NOTIFICATIONS_PORT)),  # noqa: S104
        ("0.25", "0.5Gi"),
        "[variables('registries')]",
        [ADMINISTRATOR, PULLS_IMAGE.assignment],
        ingress={"external": True, "transport": "http", "targetPort": NOTIFICATIONS_PORT, "allowInsecure": False},
        secrets=[{"name": "notification-signature", "value": "[parameters('notificationSignature')]"}],
        variables=[{"name": "O365_NOTIFICATION_SIGNATURE", "secretRef": "notification-signature"}],
    )
    return {
        "$schema": SCHEMA,
        "contentVersion": "1.0.0.0",
        "metadata": {"description": "One enterprise's o365_pipeline. `o365-pipeline docs` writes this file."},
        "parameters": _enterprise_parameters(),
        "variables": _enterprise_variables(),
        "resources": [
            *_common("[variables('registries')]", [PULLS_IMAGE.assignment]),
            {**notified, "condition": "[not(empty(parameters('offerFile')))]"},
            *insights("[variables('insightsRegistries')]", [INSIGHTS_PULLS_IMAGE.assignment]),
            *roles(*GRANTS, PULLS_IMAGE, INSIGHTS_PULLS_IMAGE),
        ],
        "outputs": outputs(),
    }


def _common(registries: str | list[Any], needs: list[str]) -> list[dict[str, Any]]:
    """Returns the parts of both templates."""
    ground = [*identities(), *network(), *lake(), *vault(), factory()]
    return [*ground, *mart(), *dagster_storage(), *containers(registries, needs)]


def _location(regions: list[str]) -> dict[str, Any]:
    described = "Where everything lies: a region that Data Connect delivers the mailboxes' data into."
    return {"type": "string", "allowedValues": regions, "metadata": {"description": described}}


def _text_parameter(description: str, default: str | None = "", **more: Any) -> dict[str, Any]:
    given = {} if default is None else {"defaultValue": default}
    return {"type": "string", **given, **more, "metadata": {"description": description}}


def _of_the_ui() -> dict[str, Any]:
    """Returns the parameters of the sign-in to Dagster's UI."""
    return {
        "uiApplicationId": _text_parameter(
            "Client id of the Entra application that people sign in to the pipeline's pages with. Empty: they are not "
            "reachable from outside."
        ),
        "uiApplicationSecret": _text_parameter("Secret of that application.") | {"type": "securestring"},
        "uiPeople": {
            "type": "array",
            "defaultValue": [],
            "metadata": {"description": "Object ids of the people who may see the pages. None: whom Entra lets in."},
        },
    }


def _installed_parameters(offer: Offer) -> dict[str, Any]:
    return {
        "location": _location(list(offer.regions)),
        "sku": {
            "type": "string",
            "allowedValues": [sku.name for sku in offer.skus],
            **({"defaultValue": offer.skus[0].name} if offer.has_one_plan else {}),
            "metadata": {"description": "The size that was chosen."},
        },
        **customer_parameters(),
        "extractGroups": {
            "type": "array",
            "defaultValue": [],
            "maxLength": MAX_GROUPS,
            "metadata": {
                "description": "Object ids of the groups whose members' data is extracted; none: everybody's."
            },
        },
        **_of_the_ui(),
        **insights_parameters(),
    }


def _enterprise_parameters() -> dict[str, Any]:
    return {
        "location": _location(sorted(REGION_NAMES)),
        "namePrefix": _text_parameter(
            "Small letters and digits that the names of all resources begin with.", PREFIX, minLength=3, maxLength=10
        ),
        "image": _text_parameter("The container image, by digest: registry.azurecr.io/o365-pipeline@sha256:...", None),
        "containerRegistry": _text_parameter(
            "Name of the Azure Container Registry, in this resource group, that holds the image; empty where anybody "
            "may pull it."
        ),
        **customer_parameters(),
        "dataRequest": {
            "type": "object",
            "defaultValue": {},
            "metadata": {
                "description": "What the approver is asked for, as `o365-pipeline customers request` prints it. Empty "
                "where customersFile names the customers, or an offer is sold."
            },
        },
        "historyDays": {
            "type": "int",
            "defaultValue": 7,
            "minValue": 1,
            "maxValue": 366,
            "metadata": {"description": "How many days before installedOn the first window begins."},
        },
        "schedule": _text_parameter("When days are extracted: five fields of cron, UTC.", NIGHTLY),
        "startSensors": {
            "type": "bool",
            "defaultValue": False,
            "metadata": {"description": "Whether sensors and schedules are on from the start."},
        },
        "customersFile": _text_parameter(
            "Where the image has a file that names the customers, for more than one of them (O365_CUSTOMERS)."
        ),
        "offerFile": _text_parameter(
            "Where a vendor's image has the file of the offer that is sold as a managed application (O365_OFFER)."
        ),
        "notificationSignature": _text_parameter(
            "Secret that Azure signs its notifications of the offer's installations with."
        )
        | {"type": "securestring"},
        "sqlSku": _text_parameter("Size of the mart's database; the default is serverless.", DATABASE_SIZE),
        "postgresSku": _text_parameter(
            "Size of the PostgreSQL server; it must allow some 100 connections for 20 runs at once.", POSTGRES_SKU
        ),
        "postgresTier": _text_parameter(
            "Tier of that size.", POSTGRES_TIER, allowedValues=["Burstable", "GeneralPurpose", "MemoryOptimized"]
        ),
        **_of_the_ui(),
        **insights_parameters(),
    }


def _installed_variables(offer: Offer) -> dict[str, Any]:
    sizes = {
        sku.name: {"database": literal(sku.database), "historyDays": sku.history_days, "schedule": sku.schedule}
        for sku in offer.skus
    }
    bought = "variables('sizes')[parameters('sku')]"
    sources = copy_sources(offer)
    return {
        **_names(quoted(PREFIX)),
        "image": literal(offer.image),
        "sizes": sizes,
        "databaseSize": f"[{bought}.database]",
        "postgresSku": POSTGRES_SKU,
        "postgresTier": POSTGRES_TIER,
        "regionNames": {region: REGION_NAMES[region] for region in offer.regions},
        **({"copySources": sources, "allowedGroups": allowed_groups()} if sources else {}),
        "lakeAddress": "[concat('https://', variables('storageAccount'), '.dfs.', environment().suffixes.storage)]",
        "keyVaultUrl": f"[uri({VAULT_ADDRESS}, '/')]",
        **request_variables(offer),
        **customer_variables(f"{bought}.historyDays", f"{bought}.schedule", installation="resourceGroup().id"),
        "customers": f"[{CUSTOMERS}]",
        "offer": "",
        "startSensors": "true",
    }


def _enterprise_variables() -> dict[str, Any]:
    """Returns the variables. Without a file of customers the containers are told the one customer; a vendor that only
    sells has none.
    """
    own = f"if(empty(parameters('dataRequest')), '', {CUSTOMERS})"
    return {
        **_names("parameters('namePrefix')"),
        "notifications": "[concat(parameters('namePrefix'), '-notifications')]",
        "image": "[parameters('image')]",
        "hasRegistry": "[not(empty(parameters('containerRegistry')))]",
        "registryName": "[if(variables('hasRegistry'), parameters('containerRegistry'), 'none')]",
        "registryServer": "[concat(parameters('containerRegistry'), '.azurecr.io')]",
        "registries": _own_registry("identity"),
        "insightsRegistries": _own_registry("insights"),
        "databaseSize": "[parameters('sqlSku')]",
        "postgresSku": "[parameters('postgresSku')]",
        "postgresTier": "[parameters('postgresTier')]",
        "dataRequest": "[parameters('dataRequest')]",
        **customer_variables("parameters('historyDays')", "parameters('schedule')"),
        "customers": f"[if(empty(parameters('customersFile')), {own}, parameters('customersFile'))]",
        "offer": "[parameters('offerFile')]",
        "startSensors": "[string(parameters('startSensors'))]",
    }


def _own_registry(identity: str) -> str:
    """Returns the expression of the registries that take an identity, which a variable names."""
    holder = f"resourceId('Microsoft.ManagedIdentity/userAssignedIdentities', variables('{identity}'))"
    own = f"createObject('server', variables('registryServer'), 'identity', {holder})"
    return f"[if(variables('hasRegistry'), createArray({own}), createArray())]"


def _names(prefix: str) -> dict[str, Any]:
    """Returns the names of all resources.

    Args:
        prefix: the expression of what they begin with.
    """
    return {
        "unique": "[uniqueString(resourceGroup().id)]",
        "identity": f"[concat({prefix}, '-pipeline')]",
        "network": f"[concat({prefix}, '-network')]",
        "storageAccount": f"[take(concat({prefix}, variables('unique')), 24)]",
        "container": CONTAINER,
        "logsContainer": LOGS_CONTAINER,
        "factory": f"[concat({prefix}, '-', variables('unique'))]",
        "keyVault": f"[take(concat({prefix}, '-', variables('unique')), 24)]",
        "secretName": SECRET_NAME,
        "sqlServer": f"[concat({prefix}, '-sql-', variables('unique'))]",
        "database": "mart",
        "mart": (
            "[concat('mssql+pyodbc://@', variables('sqlServer'), environment().suffixes.sqlServerHostname, '/', "
            "variables('database'))]"
        ),
        "postgres": f"[concat({prefix}, '-pg-', variables('unique'))]",
        "postgresHost": "[concat(variables('postgres'), '.postgres.database.azure.com')]",
        "postgresDatabase": "dagster",
        "privateNames": f"[concat({prefix}, variables('unique'), '.private.postgres.database.azure.com')]",
        "logs": f"[concat({prefix}, '-logs')]",
        "appsEnvironment": f"[concat({prefix}, '-apps')]",
        "codeServer": f"[concat({prefix}, '-code')]",
        "webserver": f"[concat({prefix}, '-webserver')]",
        "daemon": f"[concat({prefix}, '-daemon')]",
        "insights": f"[concat({prefix}, '-insights')]",
        "hasUi": "[not(empty(parameters('uiApplicationId')))]",
        "hasInsights": "[not(empty(parameters('insightsApplicationId')))]",
    }
