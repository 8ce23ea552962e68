"""The measures of oversharing: who can reach what, as of the newest day that is seen."""

from __future__ import annotations

from o365_pipeline.mart.power_bi.measures.measure import (
    SHARE,
    WHOLE,
    Measure,
    of_newest_day,
    rows_of_newest_day,
)

_FOLDER = "Copilot readiness: oversharing"
_TABLE = "Site exposure"
_ROWS = rows_of_newest_day("agg_site_exposure")
_OPEN = {
    "anyone_links": "Anyone links",
    "organization_links": "Organization links",
    "everyone_except_external_grants": "Everyone except external grants",
    "everyone_grants": "Everyone grants",
}
"""Columns of permissions that reach everybody in the organisation, or anybody."""


def _summed(name: str, column: str, caption: str, description: str) -> Measure:
    dax = of_newest_day(_TABLE, f"SUM('{_TABLE}'[{caption}])")
    return Measure(name, dax, description, WHOLE, _FOLDER, f"SELECT SUM({column}) FROM {_ROWS}")


def _sites(name: str, description: str, filters: tuple[str, ...] = (), condition: str = "1 = 1") -> Measure:
    dax = of_newest_day(_TABLE, f"DISTINCTCOUNT('{_TABLE}'[Site key])", *filters)
    sql = f"SELECT COUNT(DISTINCT t.customer || '/' || t.site_id) FROM {_ROWS} WHERE {condition}"
    return Measure(name, dax, description, WHOLE, _FOLDER, sql)


OVERSHARING = (
    _summed("Permissions", "permissions", "Permissions", "Permissions, by link or direct"),
    _summed("Links for anyone", "anyone_links", "Anyone links", "Links that open for whoever has them"),
    _summed(
        "Links for the organisation",
        "organization_links",
        "Organization links",
        "Links that open for everybody in the organisation",
    ),
    _summed(
        "Links for specific people",
        "specific_people_links",
        "Specific people links",
        "Links that open for those they were sent to",
    ),
    _summed(
        "Grants to everyone but external people",
        "everyone_except_external_grants",
        "Everyone except external grants",
        "Permissions of all members of the organisation by the claim",
    ),
    _summed(
        "Grants to everyone",
        "everyone_grants",
        "Everyone grants",
        "Permissions of claims that can hold guests too: Everyone, All users",
    ),
    _summed(
        "Grants to unknown groups",
        "unknown_group_grants",
        "Unknown group grants",
        "Permissions of groups told by a name that is not known: they may hold everybody",
    ),
    _summed("Grants to guests", "guest_grants", "Guest grants", "Permissions that reach a guest"),
    Measure(
        "Open permissions",
        of_newest_day(_TABLE, " + ".join(f"SUM('{_TABLE}'[{caption}])" for caption in _OPEN.values())),
        "Permissions that reach everybody in the organisation, or anybody: what Copilot may show to all",
        WHOLE,
        _FOLDER,
        f"SELECT SUM({' + '.join(_OPEN)}) FROM {_ROWS}",
    ),
    Measure(
        "Open share of permissions",
        "DIVIDE([Open permissions], [Permissions])",
        "Open permissions of all permissions",
        SHARE,
        _FOLDER,
        f"SELECT 1.0 * SUM({' + '.join(_OPEN)}) / SUM(permissions) FROM {_ROWS}",
    ),
    _sites("Shared sites", "Sites, OneDrives among them, with a permission"),
    _sites(
        "Sites with links for anyone",
        "Sites, OneDrives among them, with a link that opens for whoever has it",
        (f"'{_TABLE}'[Anyone links] > 0",),
        "anyone_links > 0",
    ),
    _sites(
        "Shared sites without a label",
        "Shared sites that have no sensitivity label",
        (f"ISBLANK('{_TABLE}'[Sensitivity label])",),
        "sensitivity_label IS NULL",
    ),
)
