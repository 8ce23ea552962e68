"""Regions: where a factory and its storage may lie, so that Data Connect delivers the mailboxes' data into them.

What belongs here: Data Connect's table and looking things up in it. Source: Microsoft, Data Factory connector for
Microsoft 365 (Data Connect's supported regions and mailboxes).
"""

from __future__ import annotations

from collections.abc import Mapping

AZURE_REGIONS: Mapping[str, tuple[str, ...]] = {
    "Asia-Pacific": ("eastasia", "southeastasia"),
    "Australia": ("australiaeast", "australiasoutheast"),
    "Brazil": ("brazilsouth",),
    "Canada": ("canadacentral", "canadaeast"),
    "Europe": ("northeurope", "westeurope"),
    "France": ("francecentral",),
    "Germany": ("germanywestcentral",),
    "India": ("centralindia", "southindia"),
    "Japan": ("japaneast", "japanwest"),
    "Korea": ("koreacentral", "koreasouth"),
    "Norway": ("norwayeast",),
    "Switzerland": ("switzerlandnorth",),
    "United Arab Emirates": ("uaenorth",),
    "United Kingdom": ("uksouth", "ukwest"),
    "North America": (
        "centralus",
        "eastus",
        "eastus2",
        "northcentralus",
        "southcentralus",
        "westcentralus",
        "westus",
        "westus2",
    ),
}
"""The Azure regions that can receive the data of mailboxes in each Office region."""


def azure_region(name: str) -> str:
    """An Azure region as Azure writes it: "West Europe" is westeurope.

    Raises:
        ValueError: Data Connect delivers into no such region.
    """
    code = "".join(name.split()).lower()
    if not any(code in regions for regions in AZURE_REGIONS.values()):
        known = ", ".join(region for regions in AZURE_REGIONS.values() for region in regions)
        raise ValueError(f"Data Connect delivers into no Azure region {name!r}; it does into {known}")
    return code


def receives_from(region: str, office_region: str) -> bool:
    """Whether an Azure region can receive the data of mailboxes in an Office region."""
    return region in AZURE_REGIONS[office_region]
