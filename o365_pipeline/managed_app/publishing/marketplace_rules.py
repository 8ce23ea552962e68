"""Partner Center's rules for an offer's texts, prices and markets, and how an offer breaks them.

What belongs here: the rules, each from Microsoft's documentation of Azure application offers (Configure your Azure
application offer listing details; Create plans for an Azure application offer; Configure a managed application plan).
The resources are made by `marketplace.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

MAX_CATEGORIES = 2
MAX_MARKETS = 141


def _dollars_and_cents(price: Decimal) -> Decimal:
    if price != round(price, 2):
        raise ValueError(f"a price in dollars and cents is needed, not {price}")
    return price


Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=50)]
Https = Annotated[str, StringConstraints(pattern=r"^https://")]
Price = Annotated[Decimal, Field(ge=0), AfterValidator(_dollars_and_cents)]
Market = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]


class Rule(BaseModel):
    """The rules of a resource; the resource may have further fields."""

    model_config = ConfigDict(extra="ignore", alias_generator=to_camel)


class Identity(Rule):
    external_id: Identifier


class Product(Rule):
    identity: Identity
    alias: str = Field(min_length=1, max_length=200)


class Property(Rule):
    categories: dict[str, list[str]] = Field(min_length=1, max_length=MAX_CATEGORIES)
    terms_of_use: Https


class Contact(Rule):
    name: str = Field(min_length=1)
    email: str = Field(min_length=3)
    phone: str = Field(min_length=3)


class Listing(Rule):
    title: str = Field(min_length=1, max_length=200)
    search_result_summary: str = Field(min_length=1, max_length=100)
    short_description: str = Field(min_length=1, max_length=256)
    description: str = Field(min_length=1, max_length=5_000)
    privacy_policy_link: Https
    support_contact: Contact
    engineering_contact: Contact


class Plan(Rule):
    identity: Identity
    alias: str = Field(min_length=1, max_length=50)


class PlanListing(Rule):
    name: str = Field(min_length=1, max_length=100)
    summary: str = Field(min_length=1, max_length=100)
    description: str = Field(min_length=1, max_length=2_000)


class MonthlyPrice(Rule):
    price_per_payment_in_usd: Price


class RecurrentPrice(Rule):
    prices: list[MonthlyPrice] = Field(min_length=1)


class Meter(Rule):
    price_per_unit_in_usd: Decimal = Field(gt=0)


class Meters(Rule):
    meters: dict[str, Meter]


class Pricing(Rule):
    recurrent_price: RecurrentPrice
    custom_meters: Meters | None = None


class PlanPrice(Rule):
    markets: list[Market] = Field(min_length=1, max_length=MAX_MARKETS)
    pricing: Pricing


RULES: Mapping[str, type[Rule]] = {
    "product": Product,
    "property": Property,
    "listing": Listing,
    "plan": Plan,
    "plan-listing": PlanListing,
    "price-and-availability-plan": PlanPrice,
}
"""By the type of a resource, as its $schema names it."""


def kind(resource: Mapping[str, Any]) -> str:
    """Returns the type of a resource: `.../schema/<type>/<version>`."""
    return str(resource["$schema"]).split("/schema/", 1)[1].split("/", 1)[0]


def findings(resources: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Returns what Partner Center would refuse, one line for each with the resource and the field."""
    return tuple(line for resource in resources for line in _findings(resource))


def _findings(resource: Mapping[str, Any]) -> Iterator[str]:
    rule = RULES.get(kind(resource))
    if rule is None:
        return
    try:
        rule.model_validate(resource)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            where = ".".join(map(str, problem["loc"]))
            yield f"{resource['resourceName']}: {where}: {problem['msg'].removeprefix('Value error, ')}"
