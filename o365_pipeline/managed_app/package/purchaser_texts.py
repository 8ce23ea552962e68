"""Sentences for a purchaser: which data is requested, about whom, and at which price.

What belongs here: sentences that the wizard and the README share. Their layout belongs to `ui_definition.py` and
`readme.py`.
"""

from __future__ import annotations

import decimal
from decimal import Decimal

from o365_pipeline.azure.policies import policies
from o365_pipeline.customers.data_request import RequestedDataset
from o365_pipeline.customers.retention import Retention
from o365_pipeline.managed_app.authorizations import authorizations
from o365_pipeline.managed_app.offer import Offer, Sku
from o365_pipeline.managed_app.package.cost_by_users import CostParts
from o365_pipeline.managed_app.template.data_request import can_be_limited_to_groups


def columns(requested: RequestedDataset) -> str:
    """Lists the columns and marks those that hold text written by people."""
    content = requested.content_columns
    return ", ".join(f"{name} (content)" if name in content else name for name in requested.columns)


def people(requested: RequestedDataset) -> str:
    """Says whose data it is."""
    scope = requested.scope
    if scope.kind == "FilterUri":
        return f"of the people whom this filter selects: {scope.filter_uri}"
    if scope.kind == "List":
        return f"of the members of the groups {', '.join(scope.groups)}"
    if can_be_limited_to_groups(requested):
        return "of everybody, or of the members of the groups that you name"
    return "of the whole organisation"


def data_location(offer: Offer) -> str:
    """Says whether data leaves the purchaser's subscription."""
    if offer.data_leaves_subscription:
        return (
            f"Data LEAVES your subscription: {offer.publisher} copies some of it to its own systems, as its privacy "
            "statement says."
        )
    return (
        "Data stays in your subscription: it is extracted into it, kept and served there, by a pipeline that runs "
        f"there as an identity of your own tenant. {offer.publisher} has no access to it, and keeps no copy."
    )


def access(offer: Offer) -> str:
    """Says what the vendor may do in the purchaser's subscription."""
    roles = "; ".join(f"{one.role}: {one.reason}" for one in authorizations(offer))
    return (
        f"{offer.publisher} has roles on the resource group of what is installed, and on nothing else of yours. They "
        f"are for Azure Resource Manager alone, and open none of your data. {roles}"
    )


def steps_in_short(offer: Offer) -> str:
    """Says what is left to do after the installation; the values are outputs of the template."""
    return (
        "Three steps are left, with the values under Parameters and Outputs: (a) register the application "
        "applicationId in the Azure portal, Microsoft Graph Data Connect, as single-tenant, with the storage account "
        "storageAccount and the URI sink; (b) grant ActivityFeed.Read of the Office 365 Management APIs to the "
        f"identity identityObjectId; (c) let a global administrator approve {offer.request.application_name}, which "
        "the Microsoft 365 admin center then shows as pending. The first extraction begins by itself after that."
    )


def insights() -> str:
    """Says what the application for the purchaser's people is, and that nobody has it unasked."""
    return (
        "Insights is a web application for the people of your organisation, behind Microsoft Entra: how work flows, "
        "who works with whom, each their own time, oversharing, storage. Small groups are left out of it, and nobody "
        "sees another person's time. It is there only with an application for the sign-in, in which you require "
        "assignment. It is one more container, which the approximate cost does not hold."
    )


def kept() -> str:
    """Says how long what was extracted is kept, if the purchaser says nothing else."""
    return Retention().days_kept()


def policy_lines(offer: Offer) -> list[str]:
    """Says of each policy who enforces it."""
    everywhere = "Azure Policy enforces it, and the pipeline asks before each extraction whether it holds"
    at_data_connect = (
        "; where it was bought in the marketplace, Data Connect also shows it to the approver and enforces it at each "
        "extraction"
    )
    return [
        f"{policies()[key].display_name}: {everywhere}"
        f"{at_data_connect if offer.marketplace and policies()[key].of_storage else ''}."
        for key in offer.policies
    ]


def price(sku: Sku) -> str:
    """Says the vendor's price of a SKU."""
    monthly = f"{money(sku.price_per_month)} {sku.currency} a month"
    if not sku.price_per_user_month:
        return monthly
    return f"{monthly} and {money(sku.price_per_user_month)} {sku.currency} a user and month"


def money(amount: Decimal) -> str:
    return f"{amount.quantize(Decimal('0.01'), decimal.ROUND_HALF_UP):,}"


def approximate(costs: CostParts, users: int) -> str:
    """Says the monthly cost for that many users: the vendor's price, Data Connect and Azure together."""
    return f"{costs.monthly.of(users).to_integral_value(decimal.ROUND_CEILING):,}"


def approximate_history(costs: CostParts, users: int) -> str:
    """Says the cost of the history, which is paid once."""
    return f"{costs.once.of(users).to_integral_value(decimal.ROUND_CEILING):,}"
