"""Small packages in the manner of Microsoft's samples of managed applications: valid, and not of this project's making.

What belongs here: the packages, written anew. Each has what one of Microsoft's samples has and ours has not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TEMPLATE_SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
WIZARD_SCHEMA = "https://schema.management.azure.com/schemas/0.1.2-preview/CreateUIDefinition.MultiVm.json#"
Documents = tuple[dict[str, Any], dict[str, Any]]


def template(**sections: Any) -> dict[str, Any]:
    return {"$schema": TEMPLATE_SCHEMA, "contentVersion": "1.0.0.0", "resources": [], **sections}


def wizard(**sections: Any) -> dict[str, Any]:
    parameters = {"basics": [{}], "steps": [], "outputs": {}, **sections}
    return {
        "$schema": WIZARD_SCHEMA,
        "handler": "Microsoft.Azure.CreateUIDef",
        "version": "0.1.2-preview",
        "parameters": parameters,
    }


def text_box(name: str, **more: Any) -> dict[str, Any]:
    box = {"name": name, "type": "Microsoft.Common.TextBox", "label": name, "defaultValue": ""}
    return {**box, "constraints": {"required": True, "regex": "[a-z][a-z0-9-]{1,61}[a-z0-9]"}, **more}


def page(name: str, *elements: dict[str, Any]) -> dict[str, Any]:
    labels = {"preValidation": "to do", "postValidation": "done"}
    return {"name": name, "label": name, "subLabel": labels, "bladeTitle": name, "elements": list(elements)}


def with_an_empty_deployment() -> Documents:
    """A question on the first page, no page of its own, and a nested template that makes nothing."""
    inner = {"mode": "Incremental", "template": template()}
    tracking = {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2019-10-01",
        "name": "pid-11111111-0000-4000-8000-000000000001",
        "properties": inner,
    }
    return (
        template(parameters={"userName": {"type": "string"}}, resources=[tracking], outputs={}),
        wizard(basics=[text_box("userName")], outputs={"userName": "[basics('userName')]"}),
    )


def with_a_linked_template() -> Documents:
    """An element that the portal alone fills in, and a template at an address."""
    linked = {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2019-10-01",
        "name": "storage",
        "properties": {
            "mode": "Incremental",
            "templateLink": {"uri": "[variables('inner')]", "contentVersion": "1.0.0.0"},
            "parameters": {"prefix": {"value": "[parameters('prefix')]"}, "kind": {"value": "[parameters('kind')]"}},
        },
    }
    combo = {
        "name": "accounts",
        "type": "Microsoft.Storage.MultiStorageAccountCombo",
        "label": {"prefix": "Prefix", "type": "Type"},
        "defaultValue": {"type": "Standard_LRS"},
    }
    given = {"prefix": "[steps('storage').accounts.prefix]", "kind": "[steps('storage').accounts.type]"}
    return (
        template(
            parameters={
                "prefix": {"type": "string"},
                "kind": {"type": "String"},
                "location": {"type": "string", "defaultValue": "[resourceGroup().location]"},
            },
            variables={"inner": "[uri(deployment().properties.templateLink.uri, 'inner/storage.json')]"},
            resources=[linked],
            outputs={"endpoint": {"type": "string", "value": "[reference('storage').outputs.endpoint.value]"}},
        ),
        wizard(steps=[page("storage", combo)], outputs={**given, "location": "[location()]"}),
    )


def with_machines() -> Documents:
    """A loop over machines, dependencies without resourceId(), resources within resources, keys in other spelling."""
    disks = {"name": "disks", "count": 2, "input": {"lun": "[copyIndex('disks')]", "createOption": "Empty"}}
    network = {
        "type": "Microsoft.Network/virtualNetworks",
        "apiVersion": "2023-04-01",
        "name": "[variables('network')]",
        "location": "[parameters('location')]",
        "tags": {"for": "machines"},
        "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}},
        "resources": [
            {
                "type": "subnets",
                "apiVersion": "2023-04-01",
                "name": "default",
                "dependsOn": ["[concat('Microsoft.Network/virtualNetworks/', variables('network'))]"],
                "properties": {"addressPrefix": "10.0.0.0/24"},
            }
        ],
    }
    card = {
        "type": "Microsoft.Network/networkInterfaces",
        "apiVersion": "2023-04-01",
        "name": "[concat(parameters('prefix'), '-nic-', copyIndex())]",
        "location": "[parameters('location')]",
        "copy": {"name": "cards", "count": "[parameters('machines')]"},
        "dependsOn": ["[resourceId('Microsoft.Network/virtualNetworks/subnets/', variables('network'), 'default')]"],
        "properties": {
            "subnet": {"id": "[concat(resourceId('Microsoft.Network/virtualNetworks', variables('network')), '/x')]"}
        },
    }
    machine = {
        "type": "Microsoft.Compute/virtualMachines",
        "apiVersion": "2023-07-01",
        "name": "[concat(parameters('prefix'), '-', copyIndex(1))]",
        "location": "[parameters('location')]",
        "comments": "one for each card",
        "copy": {"name": "all", "count": "[parameters('machines')]"},
        "dependsOn": ["cards"],
        "zones": ["1"],
        "properties": {
            "osProfile": {
                "adminPassword": "[parameters('password')]",
                "computerName": "[toUpper(parameters('prefix'))]",
            },
            "dataDisks": "[if(equals(parameters('tier'), 'Production'), variables('disks'), json('null'))]",
            "protectedSettings": {
                "storageAccountKey": "[listKeys(resourceId('Microsoft.Storage/storageAccounts', 'logs'), '2023-01-01').keys[0].value]"  # noqa: E501
            },
            "diagnostics": {"storageUri": "[concat('https://', parameters('prefix'), '.blob.core.windows.net')]"},
        },
    }
    box = {
        "name": "password",
        "type": "Microsoft.Compute.CredentialsCombo",
        "label": {"password": "Password", "confirmPassword": "Again"},
        "osPlatform": "Windows",
    }
    size = {"name": "size", "type": "Microsoft.Compute.SizeSelector", "label": "Size", "count": 1}
    tiers = {
        "name": "tier",
        "type": "Microsoft.Common.OptionsGroup",
        "label": "Tier",
        "defaultValue": "Trial",
        "constraints": {
            "allowedValues": [{"label": "Trial", "value": "Trial"}, {"label": "Paid", "value": "Production"}]
        },
    }
    return (
        template(
            parameters={
                "location": {"type": "string", "defaultvalue": "[resourceGroup().location]"},
                "prefix": {"type": "string", "maxLength": 12, "defaultValue": ""},
                "password": {"type": "securestring"},
                "machines": {"type": "int", "defaultValue": 2, "minValue": 1, "maxValue": 5},
                "tier": {"type": "string", "allowedValues": ["Trial", "Production"]},
                "never": {"type": "string", "defaultValue": "used"},
            },
            variables={"network": "[concat(Parameters('prefix'), '-net')]", "copy": [disks]},
            resources=[machine, card, network],
            outputs={"first": {"type": "string", "value": "[reference(concat(parameters('prefix'), '-1')).vmId]"}},
        ),
        wizard(
            steps=[
                page("machines", text_box("namePrefix"), box, size),
                page(
                    "tier", {"name": "more", "type": "Microsoft.Common.Section", "label": "More", "elements": [tiers]}
                ),
            ],
            outputs={
                "Prefix": "[toLower(steps('machines').namePrefix)]",
                "password": "[steps('machines').password.password]",
                "tier": "[steps('tier').more.tier]",
                "location": "[location()]",
                "applicationResourceName": "[concat('vm-', steps('machines').nothingOfThatName)]",
            },
        ),
    )


def with_symbolic_names() -> Documents:
    """Resources by symbolic name, one of them existing, and a function of the template's own."""
    store = {
        "type": "Microsoft.Storage/storageAccounts",
        "apiVersion": "2023-01-01",
        "name": "[format('store{0}', uniqueString(resourceGroup().id))]",
        "location": "[resourceGroup().location]",
        "kind": "StorageV2",
        "sku": {"name": "Standard_LRS"},
        "properties": {},
    }
    container = {
        "type": "Microsoft.Storage/storageAccounts/blobServices/containers",
        "apiVersion": "2023-01-01",
        "name": "[format('{0}/default/files', our.name())]",
        "dependsOn": ["store"],
    }
    vault = {"existing": True, "type": "Microsoft.KeyVault/vaults", "apiVersion": "2023-07-01", "name": "theirs"}
    function = {"namespace": "our", "members": {"name": {"output": {"type": "string", "value": "store"}}}}
    return (
        template(
            languageVersion="2.0",
            functions=[function],
            resources={"store": store, "container": container, "vault": vault},
            outputs={"store": {"type": "string", "value": "[reference('store').primaryEndpoints.blob]"}},
        ),
        wizard(basics=[], config={"isWizard": False}),
    )


VALID: Mapping[str, Documents] = {
    "empty deployment": with_an_empty_deployment(),
    "linked template": with_a_linked_template(),
    "machines": with_machines(),
    "symbolic names": with_symbolic_names(),
}
