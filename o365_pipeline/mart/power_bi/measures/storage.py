"""The measures of storage and inactive sites, as of the newest day that is seen."""

from __future__ import annotations

from o365_pipeline.mart.power_bi.measures.measure import (
    ONE_PLACE,
    SHARE,
    WHOLE,
    Measure,
    of_newest_day,
    rows_of_newest_day,
)

_PAGE = "Storage and inactive sites"
STORED, SITES = (f"{_PAGE}\\{name}" for name in ("Storage", "Sites"))
_TABLE = "Site snapshot"
_ROWS = rows_of_newest_day("dim_site")
GIGABYTE = 1 << 30

_INACTIVE, _INACTIVE_ROWS = f"'{_TABLE}'[Inactive (days)] >= 90", "inactive_days >= 90"


def _count(name: str, description: str, filters: tuple[str, ...] = (), condition: str = "1 = 1") -> Measure:
    dax = of_newest_day(_TABLE, f"COUNTROWS('{_TABLE}')", *filters)
    return Measure(name, dax, description, WHOLE, SITES, f"SELECT COUNT(*) FROM {_ROWS} WHERE {condition}")


def _gigabytes(
    name: str, column: str, caption: str, description: str, filters: tuple[str, ...] = (), condition: str = "1 = 1"
) -> Measure:
    dax = of_newest_day(_TABLE, f"DIVIDE(SUM('{_TABLE}'[{caption}]), {GIGABYTE})", *filters)
    sql = f"SELECT SUM({column}) / {GIGABYTE}.0 FROM {_ROWS} WHERE {condition}"
    return Measure(name, dax, description, ONE_PLACE, STORED, sql)


STORAGE = (
    _gigabytes(
        "Storage (GB)",
        "total_bytes",
        "Total (bytes)",
        "Size of all files with metadata, all versions and the recycle bin, in units of 1024³ bytes",
    ),
    _gigabytes("Versions (GB)", "version_bytes", "Version (bytes)", "Size of earlier versions and the recycle bin"),
    Measure(
        "Version share of storage",
        "DIVIDE([Versions (GB)], [Storage (GB)])",
        "Earlier versions and the recycle bin of all storage",
        SHARE,
        STORED,
        f"SELECT 1.0 * SUM(version_bytes) / SUM(total_bytes) FROM {_ROWS}",
    ),
    _gigabytes(
        "Inactive storage (GB)",
        "total_bytes",
        "Total (bytes)",
        "Storage of inactive sites",
        (_INACTIVE,),
        _INACTIVE_ROWS,
    ),
    Measure(
        "Files",
        of_newest_day(_TABLE, f"SUM('{_TABLE}'[File count])"),
        "Files of all sites",
        WHOLE,
        STORED,
        f"SELECT SUM(file_count) FROM {_ROWS}",
    ),
    _count("Sites", "Sites, OneDrives and those in the recycle bin among them"),
    _count("Inactive sites", "Sites without a change for 90 days or more", (_INACTIVE,), _INACTIVE_ROWS),
    Measure(
        "Inactive share of sites",
        "DIVIDE([Inactive sites], [Sites])",
        "Inactive sites of all sites",
        SHARE,
        SITES,
        f"SELECT AVG(CASE WHEN {_INACTIVE_ROWS} THEN 1.0 ELSE 0.0 END) FROM {_ROWS}",
    ),
    _count("Sites without an owner", "Sites that name no owner", (f"'{_TABLE}'[Owner count] = 0",), "owner_count = 0"),
    _count(
        "Sites with one owner", "Sites that name one owner alone", (f"'{_TABLE}'[Owner count] = 1",), "owner_count = 1"
    ),
    _count(
        "Sites in the recycle bin",
        "Sites that were deleted and can be restored",
        (f"'{_TABLE}'[Is in recycle bin] = 1",),
        "is_in_recycle_bin IS TRUE",
    ),
    _count("Archived sites", "Sites in the archive", (f"'{_TABLE}'[Is archived] = 1",), "is_archived IS TRUE"),
)
