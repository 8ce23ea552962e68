"""Resource Manager's route that creates a managed application, as `az managedapp create` and the portal call it.

What belongs here: reading the request, and what is installed because of it. Installing belongs to `installation.py`;
reading and deleting applications belong to `solutions.py`. Source: Azure/azure-rest-api-specs, specification/solutions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from o365_pipeline.managed_app.package.arm_template import Target
from o365_pipeline.raw.lakes import Lakes
from o365_pipeline.sandbox.azure.application_package import ApplicationPackage, package_of
from o365_pipeline.sandbox.azure.arm_endpoints import check_version, goes_on, refuse_content
from o365_pipeline.sandbox.azure.arm_endpoints import field as field_of
from o365_pipeline.sandbox.azure.installation import Installer
from o365_pipeline.sandbox.azure.notification_sender import NotificationSender
from o365_pipeline.sandbox.azure.purchases import Purchase, Sold
from o365_pipeline.sandbox.azure.resources import Resource, Resources, named
from o365_pipeline.sandbox.azure.solutions import API_VERSION, APPLICATION_TYPE, GROUP, IN_MOTION
from o365_pipeline.sandbox.azure.subscriptions import Subscriptions
from o365_pipeline.sandbox.clock import Clock
from o365_pipeline.sandbox.endpoints import Body, endpoint
from o365_pipeline.sandbox.state import State
from o365_pipeline.sandbox.wire_errors import ServiceError


@dataclass(frozen=True)
class Order(Purchase):
    """A purchase whose groups and parameters a request names."""

    resource_id: str = ""
    managed_group: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def application_id(self) -> str:
        return self.resource_id

    @property
    def target(self) -> Target:
        return Target(self.subscription_id, self.tenant_id, self.managed_group, self.region)

    @property
    def answers(self) -> dict[str, Any]:
        return dict(self.parameters)


def application_routes(state: State, lakes: Lakes, clock: Clock) -> list[Route]:
    """Builds the route, which installs what a definition of the service catalog holds."""
    resources, subscriptions = Resources(state), Subscriptions(state)
    senders = ThreadPoolExecutor(max_workers=1)

    def put_application(request: Request, body: Body) -> Response:
        check_version(request, API_VERSION)
        definition = _definition(resources, field_of(body, "properties", dict), str(body.get("kind")))
        order = _order(request, body, subscriptions)
        there = resources.find(order.application_id)
        if there and there["properties"]["provisioningState"] in IN_MOTION:
            raise ServiceError(409, "Conflict", f"The managed application '{order.name}' is being changed.")
        package = package_of(definition, lakes)
        sold = Sold(
            definition["id"],
            None,
            # Whoever asks Resource Manager has filled in no form: the parameters are given as they are.
            ApplicationPackage(package.template, {"parameters": {"outputs": order.answers}}),
            subscriptions.tenant_of(definition["id"].split("/")[2]) or "",
            tuple(definition["properties"].get("authorizations") or ()),
        )
        if there:
            resources.delete(order.application_id)
        told: list[str] = []
        installer = Installer(state, _notifier(definition, senders), told.append, clock)
        made = installer.install(sold, order)
        if made["properties"]["provisioningState"] == "Failed":
            raise ServiceError(400, "ApplianceDeploymentFailed", told[-1])
        return goes_on(request, 200 if there else 201, made)

    path = f"{GROUP}/providers/{APPLICATION_TYPE}/{{name}}"
    return [Route(path, endpoint(put_application), methods=["PUT"])]


def _definition(resources: Resources, properties: Body, kind: str) -> Resource:
    if kind.lower() != "servicecatalog":
        raise refuse_content("the sandbox's Resource Manager creates applications of kind 'ServiceCatalog' alone")
    identifier = field_of(properties, "applicationDefinitionId", str)
    if definition := resources.find(identifier):
        return definition
    raise ServiceError(
        404, "ApplicationDefinitionNotFound", f"The managed application definition '{identifier}' was not found."
    )


def _order(request: Request, body: Body, subscriptions: Subscriptions) -> Order:
    properties, subscription_id = body["properties"], request.path_params["subscription"]
    managed = field_of(properties, "managedResourceGroupId", str)
    if "/resourcegroups/" not in managed.lower():
        raise refuse_content(f"'managedResourceGroupId' is the id of a resource group, not '{managed}'")
    given = properties.get("parameters") or {}
    return Order(
        name=request.path_params["name"],
        sku="",
        region=field_of(body, "location", str),
        tenant_id=subscriptions.tenant_of(subscription_id) or "",
        subscription_id=subscription_id,
        resource_id=request.url.path,
        managed_group=named(managed),
        parameters={name: field_of({"value": entry}, "value", dict).get("value") for name, entry in given.items()},
    )


def _notifier(definition: Resource, senders: ThreadPoolExecutor) -> Callable[[Mapping[str, Any]], bool]:
    """Returns what notifies the vendor, in turn and without making the caller wait."""
    policy = definition["properties"].get("notificationPolicy")
    if not policy:
        return lambda _notification: True
    sender = NotificationSender(policy["notificationEndpoints"][0]["uri"])

    def notify(notification: Mapping[str, Any]) -> bool:
        senders.submit(sender.send, dict(notification))
        return True

    return notify
