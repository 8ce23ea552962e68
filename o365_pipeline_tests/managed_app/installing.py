"""What the tests of the package share: an offer, its template worked out as Azure would, and the customer of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from o365_pipeline.customers.customer import Customer, KeyVaultSecret
from o365_pipeline.customers.data_request import RequestedDataset, Scope
from o365_pipeline.customers.partitions import FIRST_DAY
from o365_pipeline.managed_app.offer import Offer, read_offer
from o365_pipeline.managed_app.package.arm_template import SAMPLE, Deployed, Target, deploy
from o365_pipeline.managed_app.package.cost_by_users import CostParts, cost_parts
from o365_pipeline.managed_app.package.extract_groups import limited_to_groups
from o365_pipeline.managed_app.template.azure_template import main_template
from o365_pipeline.managed_app.package.package import Package, build

APPLICATION_OBJECT_ID = "44444444-0000-4000-8000-000000000004"
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
    given = {"location": sold.regions[0], "sku": sold.skus[0].name, "applicationObjectId": APPLICATION_OBJECT_ID}
    return deploy(main_template(sold), target, **{**given, "extractGroups": list(groups), **parameters})


def customer_of(sold: Offer, deployed: Deployed, target: Target = SAMPLE) -> Customer:
    """The customer that an installation's outputs describe."""
    outputs = deployed.outputs
    return Customer(
        name="installed",
        tenant_id=outputs["tenantId"],
        subscription_id=target.subscription_id,
        resource_group=target.resource_group,
        factory=outputs["factory"],
        region=outputs["region"],
        storage_account=outputs["storageAccount"],
        container=outputs["container"],
        first_day=FIRST_DAY,
        application_secret=KeyVaultSecret(key_vault=f"{outputs['keyVault']}/secrets/{outputs['secretName']}"),
        data_request=limited_to_groups(sold.request, outputs["extractGroups"]),
    )


NARROWED = offer_of(
    scoped("User_v1", Scope()),
    scoped("Message_v1", Scope(kind="FilterUri", filter_uri="https://[graph]/users?$filter=department eq 'It''s'")),
    scoped("Event_v1", Scope(kind="List", groups=("77777777-0000-4000-8000-000000000007",))),
)
"""An offer with a dataset of each scope."""
