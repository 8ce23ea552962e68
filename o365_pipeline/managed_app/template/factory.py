"""The data factory, and everything that it needs to copy each dataset of an offer's data request.

What belongs here: the factory, and converting the definitions of the live pipeline into resources of the template. The
definitions belong to `extraction/factory_definitions.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from o365_pipeline.customers.customer import Customer, KeyVaultSecret
from o365_pipeline.customers.partitions import FIRST_DAY
from o365_pipeline.customers.regions import REGION_NAMES
from o365_pipeline.extraction.factory_definitions import Definition, Kind, copy_definitions, pipeline_name
from o365_pipeline.managed_app.arm.template_language import templated
from o365_pipeline.managed_app.offer import Offer
from o365_pipeline.managed_app.template.data_request import can_be_limited_to_groups
from o365_pipeline.managed_app.template.storage import CONTAINER, SECRET_NAME, VAULT

FACTORY_VERSION = "2018-06-01"
FACTORY = "[resourceId('Microsoft.DataFactory/factories', variables('factory'))]"

KINDS: Mapping[Kind, str] = {
    "integration runtime": "integrationRuntimes",
    "linked service": "linkedservices",
    "dataset": "datasets",
    "pipeline": "pipelines",
}
REFERENCES: Mapping[str, Kind] = {
    "IntegrationRuntimeReference": "integration runtime",
    "LinkedServiceReference": "linked service",
    "DatasetReference": "dataset",
}
TENANT, ACCOUNT, VAULT_URL = "stand-in-tenant", "standinaccount", "https://stand-in-vault"
APPLICATION, APPLICATION_TENANT = "stand-in-application", "stand-in-registration"
STAND_INS: Mapping[str, str] = {
    TENANT: "subscription().tenantId",
    APPLICATION: "parameters('applicationId')",
    APPLICATION_TENANT: "parameters('applicationTenantId')",
    ACCOUNT: "variables('storageAccount')",
    f"https://{ACCOUNT}.dfs.core.windows.net": "variables('lakeAddress')",
    f"{VAULT_URL}/": "variables('keyVaultUrl')",
    "core.windows.net": "environment().suffixes.storage",
}


def factory() -> dict[str, Any]:
    """Returns the factory, which has an identity of its own."""
    return {
        "type": "Microsoft.DataFactory/factories",
        "apiVersion": FACTORY_VERSION,
        "name": "[variables('factory')]",
        "location": "[parameters('location')]",
        "identity": {"type": "SystemAssigned"},
        "properties": {"publicNetworkAccess": "Enabled"},
    }


def copies(offer: Offer) -> list[dict[str, Any]]:
    """Returns what the factory of an installation copies by; a definition comes after those that it refers to."""
    customer = _stand_in(offer)
    definitions = {
        (definition.kind, definition.name): definition
        for requested in offer.request.datasets
        for definition in copy_definitions(customer, requested)
    }
    narrowed = {pipeline_name(requested) for requested in offer.request.datasets if can_be_limited_to_groups(requested)}
    return [_resource(definition, customer, narrowed) for definition in definitions.values()]


def copy_sources(offer: Offer) -> dict[str, Any]:
    """Returns the copy source of each pipeline that groups limit, by pipeline name: a variable of the template."""
    customer = _stand_in(offer)
    return {
        definition.name: templated(_copy(definition.properties)["source"], STAND_INS)
        for requested in offer.request.datasets
        if can_be_limited_to_groups(requested)
        for definition in copy_definitions(customer, requested)
        if definition.kind == "pipeline"
    }


def allowed_groups() -> str:
    """Returns what the purchaser's groups add to a copy source: a variable of the template; nothing if there are no
    groups.
    """
    return (
        "[if(empty(parameters('extractGroups')), json('{}'), "
        "createObject('allowedGroups', parameters('extractGroups')))]"
    )


def _stand_in(offer: Offer) -> Customer:
    """Makes a customer with placeholders for everything that differs between installations."""
    return Customer(
        name="stand-in",
        tenant_id=TENANT,
        subscription_id="stand-in",
        resource_group="stand-in",
        factory="stand-in",
        region=offer.regions[0],
        storage_account=ACCOUNT,
        container=CONTAINER,
        first_day=FIRST_DAY,
        application_secret=KeyVaultSecret(key_vault=f"{VAULT_URL}/secrets/{SECRET_NAME}"),
        data_request=offer.request.model_copy(
            update={"application_id": APPLICATION, "application_tenant_id": APPLICATION_TENANT}
        ),
    )


def _resource(definition: Definition, customer: Customer, narrowed: set[str]) -> dict[str, Any]:
    stand_ins = dict(STAND_INS)
    if definition.kind == "integration runtime":
        stand_ins[REGION_NAMES[customer.region]] = "variables('regionNames')[parameters('location')]"
    properties = templated(definition.properties, stand_ins)
    if definition.kind == "pipeline" and definition.name in narrowed:
        _copy(properties)["source"] = f"[union(variables('copySources').{definition.name}, variables('allowedGroups'))]"
    needs = {_id(kind, name) for kind, name in _references(definition.properties)}
    needs |= {VAULT} if properties.get("type") == "AzureKeyVault" else set()
    return {
        "type": f"Microsoft.DataFactory/factories/{KINDS[definition.kind]}",
        "apiVersion": FACTORY_VERSION,
        "name": f"[concat(variables('factory'), '/{definition.name}')]",
        "properties": properties,
        "dependsOn": [FACTORY, *sorted(needs)],
    }


def _copy(pipeline: dict[str, Any]) -> dict[str, Any]:
    """Returns the settings of the only activity of a pipeline."""
    [activity] = pipeline["activities"]
    copied: dict[str, Any] = activity["typeProperties"]
    return copied


def _id(kind: Kind, name: str) -> str:
    return f"[resourceId('Microsoft.DataFactory/factories/{KINDS[kind]}', variables('factory'), '{name}')]"


def _references(value: Any) -> Iterator[tuple[Kind, str]]:
    """Returns the definitions that a definition refers to."""
    if isinstance(value, Mapping):
        if value.get("type") in REFERENCES and "referenceName" in value:
            yield REFERENCES[value["type"]], value["referenceName"]
        for part in value.values():
            yield from _references(part)
    elif isinstance(value, list):
        for part in value:
            yield from _references(part)
