"""The offer in Partner Center's terms: the resources of the Product Ingestion API, and each plan's configuration.

What belongs here: making and writing them, without calls; `partner_center.py` submits. Microsoft documents the API for
SaaS, virtual machines, containers and private offers, not for Azure applications (Product Ingestion API for the
commercial marketplace), so it may refuse the draft; and it has no resource for a managed application's technical
configuration. That is written in the terms of the Partner Center submission API, to be entered by a person.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from o365_pipeline.azure.policies import policies
from o365_pipeline.errors import SettingsError
from o365_pipeline.managed_app.authorizations import authorizations
from o365_pipeline.managed_app.offer import Marketplace, Offer, Sku
from o365_pipeline.managed_app.package.package import Package
from o365_pipeline.managed_app.publishing.marketplace_rules import findings
from o365_pipeline.managed_app.template.roles import ACTIONS, DATA_ACTIONS

SCHEMAS = "https://schema.mp.microsoft.com/schema"
VERSIONS: Mapping[str, str] = {
    "configure": "2022-03-01-preview2",
    "product": "2022-03-01-preview3",
    "property": "2022-03-01-preview5",
    "listing": "2022-03-01-preview5",
    "plan": "2022-03-01-preview2",
    "plan-listing": "2022-03-01-preview5",
    "price-and-availability-offer": "2022-03-01-preview3",
    "price-and-availability-custom-meter": "2022-03-01-preview3",
    "price-and-availability-plan": "2022-03-01-preview4",
}
"""The newest version of each resource that Microsoft's documentation names."""

KIND, PLAN_KIND = "azureApplication", "azureApplication-plan"
LANGUAGE = "en-us"
METER = "users"
CURRENCY = "USD"
CONFIGURE = "configure.json"
FOLDER = "marketplace"
"""The folder below that of the offer's version."""

SIGNATURE = "<O365_NOTIFICATION_SIGNATURE>"
"""The placeholder for the secret, which is entered in Partner Center and never written to a file."""

PACKAGE_ID = "<id that Partner Center gives the uploaded package>"

BY_HAND = (
    "the offer's type: the Product Ingestion API is documented for SaaS, virtual machines, containers and private "
    "offers; where it refuses an Azure application, create the offer in Partner Center and enter what the files say",
    "each plan's technical configuration: the API has no resource for it; upload its package, enter what its file says",
    "the notification endpoint with the signature: Partner Center > plan > Technical configuration",
    "the logo (216 to 350 pixels square, PNG), screenshots and customer leads",
    "publishing: a submission fills the draft and nothing else; preview and go-live are pressed by a person",
)
"""Steps for an Azure application that no documented API of Microsoft's can do."""

METERED = (
    "usage of the meter: what users cost is billed only where it is reported to the Marketplace Metering Service, "
    "which nothing here does"
)


