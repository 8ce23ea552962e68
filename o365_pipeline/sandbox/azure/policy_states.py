"""Azure Policy's routes: how the resources of a resource group stand, in the format of PolicyInsights 2019-10-01.

What belongs here: the query read, the states written. What complies belongs to `compliance.py`. Source:
Azure/azure-rest-api-specs, specification/policyinsights.
"""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from o365_pipeline.sandbox.azure.arm_endpoints import check_version
from o365_pipeline.sandbox.azure.compliance import Compliance, Judgement
from o365_pipeline.sandbox.azure.resources import named
from o365_pipeline.sandbox.clock import Clock, stamp
from o365_pipeline.sandbox.endpoints import Body, endpoint
from o365_pipeline.sandbox.wire_errors import ServiceError

API_VERSION = "2019-10-01"
STATES = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.PolicyInsights/policyStates"
FILTER = re.compile(r"complianceState eq '(\w+)'", re.IGNORECASE)


def policy_state_routes(compliance: Compliance, clock: Clock) -> list[Route]:
    """Builds the route of a resource group's latest policy states, as the SDK's PolicyInsightsClient queries them."""

    def query(request: Request, _: Body) -> Response:
        check_version(request, API_VERSION)
        group_id = request.url.path.partition("/providers/")[0]
        wanted = _wanted_state(request.query_params.get("$filter"))
        found = [_state(judgement, group_id, stamp(clock())) for judgement in compliance.judgements(group_id)]
        states = [state for state in found if wanted in (None, state["complianceState"].lower())]
        top = int(request.query_params.get("$top") or len(states))
        context = f"{request.base_url}{request.url.path.lstrip('/')}/$metadata#latest"
        return JSONResponse({"@odata.context": context, "@odata.count": len(states[:top]), "value": states[:top]})

    return [Route(f"{STATES}/latest/queryResults", endpoint(query), methods=["POST"])]


def _wanted_state(condition: str | None) -> str | None:
    """Returns the state that a query asks for, in small letters; None if it asks for all.

    Raises:
        ServiceError: the query asks for something else.
    """
    if condition is None:
        return None
    if match := FILTER.fullmatch(condition.strip()):
        return match[1].lower()
    raise ServiceError(
        400, "InvalidFilterInQueryString", f"Invalid $filter '{condition}'; the sandbox reads ComplianceState eq '...'."
    )


def _state(judgement: Judgement, group_id: str, at: str) -> dict[str, Any]:
    assignment, resource = judgement.assignment, judgement.resource
    return {
        "@odata.id": None,
        "@odata.context": None,
        "timestamp": at,
        "resourceId": resource["id"],
        "policyAssignmentId": assignment["id"],
        "policyAssignmentName": named(assignment["id"]),
        "policyAssignmentScope": group_id,
        "policyDefinitionId": judgement.definition_id,
        "policyDefinitionName": named(judgement.definition_id),
        "policyDefinitionAction": "audit",
        "isCompliant": judgement.is_compliant,
        "complianceState": "Compliant" if judgement.is_compliant else "NonCompliant",
        "subscriptionId": group_id.split("/")[2],
        "resourceGroup": named(group_id),
        "resourceType": resource["type"],
        "resourceLocation": resource.get("location", ""),
    }
