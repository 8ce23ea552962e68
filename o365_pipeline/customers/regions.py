"""Regions in which a factory and its storage may be, so that Data Connect delivers the mailboxes' data there.

What belongs here: Data Connect's table of regions, and look-ups in it. Source: Microsoft, Data Factory connector for
Microsoft 365 (Data Connect's supported regions and mailboxes).
"""

from __future__ import annotations

from collections.abc import Mapping

AZURE_REGIONS: Mapping[str, tuple[str, ...]] = {
    "Asia-Pacific": ("East Asia", "Southeast Asia"),
    "Australia": ("Australia East", "Australia Southeast"),
    "Brazil": ("Brazil South",),
    "Canada": ("Canada Central", "Canada East"),
    "Europe": ("North Europe", "West Europe"),
    "France": ("France Central",),
    "Germany": ("Germany West Central",),
    "India": ("Central India", "South India"),
    "Japan": ("Japan East", "Japan West"),
    "Korea": ("Korea Central", "Korea South"),
    "Norway": ("Norway East",),
    "Switzerland": ("Switzerland North",),
    "United Arab Emirates": ("UAE North",),
    "United Kingdom": ("UK South", "UK West"),
    "North America": (
        "Central US",
        "East US",
        "East US 2",
        "North Central US",
        "South Central US",
        "West Central US",
        "West US",
        "West US 2",
    ),
}
"""The Azure regions that can receive the data of mailboxes in each Office region."""


def region_code(name: str) -> str:
    """Returns a region's name as Azure's resources have it: "West Europe" is westeurope."""
    return "".join(name.split()).lower()


REGION_NAMES: Mapping[str, str] = {region_code(name): name for names in AZURE_REGIONS.values() for name in names}
"""The names of the regions that Data Connect delivers into, by their codes."""


def azure_region(name: str) -> str:
    """Returns the code of one of these regions, however its name is written.

    Raises:
        ValueError: Data Connect delivers into no such region.
    """
    code = region_code(name)
    if code not in REGION_NAMES:
        raise ValueError(f"Data Connect delivers into no Azure region {name!r}; it does into {', '.join(REGION_NAMES)}")
    return code


def receiving_regions(office_region: str) -> tuple[str, ...]:
    """Returns the codes of the Azure regions that can receive the data of mailboxes in an Office region."""
    return tuple(region_code(name) for name in AZURE_REGIONS[office_region])
