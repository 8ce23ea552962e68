"""What lies in a subscription, as Resource Manager lists it, and the groups and roles that are made there."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from azure.core.rest import HttpResponse
from azure.mgmt.datafactory import DataFactoryManagementClient
from starlette.testclient import TestClient

from o365_pipeline.sandbox.app import served_app
from o365_pipeline.sandbox.azure.resources import Resources
from o365_pipeline.sandbox.azure.roles import OWNER, READER, RoleAssignments
from o365_pipeline.sandbox.azure.subscriptions import Subscriptions
from o365_pipeline.sandbox.transport import sandbox_transport
from o365_pipeline_tests.sandbox.conftest import FACTORY, GROUP, GROUP_ID, PIPELINE, World

VERSION = "2022-09-01"
FACTORIES = f"{GROUP_ID}/providers/Microsoft.DataFactory/factories"


def values(answer: HttpResponse) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text()
    listed: list[dict[str, Any]] = answer.json()["value"]
    return listed


def names(answer: HttpResponse) -> list[str]:
    return [entry["name"] for entry in values(answer)]


def test_the_cloud_describes_itself_to_whoever_asks(world: World) -> None:
    client = TestClient(served_app(world.factories, world.entra), base_url="https://localhost:3443")

    newest = client.get("/metadata/endpoints", params={"api-version": VERSION}).json()
    older = client.get("/metadata/endpoints", params={"api-version": "2019-05-01"}).json()

    assert newest["resourceManager"] == newest["authentication"]["loginEndpoint"] == "https://localhost:3443"
    assert older == [newest]


def test_a_caller_sees_the_subscriptions_of_its_tenant_in_which_it_has_a_role(strict: World) -> None:
    principal = strict.entra.directory.register(PIPELINE, "t1")
    for subscription, tenant in {"one": "t1", "two": "t1", "three": "t2"}.items():
        Subscriptions(strict.factories.state).create(subscription, tenant)
    RoleAssignments(Resources(strict.factories.state)).assign(
        "/subscriptions/two/resourceGroups/rg", READER, principal.object_id
    )

    found = values(strict.arm("GET", "/subscriptions", VERSION))

    assert [(entry["subscriptionId"], entry["tenantId"]) for entry in found] == [("two", "t1")]
    assert [entry["tenantId"] for entry in values(strict.arm("GET", "/tenants", VERSION))] == ["t1"]


def test_a_group_is_made_listed_and_deleted_with_what_lies_in_it(world: World) -> None:
    def group(method: str, **body: Any) -> HttpResponse:
        return world.arm(method, "/subscriptions/sub/resourcegroups/new", VERSION, json=body or None)

    missing = group("GET")
    made = group("PUT", location="westeurope", tags={"a": "b"})
    elsewhere = group("PUT", location="eastus")
    Resources(world.factories.state).put({"id": f"{GROUP_ID}/providers/a/b/c", "type": "a/b", "name": "c"})
    listed = names(world.arm("GET", "/subscriptions/sub/resourcegroups", VERSION))

    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "ResourceGroupNotFound")
    assert (made.status_code, made.json()["tags"], made.json()["properties"]) == (
        201,
        {"a": "b"},
        {"provisioningState": "Succeeded"},
    )
    assert (elsewhere.status_code, group("GET").json()["location"]) == (409, "westeurope")
    assert listed == ["new", GROUP]
    assert [group("DELETE").status_code, group("GET").status_code] == [202, 404]


def test_what_a_factory_has_is_listed(world: World) -> None:
    pipeline = world.deploy()
    client = DataFactoryManagementClient(world.credential(), "sub", transport=sandbox_transport(world.app))

    assert [found.name for found in client.pipelines.list_by_factory(GROUP, FACTORY)] == [pipeline]
    assert len(list(client.datasets.list_by_factory(GROUP, FACTORY))) == 2
    assert list(client.triggers.list_by_factory(GROUP, FACTORY)) == []
    assert names(world.arm("GET", f"{FACTORIES}/{FACTORY}/PIPELINES".lower(), "2018-06-01")) == [pipeline]


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Microsoft.DataFactory/factories", "providers/Microsoft.DataFactory/factories"),
        ("Microsoft.Authorization/policyAssignments", "providers/Microsoft.Authorization/policyAssignments"),
        ("Microsoft.Resources/deployments", "providers/Microsoft.Resources/deployments"),
        ("Microsoft.Storage/storageAccounts", "resources"),
    ],
)
def test_resources_of_a_group_are_listed_by_type(world: World, kind: str, path: str) -> None:
    for group in (GROUP_ID, f"{GROUP_ID}2"):
        Resources(world.factories.state).put({"id": f"{group}/providers/{kind}/one", "type": kind, "name": "one"})

    assert names(world.arm("GET", f"{GROUP_ID}/{path}", VERSION)) == ["one"]
    assert len(names(world.arm("GET", f"/subscriptions/sub/{path}", VERSION))) == 2


def test_a_role_is_assigned_to_an_identity_of_the_directory_alone(world: World) -> None:
    principal = world.entra.directory.register("other", "t1")

    def assign(object_id: str) -> HttpResponse:
        path = f"{FACTORIES}/{FACTORY}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
        role = f"/subscriptions/sub/providers/Microsoft.Authorization/roleDefinitions/{OWNER}"
        properties = {"principalId": object_id, "roleDefinitionId": role}
        return world.arm("PUT", path, "2022-04-01", json={"properties": properties})

    known, unknown = assign(principal.object_id), assign(str(uuid.uuid4()))

    assert (known.status_code, unknown.status_code) == (201, 400)
    assert unknown.json()["error"]["code"] == "PrincipalNotFound"
    assert RoleAssignments(Resources(world.factories.state)).allows(
        principal.object_id, "Microsoft.DataFactory/factories/read", f"{FACTORIES}/{FACTORY}"
    )
    roles = f"{GROUP_ID}/providers/Microsoft.Authorization/roleDefinitions?$filter=roleName eq 'Owner'"
    assert names(world.arm("GET", roles, "2022-04-01")) == [OWNER]
