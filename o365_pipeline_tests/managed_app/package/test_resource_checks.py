"""What Azure's resource providers would refuse of a template is told before it is published."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from o365_pipeline.managed_app.arm.resource_facts import resource_types, template_functions, wizard_functions
from o365_pipeline.managed_app.package.package import TEMPLATE, packed
from o365_pipeline.managed_app.package.package_problems import Problem
from o365_pipeline.managed_app.package.validation import validate
from o365_pipeline.managed_app.template.azure_template import main_template
from o365_pipeline_tests.managed_app.installing import example_package, offer

Change = Callable[[Any], None]


def broken(change: Change) -> list[Problem]:
    document = json.loads(example_package().files[TEMPLATE])
    change(document)
    return validate(packed("p.zip", {**example_package().files, TEMPLATE: json.dumps(document).encode()}))


def of(template: Any, kind: str, name: str = "") -> Any:
    """The first resource of a type, of that name if there is one."""
    return next(one for one in template["resources"] if one["type"].endswith(kind) and name in one["name"])


def needs_what_needs_it(template: Any) -> None:
    account, container = of(template, "storageAccounts"), of(template, "containers")
    account["dependsOn"] = [
        f"[resourceId('{container['type']}', variables('storageAccount'), 'default', variables('container'))]"
    ]


def refers_to_what_needs_it(template: Any) -> None:
    factory = of(template, "factories")
    pipeline = "[reference(resourceId('Microsoft.DataFactory/factories/pipelines', variables('factory'), '{}')).x]"
    factory["properties"]["repoConfiguration"] = {"type": pipeline.format("o365_User_v1")}


def copy_of(template: Any) -> Any:
    return of(template, "pipelines", "User_v1")["properties"]["activities"][0]


@pytest.mark.parametrize(
    ("change", "path", "message", "remedy"),
    [
        (needs_what_needs_it, "", "in a circle: Microsoft.Storage", "correct the expression"),
        (refers_to_what_needs_it, "", "in a circle: Microsoft.DataFactory", "correct the expression"),
        (
            lambda t: of(t, "storageAccounts").update(apiVersion="2025-13-01"),
            "apiVersion",
            "Microsoft.Storage/storageAccounts has no version 2025-13-01",
            "the newest of",
        ),
        (
            lambda t: of(t, "virtualNetworkRules").update(type="Microsoft.Sql/servers/virtualNetworkRule"),
            "type",
            "Azure has no type Microsoft.Sql/servers/virtualNetworkRule",
            "correct its name",
        ),
        (lambda t: of(t, "vaults").update(apiVersion="2031-01-01"), "apiVersion", "no version 2031-01-01", "2026"),
        (lambda t: of(t, "Sql/servers").pop("location"), "resources", "location is missing", "write it"),
        (lambda t: of(t, "vaults")["properties"].pop("tenantId"), "properties", "tenantId is missing", "write it"),
        (
            lambda t: of(t, "storageAccounts")["properties"].update(minimalTlsVersion="TLS1_2"),
            "properties.minimalTlsVersion",
            "no property minimalTlsVersion",
            "correct its name",
        ),
        (
            lambda t: of(t, "storageAccounts")["properties"].update(minimumTlsVersion="1.2"),
            "minimumTlsVersion",
            "there is no 1.2",
            "choose TLS1_0",
        ),
        (
            lambda t: of(t, "storageAccounts")["sku"].update(name="Standard_XRS"),
            "sku.name",
            "there is no Standard_XRS",
            "choose",
        ),
        (
            lambda t: of(t, "storageAccounts")["properties"].update(isHnsEnabled="yes"),
            "isHnsEnabled",
            "neither true nor false",
            "true or false",
        ),
        (lambda t: of(t, "storageAccounts").update(kind="Gen2"), "kind", "there is no Gen2", "StorageV2"),
        (
            lambda t: t["variables"]["sizes"]["weekly"].update(database="GP_S_Gen5_3"),
            "sku.name",
            "there is no GP_S_Gen5_3",
            "that Azure sells",
        ),
        (
            lambda t: t["variables"].update(storageAccount="[concat('lakeofcontoso', variables('unique'))]"),
            "name",
            "has 26 characters",
            "takes 3 to 24",
        ),
        (
            lambda t: t["variables"].update(storageAccount="[concat('O365-', take(variables('unique'), 5))]"),
            "name",
            "is no name of a Microsoft.Storage/storageAccounts",
            "leave out",
        ),
        (
            lambda t: t["variables"].update(container="lake_of"),
            "name",
            "lake_of is no name of a",
            "leave out",
        ),
        (lambda t: copy_of(t).update(type="Kopy"), "type", "there is no Kopy", "correct its name"),
        (
            lambda t: copy_of(t)["typeProperties"].update(sourze=1),
            "typeProperties.sourze",
            "no property sourze",
            "correct its name",
        ),
        (
            lambda t: t["variables"]["copySources"]["o365_User_v1"].update(outputColums=[]),
            "source.outputColums",
            "no property outputColums",
            "correct its name",
        ),
        (
            lambda t: of(t, "linkedservices", "o365_vault")["properties"]["typeProperties"].update(
                baseUrl="[concat('https://', variables('keyVault'), '.vault.azure.net')]"
            ),
            "typeProperties.baseUrl",
            "put together as a text",
            "uri()",
        ),
    ],
)
def test_what_a_resource_provider_would_refuse_is_told(change: Change, path: str, message: str, remedy: str) -> None:
    problems = broken(change)

    assert any(
        one.file == TEMPLATE and path in one.path and message in one.message and remedy in one.remedy
        for one in problems
    ), problems


def test_a_name_that_azure_reads_in_any_spelling_is_taken() -> None:
    def spelled(template: Any) -> None:
        account = of(template, "storageAccounts")
        account["properties"]["MinimumTLSVersion"] = account["properties"].pop("minimumTlsVersion").lower()
        account["apiversion"] = account.pop("apiVersion")

    assert broken(spelled) == []


def test_every_type_that_the_package_installs_has_facts_of_the_version_that_it_uses() -> None:
    for resource in main_template(offer())["resources"]:
        known = resource_types()[resource["type"].lower()]
        assert resource["apiVersion"] == known.described


def test_facts_hold_what_they_describe() -> None:
    for known in resource_types().values():
        assert known.described in (known.api_versions or (known.described,))
        assert list(known.api_versions) == sorted(set(known.api_versions))
    assert {"concat", "reference", "uri"} <= template_functions()
    assert {"concat", "basics", "steps"} <= wizard_functions()
