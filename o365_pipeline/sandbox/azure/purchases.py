"""A purchase: the offer's definition, and a customer with a tenant and a subscription of its own.

What belongs here: both models, and where they come from. Installing belongs to `installation.py`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from o365_pipeline.errors import UsageError
from o365_pipeline.managed_app.offer import Offer
from o365_pipeline.managed_app.package.arm_template import Target
from o365_pipeline.managed_app.package.package import build, build_plans
from o365_pipeline.managed_app.publishing.service_catalog import definition_id
from o365_pipeline.raw.lakes import Lakes
from o365_pipeline.sandbox.azure.application_package import ApplicationPackage, package_of, unpacked
from o365_pipeline.sandbox.azure.resources import Resource, Resources
from o365_pipeline.sandbox.azure.solutions import APPLICATION_TYPE

SOME_SECRET = "of the purchaser's application"  # noqa: S105 - the sandbox takes any
APPLICATION_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{1,62}[A-Za-z0-9]")


@dataclass(frozen=True)
class Sold:
    """What a purchaser installs: a definition of the service catalog, or a plan of the marketplace."""

    definition_id: str | None
    plan: Mapping[str, str] | None
    package: ApplicationPackage
    publisher_tenant_id: str
    authorizations: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True)
class Purchase:
    """A purchaser and its choices."""

    name: str
    sku: str
    region: str
    tenant_id: str
    subscription_id: str
    groups: tuple[str, ...] = ()
    secret: str = SOME_SECRET
    """The secret of the purchaser's application; empty where it is to be put into the vault later."""
    insights_client_id: str = ""
    """The application that the purchaser's people sign in to insights with; empty where there is no insights."""

    @property
    def application_id(self) -> str:
        group = f"/subscriptions/{self.subscription_id}/resourceGroups/rg-{self.name}"
        return f"{group}/providers/{APPLICATION_TYPE}/{self.name}"

    @property
    def target(self) -> Target:
        """The managed resource group."""
        return Target(self.subscription_id, self.tenant_id, f"mrg-{self.name}", self.region)

    @property
    def answers(self) -> dict[str, Any]:
        """The purchaser's answers in the form, by the names of the form's outputs."""
        return {
            "location": self.region,
            "sku": self.sku,
            "customer": self.name.lower(),
            "applicationId": self.client_id,
            "applicationObjectId": _guid("the service principal of", self.client_id),
            "applicationSecret": self.secret,
            "extractGroups": list(self.groups),
            "uiApplicationId": "",
            "uiApplicationSecret": "",
            "insightsApplicationId": self.insights_client_id,
            "insightsApplicationSecret": self.secret if self.insights_client_id else "",
            "insightsAnalysts": [],
        }

    @property
    def client_id(self) -> str:
        """The client id of the application that the purchaser registered in its own tenant."""
        return _guid(f"the application {self.name} in", self.tenant_id)


def purchase(
    offer: Offer,
    name: str,
    *,
    sku: str | None = None,
    region: str | None = None,
    groups: tuple[str, ...] = (),
    tenant_id: str | None = None,
    subscription_id: str | None = None,
    secret: str = SOME_SECRET,
) -> Purchase:
    """Makes a purchase under a name; tenant and subscription are derived from the name if none is given.

    Raises:
        SettingsError: the offer has no such SKU.
        UsageError: a managed application cannot have that name.
    """
    if not APPLICATION_NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name of a managed application: 3 to 64 letters, digits and hyphens")
    chosen = offer.sku(sku) if sku else offer.skus[0]
    return Purchase(
        name=name,
        sku=chosen.name,
        region=region or offer.regions[0],
        tenant_id=tenant_id or _guid("the tenant of", name),
        subscription_id=subscription_id or _guid("the subscription of", name),
        groups=groups,
        secret=secret,
    )


def sold(offer: Offer, resources: Resources, lakes: Lakes, *, plan: str | None = None) -> Sold:
    """Returns the offer as it is published, or with the package that is built from it if it is not published.

    Args:
        plan: the plan that is bought in the marketplace, which has a package of its own; None for the service catalog.

    Raises:
        UsageError: the marketplace does not sell it, or its published package cannot be read.
    """
    identifier = definition_id(offer)
    published = resources.find(identifier)
    return Sold(
        definition_id=None if plan else identifier,
        plan=_plan(offer) if plan else None,
        package=_package(offer, plan, published, lakes),
        publisher_tenant_id=offer.management.tenant_id,
        authorizations=tuple(published["properties"].get("authorizations") or ()) if published else (),
    )


def _package(offer: Offer, plan: str | None, published: Resource | None, lakes: Lakes) -> ApplicationPackage:
    if plan:
        return unpacked(build_plans(offer)[plan].content)
    return package_of(published, lakes) if published else unpacked(build(offer).content)


def published_endpoint(offer: Offer, resources: Resources) -> str | None:
    """Returns the endpoint for notifications in the published definition, with its signature; None if there is none."""
    published = resources.find(definition_id(offer))
    policy = published["properties"].get("notificationPolicy") if published else None
    return policy["notificationEndpoints"][0]["uri"] if policy else None


def _plan(offer: Offer) -> Mapping[str, str]:
    """The plan without its name, which is the SKU's."""
    if offer.marketplace is None:
        raise UsageError(f"{offer.name} is not sold at the marketplace: its file has no [marketplace]")
    return {
        "publisher": "".join(offer.publisher.lower().split()),
        "product": offer.marketplace.product_external_id,
        "version": offer.version,
    }


def _guid(what: str, whose: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{what} {whose}"))