@dataclass(frozen=True)
class Payload:
    """Everything that Partner Center receives."""

    documents: Mapping[str, Mapping[str, Any]]
    """By the name of the file that each is written to."""

    findings: tuple[str, ...]
    """What Partner Center would refuse."""

    by_hand: tuple[str, ...]
    """Steps that a person must do."""

    @property
    def request(self) -> Mapping[str, Any]:
        """The request to the Product Ingestion API."""
        return self.documents[CONFIGURE]

    @property
    def files(self) -> Mapping[str, str]:
        """The documents as JSON, by the name of their file."""
        return {
            name: json.dumps(document, indent=2, ensure_ascii=False) + "\n" for name, document in self.documents.items()
        }

    def write(self, folder: Path) -> tuple[str, ...]:
        """Writes the files and deletes those of plans that no longer exist; returns the names of what changed."""
        different = self.differences(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name in different:
            if name in self.files:
                (folder / name).write_text(self.files[name], encoding="utf-8")
            else:
                (folder / name).unlink()
        return different

    def differences(self, folder: Path) -> tuple[str, ...]:
        """Returns the names of the files that are missing in the folder or differ there."""
        held = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
        return tuple(sorted(name for name in held.keys() | self.files.keys() if held.get(name) != self.files.get(name)))


def payload(offer: Offer, packages: Mapping[str, Package]) -> Payload:
    """Describes an offer for Partner Center.

    Args:
        packages: the package of each plan, by its name.

    Raises:
        SettingsError: the offer is not one for the marketplace.
    """
    market = offer.marketplace
    if market is None:
        raise SettingsError(
            f"{offer.name} has no section [marketplace], so it is not offered there; add one to its file"
        )
    resources = list(_resources(offer, market))
    request = {"$schema": f"{SCHEMAS}/configure/{VERSIONS['configure']}", "resources": resources}
    configurations = {
        f"technical-configuration-{sku.name}.json": _technical_configuration(offer, packages[sku.name])
        for sku in offer.skus
    }
    found = list(findings(resources))
    if offer.skus[0].currency != CURRENCY:
        found.append(f"skus: Partner Center takes prices in {CURRENCY}, not {offer.skus[0].currency}")
    metered = any(sku.price_per_user_month for sku in offer.skus)
    return Payload({CONFIGURE: request, **configurations}, tuple(found), (*BY_HAND, METERED) if metered else BY_HAND)


def _resources(offer: Offer, market: Marketplace) -> Iterator[dict[str, Any]]:
    product = {"product": {"resourceName": "product"}}
    contact = offer.support.model_dump(include={"name", "email", "phone"}, exclude_none=True)
    yield _resource(
        "product", "product", identity={"externalId": market.product_external_id}, type=KIND, alias=offer.display_name
    )
    yield _resource(
        "property",
        "property",
        **product,
        kind=KIND,
        categories={category: [] for category in market.categories},
        termsConditions="custom",
        termsOfUse=offer.terms_of_service_url,
    )
    yield _resource(
        "listing",
        "listing",
        **product,
        kind=KIND,
        languageId=LANGUAGE,
        title=offer.display_name,
        searchResultSummary=offer.summary,
        shortDescription=offer.summary,
        description=offer.description.strip(),
        privacyPolicyLink=offer.privacy_url,
        generalLinks=[
            {"displayText": "Support", "link": offer.support.url},
            {"displayText": "ReadMe", "link": offer.readme_address},
        ],
        supportContact=contact,
        engineeringContact=contact,
    )
    yield _resource(
        "price-and-availability-offer",
        "audience of the preview",
        **product,
        previewAudiences=[
            {"type": "subscription", "id": offer.management.subscription_id, "label": offer.publisher},
        ],
    )
    if any(sku.price_per_user_month for sku in offer.skus):
        meter = {"displayName": "Users whose data is read", "unitOfMeasure": "user and month"}
        yield _resource("price-and-availability-custom-meter", "meter", **product, customMeters={METER: meter})
    for sku in offer.skus:
        yield from _plan(sku, market, product)


def _plan(sku: Sku, market: Marketplace, product: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    of_plan = {**product, "plan": {"resourceName": f"plan {sku.name}"}}
    yield _resource(
        "plan",
        f"plan {sku.name}",
        **product,
        identity={"externalId": sku.name},
        alias=sku.display_name,
        azureRegions=["azureGlobal"],
    )
    yield _resource(
        "plan-listing",
        f"listing of plan {sku.name}",
        **of_plan,
        kind=PLAN_KIND,
        languageId=LANGUAGE,
        name=sku.display_name,
        summary=sku.description,
        description=sku.description,
    )
    yield _resource(
        "price-and-availability-plan",
        f"price of plan {sku.name}",
        **of_plan,
        audience="public",
        visibility="visible",
        markets=[code.lower() for code in market.markets],
        pricing=_pricing(sku),
    )


def _pricing(sku: Sku) -> dict[str, Any]:
    month = {"type": "month", "value": 1}
    monthly = {"billingTerm": month, "paymentOption": month, "pricePerPaymentInUsd": float(sku.price_per_month)}
    pricing: dict[str, Any] = {
        "recurrentPrice": {"priceInputOption": "usd", "recurrentPriceMode": "flatRate", "prices": [monthly]}
    }
    if sku.price_per_user_month:
        meter = {
            "pricePerUnitInUsd": float(sku.price_per_user_month),
            "includedQuantities": [{"billingTerm": month, "quantity": 0, "isInfinite": False}],
        }
        pricing["customMeters"] = {"priceInputOption": "usd", "meters": {METER: meter}}
    return pricing


def _technical_configuration(offer: Offer, package: Package) -> dict[str, Any]:
    """Returns the technical configuration of a plan; plans differ by their packages.

    It names the policies of Azure Storage, which Data Connect then enforces; the package assigns all policies itself.
    """
    vendor = offer.management
    return {
        "resourceType": "AzureManagedApplicationPackageConfiguration",
        "version": offer.version,
        "packageReferences": [{"type": "AzureApplicationPackage", "value": PACKAGE_ID}],
        "packageFile": {"name": package.name, "sha256": package.digest},
        "deploymentMode": "Incremental",
        "allowJitAccess": False,
        "publisherManagementMode": "Managed",
        "customerAccessEnableState": "Enabled" if vendor.lock_level == "None" else "Disabled",
        "canEnableCustomerActions": True,
        "allowedCustomerActions": [*ACTIONS, *vendor.allowed_actions],
        "allowedDataActions": list(DATA_ACTIONS),
        "publicAzureTenantID": vendor.tenant_id,
        "publicAzureAuthorizations": [
            {"principalID": one.principal_id, "roleDefinitionID": one.role_id} for one in authorizations(offer)
        ],
        "policies": [
            {"name": policy.key, "policyDefinitionId": policy.definition_id, "parameters": "{}"}
            for policy in map(policies().__getitem__, offer.policies)
            if policy.of_storage
        ],
        "notificationEndpoint": f"{vendor.notification_endpoint}?sig={SIGNATURE}",
    }


def _resource(kind: str, name: str, /, **values: Any) -> dict[str, Any]:
    """Makes a resource of the API; other resources of the same request refer to it by its name."""
    return {"$schema": f"{SCHEMAS}/{kind}/{VERSIONS[kind]}", "resourceName": name, **values}
