"""People's devices and licences: the rows of OwnedDevices_v0, RegisteredDevices_v0 and LicenseDetails_v0.

What belongs here: which devices and licences a person has, and their columns.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from o365_pipeline.sandbox.tenant.organization import Organization, Person
from o365_pipeline.sandbox.tenant.row_format import Columns, Window, constant, share, utc_text

MODELS = (
    ("Windows", "10.0.22631.4460", "Microsoft Corporation", "Surface Laptop 6"),
    ("Windows", "10.0.26100.2314", "LENOVO", "21ML0000GE"),
    ("MacMDM", "14.7", "Apple", "MacBookPro18,3"),
    ("iPhone", "18.1", "Apple", "iPhone 15"),
    ("AndroidEnterprise", "14", "samsung", "SM-S921B"),
)
PLANS = ("EXCHANGE_S_ENTERPRISE", "SHAREPOINTENTERPRISE", "TEAMS1")
PRODUCTS = ("SPE_E3", "SPE_E5")


@dataclass(slots=True)
class Device:
    """One device of one person."""

    holder: Person
    number: int
    seen: dt.datetime

    @property
    def id(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"device|{self.holder.id}|{self.number}"))

    @property
    def model(self) -> tuple[str, str, str, str]:
        return MODELS[int(share(self.id, "model") * len(MODELS))]

    @property
    def registered(self) -> dt.datetime:
        return self.holder.created + dt.timedelta(days=int(share(self.id, "registered") * 600))


@dataclass(slots=True)
class License:
    """One product that one person has."""

    holder: Person
    product: str

    @property
    def sku(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"sku|{self.product}"))


def devices(organization: Organization, window: Window) -> Iterator[Device]:
    """Returns one to three devices for each mailbox in use."""
    for person in organization.active:
        for number in range(1 + int(share(person.id, "devices") * 3)):
            yield Device(
                person, number, window.end - dt.timedelta(hours=int(share(person.id, str(number)) ** 3 * 2000))
            )


def licenses(organization: Organization, _: Window) -> Iterator[License]:
    return (License(person, PRODUCTS[share(person.id, "product") > 0.8]) for person in organization.active)


DEVICE_COLUMNS: Columns = {
    "accountEnabled": constant(True),
    "approximateLastSignInDateTime": lambda device: utc_text(device.seen),
    "deviceId": lambda device: device.id,
    "deviceOwnership": lambda device: "Company" if device.number == 0 else "Personal",
    "displayName": lambda device: f"DEVICE-{device.id[:8].upper()}",
    "id": lambda device: str(uuid.uuid5(uuid.NAMESPACE_URL, f"object|{device.id}")),
    "isCompliant": lambda device: share(device.id, "compliant") > 0.1,
    "isManaged": lambda device: device.number == 0,
    "isRooted": constant(False),
    "managementType": constant("MDM"),
    "manufacturer": lambda device: device.model[2],
    "model": lambda device: device.model[3],
    "onPremisesSyncEnabled": constant(None),
    "operatingSystem": lambda device: device.model[0],
    "operatingSystemVersion": lambda device: device.model[1],
    "profileType": constant("RegisteredDevice"),
    "registrationDateTime": lambda device: utc_text(device.registered),
    "systemLabels": constant([]),
    "trustType": constant("AzureAd"),
}

LICENSE_COLUMNS: Columns = {
    "id": lambda entry: f"{entry.holder.id}_{entry.sku}",
    "skuId": lambda entry: entry.sku,
    "skuPartNumber": lambda entry: entry.product,
    "servicePlans": constant(
        [
            {
                "servicePlanId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"plan|{plan}")),
                "servicePlanName": plan,
                "provisioningStatus": "Success",
                "appliesTo": "User",
            }
            for plan in PLANS
        ]
    ),
}
