"""Azure Resource Manager's routes of what lies in a subscription: groups, resources, deployments, and what is assigned.

What belongs here: listing what is stored, and making groups and assignments. Other resources belong to the modules of
their providers. Source: Azure/azure-rest-api-specs, specification/resources and specification/authorization.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from o365_pipeline.sandbox.azure.arm_access import ArmAccess
from o365_pipeline.sandbox.azure.arm_endpoints import GUID, field, goes_on, refuse_content
from o365_pipeline.sandbox.azure.compliance import ASSIGNMENT_TYPE as POLICY_ASSIGNMENT_TYPE
from o365_pipeline.sandbox.azure.resource_groups import delete_group as delete_all_of
from o365_pipeline.sandbox.azure.resources import GROUP_TYPE, Resource, group_of, named
from o365_pipeline.sandbox.azure.roles import ASSIGNMENT_TYPE, ROLES, Role
from o365_pipeline.sandbox.azure.solutions import APPLICATION_TYPE
from o365_pipeline.sandbox.endpoints import Body, endpoint
from o365_pipeline.sandbox.state import State
from o365_pipeline.sandbox.wire_errors import ServiceError

SUBSCRIPTION = "/subscriptions/{subscription}"
GROUP = f"{SUBSCRIPTION}/resourceGroups/{{group}}"
DEPLOYMENT_TYPE = "Microsoft.Resources/deployments"
GROUP_NAME = re.compile(r"[\w.()-]{0,89}[\w()-]")
FACTORY_TYPE = "Microsoft.DataFactory/factories"
ROLE_FILTER = re.compile(r"roleName eq '([^']*)'", re.IGNORECASE)
TYPE_FILTER = re.compile(r"resourceType eq '([^']*)'", re.IGNORECASE)
ASSIGNED_FILTER = re.compile(r"(?:principalId eq|assignedTo\()\s*'([^']*)'", re.IGNORECASE)
"""What clients filter lists by, in OData's words."""


def subscription_routes(access: ArmAccess, state: State) -> list[Route]:
    """Builds the routes, for the callers whom `access` knows."""
    resources = access.resources

    def subscriptions(request: Request, _: Body) -> Response:
        return _listed([_subscription(*found) for found in access.subscriptions_of(request)])

    def subscription(request: Request, _: Body) -> Response:
        subscription_id = request.path_params["subscription"]
        return JSONResponse(_subscription(subscription_id, access.subscriptions.tenant_of(subscription_id) or ""))

    def tenants(request: Request, _: Body) -> Response:
        tenant_id = access.token(request).tenant_id
        return _listed([{"id": f"/tenants/{tenant_id}", "tenantId": tenant_id}])

    def groups(request: Request, _: Body) -> Response:
        within = SUBSCRIPTION.format(**request.path_params)
        ids = {group_of(entry["id"]).lower(): group_of(entry["id"]) for entry in resources.all(within)}
        ids = {key: name for key, name in ids.items() if "/resourcegroups/" in key}
        stored = {entry["id"].lower(): entry for entry in resources.of_type(GROUP_TYPE, within)}
        return _listed([_group(stored.get(key) or _made_by_its_resources(ids[key])) for key in sorted({*ids, *stored})])

    def get_group(request: Request, _: Body) -> Response:
        identifier = request.url.path
        found = resources.find(identifier)
        if found is None and resources.all(identifier):
            found = _made_by_its_resources(identifier)
        if found is None:
            name = named(identifier)
            raise ServiceError(404, "ResourceGroupNotFound", f"Resource group '{name}' could not be found.")
        return Response(status_code=204) if request.method == "HEAD" else JSONResponse(_group(found))

    def put_group(request: Request, body: Body) -> Response:
        identifier, name = request.url.path, request.path_params["group"]
        if not GROUP_NAME.fullmatch(name):
            raise refuse_content(f"'{name}' is no name of a resource group")
        location = field(body, "location", str)
        there = resources.find(identifier)
        if there and there["location"] != location:
            raise ServiceError(
                409,
                "InvalidResourceGroupLocation",
                f"Invalid resource group location '{location}'. The Resource group already exists in location "
                f"'{there['location']}'.",
            )
        made = {
            "id": identifier,
            "name": name,
            "type": GROUP_TYPE,
            "location": location,
            "tags": body.get("tags") or {},
        }
        resources.put(made)
        return JSONResponse(_group(made), 200 if there else 201)

    def delete_group(request: Request, _: Body) -> Response:
        get_group(request, {})
        delete_all_of(state, request.url.path)
        return goes_on(request, 202)

    def listed_resources(request: Request, _: Body) -> Response:
        wanted = TYPE_FILTER.search(request.query_params.get("$filter", ""))
        found = resources.all(_scope(request))
        return _listed([entry for entry in found if wanted is None or entry["type"].lower() == wanted[1].lower()])

    def of_type(kind: str) -> Callable[[Request, Body], Response]:
        return lambda request, _: _listed(resources.of_type(kind, _scope(request)))

    def deployments(request: Request, _: Body) -> Response:
        scope = _scope(request).lower()
        applications = [
            entry
            for entry in resources.of_type(APPLICATION_TYPE)
            if entry["properties"]["managedResourceGroupId"].lower() == scope
        ]
        return _listed([*resources.of_type(DEPLOYMENT_TYPE, scope), *map(_deployment, applications)])

    def role_definitions(request: Request, _: Body) -> Response:
        wanted = ROLE_FILTER.search(request.query_params.get("$filter", ""))
        found = [_role(name, role) for name, role in ROLES.items() if wanted is None or role.name == wanted[1]]
        return _listed(found)

    def role_assignments(request: Request, _: Body) -> Response:
        wanted = ASSIGNED_FILTER.search(request.query_params.get("$filter", ""))
        found = resources.of_type(ASSIGNMENT_TYPE, _scope(request))
        return _listed([entry for entry in found if wanted is None or entry["properties"]["principalId"] == wanted[1]])

    def put_role_assignment(request: Request, body: Body) -> Response:
        properties = field(body, "properties", dict)
        principal, role = field(properties, "principalId", str), field(properties, "roleDefinitionId", str)
        if access.directory.by_object_id(principal) is None:
            raise ServiceError(
                400, "PrincipalNotFound", f"Principal {principal} does not exist in the directory of this subscription."
            )
        if not GUID.fullmatch(named(role)):
            raise ServiceError(400, "RoleDefinitionDoesNotExist", f"The role definition '{role}' does not exist.")
        made: Resource = {
            "id": request.url.path,
            "name": named(request.url.path),
            "type": ASSIGNMENT_TYPE,
            "properties": {**properties, "scope": _scope(request)},
        }
        resources.put(made)
        return JSONResponse(made, 201)

    lists = {
        "Microsoft.Authorization/policyAssignments": of_type(POLICY_ASSIGNMENT_TYPE),
        "Microsoft.Authorization/roleAssignments": role_assignments,
        "Microsoft.Authorization/roleDefinitions": role_definitions,
        FACTORY_TYPE: of_type(FACTORY_TYPE),
        DEPLOYMENT_TYPE: deployments,
    }
    paths = {
        "/subscriptions": subscriptions,
        "/tenants": tenants,
        SUBSCRIPTION: subscription,
        f"{SUBSCRIPTION}/resourceGroups": groups,
        f"{SUBSCRIPTION}/resources": listed_resources,
        f"{GROUP}/resources": listed_resources,
        **{
            f"{place}/providers/{kind}": answer
            for kind, answer in lists.items()
            for place in (SUBSCRIPTION, GROUP, "/{scope:path}")
        },
    }
    assignment = "/{scope:path}/providers/Microsoft.Authorization/roleAssignments/{name}"
    return [
        Route(GROUP, endpoint(put_group), methods=["PUT"]),
        Route(GROUP, endpoint(delete_group), methods=["DELETE"]),
        Route(GROUP, endpoint(get_group), methods=["GET"]),
        Route(assignment, endpoint(put_role_assignment), methods=["PUT"]),
        *(Route(path, endpoint(answer), methods=["GET"]) for path, answer in paths.items()),
    ]


