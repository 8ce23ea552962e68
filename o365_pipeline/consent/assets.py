"""The consent stage in the asset graph: the approval from which everything else follows.

What belongs here: the asset that the consent sensor reports to. Nobody materializes consent; approvers give it.
"""

from __future__ import annotations

import dagster as dg

from o365_pipeline.consent.approvals import Standing
from o365_pipeline.customers import Customer

APPROVAL = dg.AssetKey(["consent", "approval"])

approval = dg.AssetSpec(
    APPROVAL,
    group_name="consent",
    kinds={"m365"},
    owners=["team:data-engineering"],
    description=(
        "What a customer's approvers said to the data request: read from the Office 365 Management Activity API by the "
        "consent sensor, kept in the approval ledger. Without an approval in force nothing downstream moves."
    ),
)


def reported(customer: Customer, standing: Standing) -> dg.AssetMaterialization:
    """The present standing of a customer's data request, for the UI; it names nobody."""
    expires_at = standing.approval.expires_at if standing.approval else None
    return dg.AssetMaterialization(
        APPROVAL,
        description=f"{customer.name}: {standing.state or 'no decision yet'}",
        metadata={
            "customer": customer.name,
            "state": str(standing.state or "no decision yet"),
            "application": customer.data_request.application_id,
            "datasets": ", ".join(entry.name for entry in standing.approval.datasets) if standing.approval else "none",
            "expires": f"{expires_at:%Y-%m-%d}" if expires_at else "none",
        },
    )
