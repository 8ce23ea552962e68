"""Azure Resource Manager's routes of managed applications, in the wire format of Microsoft.Solutions 2019-07-01.

What belongs here: reading and checking requests, and writing answers. Installing an application belongs to
`installation.py`. Source: Azure/azure-rest-api-specs, specification/solutions.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from o365_pipeline.sandbox.azure.arm_endpoints import GUID, check_version, field, goes_on, refuse_content
from o365_pipeline.sandbox.azure.resource_groups import delete_group
from o365_pipeline.sandbox.azure.resources import Resource, Resources, named
from o365_pipeline.sandbox.endpoints import Body, endpoint
from o365_pipeline.sandbox.state import State
from o365_pipeline.sandbox.wire_errors import ServiceError

API_VERSION = "2019-07-01"
GROUP = "/subscriptions/{subscription}/resourceGroups/{group}"
PROVIDER = "/providers/Microsoft.Solutions"
DEFINITION_TYPE = "Microsoft.Solutions/applicationDefinitions"
APPLICATION_TYPE = "Microsoft.Solutions/applications"
LOCK_LEVELS = ("CanNotDelete", "ReadOnly", "None")
IN_MOTION = ("Accepted", "Deleting")
"""States of an application in which Azure lets nobody change it."""


def solutions_routes(state: State) -> list[Route]:
    """Builds the routes of managed applications and their definitions, as the SDK's ApplicationClient calls them."""
    resources = Resources(state)

    def put_definition(request: Request, body: Body) -> Response:
        check_version(request, API_VERSION)
        definition = _definition(request, body)
        there = resources.find(definition["id"])
        if there and there["location"] != definition["location"]:
            raise ServiceError(
                409,
                "InvalidResourceLocation",
                f"The resource '{there['name']}' already exists in location '{there['location']}'. A resource with "
                f"the same name cannot be created in location '{definition['location']}'.",
            )
        resources.put(definition)
        return goes_on(request, 200 if there else 201, _answered(definition))

    def get(request: Request, _: Body) -> Response:
        check_version(request, API_VERSION)
        return JSONResponse(_answered(resources.get(_id(request))))

    def delete_definition(request: Request, _: Body) -> Response:
        check_version(request, API_VERSION)
        return goes_on(request, 202) if resources.delete(_id(request)) else Response(status_code=204)

    def list_of(kind: str) -> Any:
        def listed(request: Request, _: Body) -> Response:
            check_version(request, API_VERSION)
            within = _id(request).partition(PROVIDER)[0]
            return JSONResponse({"value": [_answered(found) for found in resources.of_type(kind, within)]})

        return endpoint(listed)

    def delete_application(request: Request, _: Body) -> Response:
        check_version(request, API_VERSION)
        application = resources.find(_id(request))
        if application is None:
            return Response(status_code=204)
        current = application["properties"]["provisioningState"]
        if current in IN_MOTION:
            raise ServiceError(
                409, "Conflict", f"The managed application '{application['name']}' is {current}; try again later."
            )
        delete_installed(state, application)
        return goes_on(request, 202)

    definitions = f"{GROUP}{PROVIDER}/applicationDefinitions"
    # Clients that get an application by its id put a slash before it, though the id begins with one.
    applications = [f"{slash}{GROUP}{PROVIDER}/applications/{{name}}" for slash in ("", "/")]
    in_subscription = f"/subscriptions/{{subscription}}{PROVIDER}/applications"
    return [
        Route(f"{definitions}/{{name}}", endpoint(put_definition), methods=["PUT"]),
        Route(f"{definitions}/{{name}}", endpoint(get), methods=["GET"]),
        Route(f"{definitions}/{{name}}", endpoint(delete_definition), methods=["DELETE"]),
        Route(definitions, list_of(DEFINITION_TYPE), methods=["GET"]),
        *(Route(path, endpoint(get), methods=["GET"]) for path in applications),
        *(Route(path, endpoint(delete_application), methods=["DELETE"]) for path in applications),
        Route(f"{GROUP}{PROVIDER}/applications", list_of(APPLICATION_TYPE), methods=["GET"]),
        Route(in_subscription, list_of(APPLICATION_TYPE), methods=["GET"]),
    ]


def delete_installed(state: State, application: Resource) -> None:
    """Deletes an application and its managed resource group with everything in it; sends no notification."""
    delete_group(state, application["properties"]["managedResourceGroupId"])
    Resources(state).delete(application["id"])


def _id(request: Request) -> str:
    return f"/{request.url.path.lstrip('/')}"


def _definition(request: Request, body: Body) -> Resource:
    """Returns the definition that a request sends.

    Raises:
        ServiceError: a part of it is missing or wrong.
    """
    if not body.get("location"):
        raise ServiceError(400, "LocationRequired", "The location property is required for this definition.")
    properties = field(body, "properties", dict)
    level = field(properties, "lockLevel", str)
    if level.lower() not in [known.lower() for known in LOCK_LEVELS]:
        raise refuse_content(f"'lockLevel' is one of {', '.join(LOCK_LEVELS)}, not '{level}'")
    for authorization in properties.get("authorizations") or []:
        for part in ("principalId", "roleDefinitionId"):
            if not GUID.fullmatch(field(authorization, part, str)):
                raise refuse_content(f"'{part}' must be a GUID")
    _check_package(properties)
    if policy := properties.get("notificationPolicy"):
        _check_endpoints(field(policy, "notificationEndpoints", list))
    return {
        "id": request.url.path,
        "name": named(request.url.path),
        "type": DEFINITION_TYPE,
        "location": body["location"],
        "tags": body.get("tags") or {},
        "properties": {"isEnabled": True, **properties},
    }


def _check_package(properties: Body) -> None:
    inline = [name for name in ("mainTemplate", "createUiDefinition") if properties.get(name)]
    uri = properties.get("packageFileUri")
    if bool(uri) == bool(inline) or len(inline) == 1:
        raise refuse_content("give 'packageFileUri', or both 'mainTemplate' and 'createUiDefinition'")
    if uri and urlsplit(uri).scheme not in ("https", "http", "file"):
        raise refuse_content("'packageFileUri' must be an absolute address")


def _check_endpoints(endpoints: list[Any]) -> None:
    if len(endpoints) != 1:
        raise refuse_content(f"'notificationEndpoints' takes one endpoint, not {len(endpoints)}")
    if urlsplit(field(endpoints[0], "uri", str)).scheme != "https":
        raise refuse_content("the notification endpoint's 'uri' must be over https")


def _answered(resource: Resource) -> Resource:
    """Returns a definition or an application as the service answers it, without what grants access, such as
    signatures.
    """
    properties = dict(resource["properties"])
    if uri := properties.get("packageFileUri"):
        properties["packageFileUri"] = _without_query(uri)
    if policy := properties.get("notificationPolicy"):
        endpoints = [{"uri": _without_query(entry["uri"])} for entry in policy["notificationEndpoints"]]
        properties["notificationPolicy"] = {"notificationEndpoints": endpoints}
    return {**resource, "properties": properties}


def _without_query(uri: str) -> str:
    return urlsplit(uri)._replace(query="", fragment="").geturl()
