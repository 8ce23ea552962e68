"""Creating a managed application through Resource Manager: what is installed, refused and told to the vendor."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from azure.core.rest import HttpResponse

from o365_pipeline.sandbox.azure import application_creation
from o365_pipeline.sandbox.azure.resources import Resources
from o365_pipeline.sandbox.azure.solutions import APPLICATION_TYPE
from o365_pipeline.sandbox.azure.subscriptions import Subscriptions
from o365_pipeline_tests.sandbox.azure.test_installation import FORM, TEMPLATE
from o365_pipeline_tests.sandbox.conftest import GROUP_ID, World

VERSION = "2019-07-01"
DEFINITION = "/subscriptions/vendors/resourceGroups/rg/providers/Microsoft.Solutions/applicationDefinitions/insights"
MANAGED = "/subscriptions/sub/resourceGroups/mrg-insights"
PARAMETERS = {"location": {"value": "westeurope"}, "sku": {"value": "weekly"}, "extractGroups": {"value": []}}

Create = Callable[..., HttpResponse]


@pytest.fixture
def told(world: World, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """What the vendor of a published definition was told: the endpoint, the event, the state."""
    told = []

    class Sender:
        def __init__(self, endpoint: str) -> None:
            self.endpoint = endpoint

        def send(self, notification: dict[str, Any]) -> bool:
            told.append((self.endpoint, notification["eventType"], notification["provisioningState"]))
            return True

    monkeypatch.setattr(application_creation, "NotificationSender", Sender)
    Subscriptions(world.factories.state).create("vendors", "vendor")
    endpoint = "https://vendor.example/notifications?sig=s"
    properties = {
        "mainTemplate": json.dumps(TEMPLATE),
        "createUiDefinition": FORM,
        "authorizations": [{"principalId": "p", "roleDefinitionId": "r"}],
        "notificationPolicy": {"notificationEndpoints": [{"uri": endpoint}]},
    }
    kind = "Microsoft.Solutions/applicationDefinitions"
    Resources(world.factories.state).put({"id": DEFINITION, "name": "insights", "type": kind, "properties": properties})
    return told


@pytest.fixture
def create(world: World) -> Create:
    def create(kind: str = "ServiceCatalog", **properties: Any) -> HttpResponse:
        asked = {"applicationDefinitionId": DEFINITION, "managedResourceGroupId": MANAGED, "parameters": PARAMETERS}
        body = {"location": "westeurope", "kind": kind, "properties": {**asked, **properties}}
        return world.arm("PUT", f"{GROUP_ID}/providers/{APPLICATION_TYPE}/mine", VERSION, json=body)

    return create


def test_the_template_is_installed_with_the_given_parameters(world: World, create: Create, told: list[Any]) -> None:
    made = create()

    assert (made.status_code, made.json()["properties"]["provisioningState"]) == (201, "Succeeded")
    properties = made.json()["properties"]
    assert (properties["publisherTenantId"], properties["outputs"]["sku"]["value"]) == ("vendor", "weekly")
    assert properties["authorizations"] == [{"principalId": "p", "roleDefinitionId": "r"}]
    assert Resources(world.factories.state).all(MANAGED)
    assert create().status_code == 200
    endpoint = "https://vendor.example/notifications?sig=s"
    assert set(told) >= {(endpoint, "PUT", "Accepted")}


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    ("kind", "change", "status", "code"),
    [
        ("MarketPlace", {}, 400, "InvalidRequestContent"),
        ("ServiceCatalog", {"applicationDefinitionId": f"{DEFINITION}2"}, 404, "ApplicationDefinitionNotFound"),
        ("ServiceCatalog", {"managedResourceGroupId": "mrg-insights"}, 400, "InvalidRequestContent"),
        ("ServiceCatalog", {"parameters": {}}, 400, "ApplianceDeploymentFailed"),
        ("ServiceCatalog", {"parameters": {"location": "westeurope"}}, 400, "InvalidRequestContent"),
    ],
)
def test_what_azure_would_refuse_is_refused(
    world: World, create: Create, kind: str, change: dict[str, Any], status: int, code: str
) -> None:
    answer = create(kind, **change)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert Resources(world.factories.state).all(MANAGED) == []
