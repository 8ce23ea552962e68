"""viewDefinition.json: the portal's views of an installation.

What belongs here: the overview and the metrics. Source: Microsoft, view definition artifact.
"""

from __future__ import annotations

from typing import Any

from o365_pipeline.managed_app.offer import Offer
from o365_pipeline.managed_app.package import purchaser_texts as words

SCHEMA = "https://schema.management.azure.com/schemas/viewdefinition/0.0.1-preview/ViewDefinition.json#"
FACTORIES = "Microsoft.DataFactory/factories"


def view_definition(offer: Offer) -> dict[str, Any]:
    """Builds the views of an offer's installations."""
    return {
        "$schema": SCHEMA,
        "contentVersion": "0.0.0.1",
        "views": [_overview(offer), _metrics()],
    }


def _overview(offer: Offer) -> dict[str, Any]:
    support = offer.support
    reached = ", ".join(part for part in (support.email, support.phone, support.url) if part)
    description = (
        f"{offer.summary} Version {offer.version}. {words.data_location(offer)} {words.steps_in_short(offer)} "
        f"Support: {support.name}, {reached}. ReadMe: {offer.readme_address}. "
        f"Terms of service: {offer.terms_of_service_url}. Privacy: {offer.privacy_url}."
    )
    return {
        "kind": "Overview",
        "properties": {"header": f"{offer.display_name} by {offer.publisher}", "description": description},
    }


def _metrics() -> dict[str, Any]:
    return {
        "kind": "Metrics",
        "properties": {
            "displayName": "Extractions",
            "version": "1.0.0",
            "charts": [
                _chart("Extractions that succeeded", "PipelineSucceededRuns"),
                _chart("Extractions that failed", "PipelineFailedRuns"),
            ],
        },
    }


def _chart(title: str, metric: str) -> dict[str, Any]:
    measured = {"name": metric, "aggregationType": "sum", "resourceType": FACTORIES, "namespace": FACTORIES}
    return {"displayName": title, "chartType": "Bar", "metrics": [measured]}