def _scope(request: Request) -> str:
    """Returns what a list is of: everything before its last provider, or before the word resources."""
    path = request.url.path.rstrip("/")
    before, found, _ = path.rpartition("/providers/")
    return before if found else path.removesuffix("/resources")


def _listed(entries: list[Any]) -> Response:
    return JSONResponse({"value": entries})


def _subscription(subscription_id: str, tenant_id: str) -> dict[str, Any]:
    return {
        "id": SUBSCRIPTION.format(subscription=subscription_id),
        "subscriptionId": subscription_id,
        "tenantId": tenant_id,
        "displayName": f"Sandbox {subscription_id[:8]}",
        "state": "Enabled",
        "subscriptionPolicies": {"spendingLimit": "Off", "quotaId": "Sandbox", "locationPlacementId": "Public"},
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
    }


def _made_by_its_resources(group_id: str) -> Resource:
    return {"id": group_id, "name": named(group_id), "type": GROUP_TYPE, "location": "westeurope"}


def _group(group: Resource) -> Resource:
    return {**group, "properties": {"provisioningState": "Succeeded"}}


def _deployment(application: Resource) -> Resource:
    """Returns the deployment of an application's template, in its managed resource group."""
    properties, name = application["properties"], application["name"]
    return {
        "id": f"{properties['managedResourceGroupId']}/providers/{DEPLOYMENT_TYPE}/{name}",
        "name": name,
        "type": DEPLOYMENT_TYPE,
        "properties": {
            "mode": "Incremental",
            "provisioningState": properties["provisioningState"],
            "parameters": properties.get("parameters") or {},
            "outputs": properties.get("outputs") or {},
        },
    }


def _role(name: str, role: Role) -> dict[str, Any]:
    permissions = {"actions": role.actions, "notActions": role.left_out, "dataActions": role.data_actions}
    return {
        "id": f"/providers/Microsoft.Authorization/roleDefinitions/{name}",
        "name": name,
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": {
            "roleName": role.name,
            "type": "BuiltInRole",
            "assignableScopes": ["/"],
            "permissions": [{**{key: list(value) for key, value in permissions.items()}, "notDataActions": []}],
        },
    }
