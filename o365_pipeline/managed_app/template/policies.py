"""The policies of an installation: one assignment for each Azure policy that the offer names.

What belongs here: those resources of the template. The known policies belong to `azure/policies.py`; each keeps its own
default effect. Source: Microsoft, Azure Policy built-in definitions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from o365_pipeline.azure.policies import Policy, policies
from o365_pipeline.managed_app.arm.template_language import quoted
from o365_pipeline.managed_app.offer import Offer

PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    "region": {"listOfAllowedLocations": {"value": "[createArray(parameters('location'))]"}},
}
"""Parameters of the policy definitions, by the policies' keys; definitions that are not here have defaults."""


def assignments(offer: Offer) -> list[dict[str, Any]]:
    """Returns the assignments to the managed resource group."""
    return [_assignment(policies()[key]) for key in offer.policies]


def _assignment(policy: Policy) -> dict[str, Any]:
    return {
        "type": "Microsoft.Authorization/policyAssignments",
        "apiVersion": "2025-03-01",
        "name": policy.key,
        "properties": {
            "displayName": policy.display_name,
            "policyDefinitionId": _definition(policy),
            "enforcementMode": "Default",
            "parameters": dict(PARAMETERS.get(policy.key, {})),
        },
    }


def _definition(policy: Policy) -> str:
    """Returns the id of Azure's built-in definition, which is in no subscription. Certification requires ids made by
    functions.
    """
    kind, name = policy.definition_id.removeprefix("/providers/").rsplit("/", 1)
    return f"[tenantResourceId({quoted(kind)}, {quoted(name)})]"
