"""The authorizations: what the vendor may do in the managed resource group of an installation, and why.

What belongs here: the roles, each with its reason. Azure gives them to the vendor's principals at the installation, for
Azure Resource Manager alone: none of them opens a blob, a database or the activity feed of the customer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from o365_pipeline.managed_app.offer import Offer

ROLES: Mapping[str, str] = {
    "Owner": "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "Contributor": "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "Reader": "acdd72a7-3385-48ef-bd42-f606fba81ae7",
    "Data Factory Contributor": "673868aa-7521-48a0-acc6-0f60742d39f5",
}
"""Azure's built-in roles that a definition may use, by name."""


@dataclass(frozen=True)
class Authorization:
    """One role of one of the vendor's principals."""

    principal_id: str
    role: str
    reason: str

    @property
    def role_id(self) -> str:
        return ROLES[self.role]


def authorizations(offer: Offer) -> tuple[Authorization, ...]:
    """Returns the authorizations of an offer.

    Azure installs the package with the rights of a principal of the vendor's, and the package assigns roles and
    policies, which a Contributor may not write (Microsoft: Azure built-in roles, Contributor, not
    Microsoft.Authorization/*/write). That principal is a group without members: nobody acts as it.
    """
    vendor = offer.management
    return (
        Authorization(
            vendor.installer_principal_id,
            "Owner",
            "Azure installs and upgrades with it: the package assigns roles and policies, which no lesser role may. It "
            "is a group without members.",
        ),
        Authorization(vendor.principal_id, "Reader", "The support sees the state of what is installed."),
        Authorization(
            vendor.principal_id,
            "Data Factory Contributor",
            "The support sees the factory's runs, their rows and errors: to read is not enough for the question.",
        ),
    )
