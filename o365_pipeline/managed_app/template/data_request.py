"""The data request of an installation: the offer's, narrowed to the purchaser's groups.

What belongs here: which datasets groups limit, and the variables of the template. The limit of ten groups is a rule of
the data request.
"""

from __future__ import annotations

from typing import Any

from o365_pipeline.customers.data_request import RequestedDataset
from o365_pipeline.managed_app.arm.template_language import templated
from o365_pipeline.managed_app.offer import Offer


def can_be_limited_to_groups(requested: RequestedDataset) -> bool:
    """Tells whether a purchaser's groups limit the dataset: the offer requests everybody, and Data Connect accepts
    groups for it.

    If the offer has a scope of its own, the approver sees exactly that scope.
    """
    return requested.scope.kind == "All" and "List" in requested.dataset.scopes


def request_variables(offer: Offer) -> dict[str, Any]:
    """Returns the variables that hold the request, but for the application, which is the purchaser's."""
    asked = offer.request
    written: dict[str, Any] = templated(
        asked.model_dump(mode="json", exclude={"application_id", "application_tenant_id"}), {}
    )
    narrowed = [can_be_limited_to_groups(requested) for requested in asked.datasets]
    for entry, limited in zip(written["datasets"], narrowed, strict=True):
        entry["scope"] = "[variables('scope')]" if limited else entry["scope"]
    scope = (
        "[if(empty(parameters('extractGroups')), createObject('kind', 'All'), "
        "createObject('kind', 'List', 'groups', parameters('extractGroups')))]"
    )
    return {**({"scope": scope} if any(narrowed) else {}), "dataRequest": written}
