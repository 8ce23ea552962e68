"""What the tests of the package share: an offer, its template worked out as Azure would, and the customer of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from o365_pipeline.customers.configuration import read_customers
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.data_request import RequestedDataset, Scope
from o365_pipeline.managed_app.offer import Offer, read_offer
from o365_pipeline.managed_app.package.arm_template import SAMPLE, Deployed, Target, deploy
from o365_pipeline.managed_app.package.cost_by_users import CostParts, cost_parts
from o365_pipeline.managed_app.package.package import Package, build
from o365_pipeline.managed_app.template.azure_template import main_template

APPLICATION_ID = "33333333-0000-4000-8000-000000000003"
APPLICATION_OBJECT_ID = "44444444-0000-4000-8000-000000000004"
APPLICATION = {"applicationId": APPLICATION_ID, "applicationObjectId": APPLICATION_OBJECT_ID}
"""The purchaser's application, as the wizard asks for it."""

GROUPS = ["55555555-0000-4000-8000-000000000005", "66666666-0000-4000-8000-000000000006"]


def offer(**changes: Any) -> Offer:
    """The shipped example with changes."""
    return read_offer(None).model_copy(update=changes)


@cache
def example_costs() -> Mapping[str, CostParts]:
    """What the sizes of the shipped example come to."""
    example = read_offer(None)
    return {sku.name: cost_parts(example, sku) for sku in example.skus}


@cache
def example_package() -> Package:
    return build(read_offer(None))


def offer_of(*datasets: RequestedDataset) -> Offer:
    """The shipped example, asking for these datasets."""
    example = read_offer(None)
    return example.model_copy(update={"request": example.request.model_copy(update={"datasets": datasets})})


def scoped(name: str, scope: Scope) -> RequestedDataset:
    return RequestedDataset(name=name, columns=("id",), scope=scope)


def installed(sold: Offer, target: Target = SAMPLE, groups: Sequence[str] = (), **parameters: Any) -> Deployed:
    """The offer's template, deployed with the first size in the first region unless said otherwise."""
    given = {"location": sold.regions[0], "sku": sold.skus[0].name, **APPLICATION, "extractGroups": list(groups)}
    return deploy(main_template(sold), target, **{**given, **parameters})


def environment(deployed: Deployed, role: str = "code") -> dict[str, str]:
    """The variables that a container is given; of one from a secret, the secret's name."""
    apps = deployed.of_type("Microsoft.App/containerApps")
    [app] = [one for one in apps if one["name"].endswith(f"-{role}")]
    [container] = app["properties"]["template"]["containers"]
    return {one["name"]: one.get("value") or one.get("secretRef", "") for one in container["env"]}


def customer_of(deployed: Deployed) -> Customer:
    """The customer that the containers of an installation are told."""
    [customer] = read_customers(environment(deployed)["O365_CUSTOMERS"], {}).customers
    return customer


NARROWED = offer_of(
    scoped("User_v1", Scope()),
    scoped("Message_v1", Scope(kind="FilterUri", filter_uri="https://[graph]/users?$filter=department eq 'It''s'")),
    scoped("Event_v1", Scope(kind="List", groups=("77777777-0000-4000-8000-000000000007",))),
)
"""An offer with a dataset of each scope."""
