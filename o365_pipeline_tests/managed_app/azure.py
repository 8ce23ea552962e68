"""Azure Resource Manager's managed applications, in this process, beneath the real management client.

What belongs here: applications that tests install and delete.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from o365_pipeline.managed_app.installations.notifications import Notification, definition_of
from o365_pipeline.managed_app.offer import Offer
from o365_pipeline_tests.conftest import DAY

INSTALLED_ON = DAY + dt.timedelta(days=1)
"""With one day of history, the sandbox's first day is what is extracted."""

TENANT = "72f988bf-0000-4000-8000-2d7cd011db47"


def application_id(name: str = "insights") -> str:
    return (
        f"/subscriptions/11111111-0000-4000-8000-0000000000c1/resourceGroups/rg-{name}"
        f"/providers/Microsoft.Solutions/applications/{name}"
    )


def told(
    offer: Offer, name: str = "insights", event: str = "PUT", state: str = "Succeeded", at: str = "10:00", **more: Any
) -> dict[str, Any]:
    """A notification of the service catalog, as Azure sends it."""
    return {
        "eventType": event,
        "applicationId": application_id(name),
        "eventTime": f"{INSTALLED_ON}T{at}:00.1234567Z",
        "provisioningState": state,
        "applicationDefinitionId": definition_of(offer),
        **more,
    }


def notification(offer: Offer, *args: Any, **more: Any) -> Notification:
    return Notification.model_validate(told(offer, *args, **more))


@dataclass
class Azure:
    """The applications by id."""

    offer: Offer
    applications: dict[str, dict[str, Any]] = field(default_factory=dict)
    forbids: bool = False
    distrusts: bool = False
    """Whether nothing in the subscription is the vendor's, whose tenant's tokens are then refused."""
    asked: list[str] = field(default_factory=list)

    def install(self, name: str = "insights", state: str = "Succeeded", **outputs: Any) -> None:
        """An application that stands, unless its state says otherwise."""
        values = {
            "region": "westeurope",
            "tenantId": TENANT,
            "sku": "standard",
            "packageVersion": "1.0.0",
            "factory": f"adf-{name}",
            **outputs,
        }
        self.applications[application_id(name)] = {
            "id": application_id(name),
            "name": name,
            "kind": "ServiceCatalog",
            "properties": {
                "provisioningState": state,
                "applicationDefinitionId": definition_of(self.offer),
                "managedResourceGroupId": "/".join(application_id(name).split("/")[:3]) + f"/resourceGroups/mrg-{name}",
                "outputs": {key: {"type": "String", "value": value} for key, value in values.items()},
            },
        }

    def delete(self, name: str = "insights") -> None:
        del self.applications[application_id(name)]

    def set_state(self, state: str, name: str = "insights") -> None:
        self.applications[application_id(name)]["properties"]["provisioningState"] = state

    def over(self, app: ASGIApp) -> ASGIApp:
        """These services, and whatever another application answers."""
        group = "/subscriptions/{subscription}/resourceGroups/{group}/providers"
        application = Route(f"{group}/Microsoft.Solutions/applications/{{name}}", self._get)
        return Starlette(routes=[application, Mount("/", app)])

    async def _get(self, request: Request) -> Response:
        assert request.query_params["api-version"] == "2019-07-01"
        self.asked.append(request.path_params["name"])
        if self.distrusts:
            told = f"The access token is from the wrong issuer. It must match the tenant '{TENANT}'."
            return JSONResponse({"error": {"code": "InvalidAuthenticationTokenTenant", "message": told}}, 401)
        if self.forbids:
            return JSONResponse(
                {"error": {"code": "AuthorizationFailed", "message": "ann@vendor.example may not"}}, 403
            )
        if found := self.applications.get(request.url.path):
            return JSONResponse(found)
        return _not_there()


def _not_there() -> Response:
    return JSONResponse({"error": {"code": "ResourceNotFound", "message": "It is not there."}}, 404)


def at(clock: str) -> dt.datetime:
    """A time of the day on which these tests play."""
    return dt.datetime.fromisoformat(f"{INSTALLED_ON}T{clock}:00+00:00")
