"""Checks of a table's row counts against its own past, on curated assets and later ones.

What belongs here: the check as Dagster sees it. What is usual belongs to `dagster_ui/row_history.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import dagster as dg

from o365_pipeline.dagster_ui.markdown_metadata import shown, table
from o365_pipeline.dagster_ui.row_history import HISTORY_DAYS, MIN_DAYS, Usual, usual

VOLUME_CHECK = "volume_as_usual"
MAX_DAYS_SHOWN = 31


def volume_spec(key: dg.AssetKey) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        VOLUME_CHECK,
        asset=key,
        description=(
            f"The day has about as many rows as the customer's days like it in the {HISTORY_DAYS} days before; passes "
            f"while there are fewer than {MIN_DAYS} of them."
        ),
    )


def volume_result(
    key: dg.AssetKey, counts: Mapping[dt.date, int], history: Mapping[dt.date, int]
) -> dg.AssetCheckResult:
    """Checks whether the days' counts are as expected from the days before; the run's own days count as history too."""
    known = {**history, **counts}
    judged = {day: usual(day, known) for day in sorted(counts)}
    unusual = [day for day, found in judged.items() if found and not found.includes(counts[day])]
    shown_days = unusual or [day for day, found in judged.items() if found]
    metadata: dict[str, int | str | dg.MetadataValue] = {
        "unusual_days": len(unusual),
        "judged_days": sum(map(bool, judged.values())),
    }
    if shown_days:
        rows = [_line(day, counts[day], found) for day in shown_days[-MAX_DAYS_SHOWN:] if (found := judged[day])]
        metadata["days"] = shown(table(("day", "rows", "usual", "days compared"), rows))
    else:
        metadata["note"] = "not enough history"
    return dg.AssetCheckResult(
        check_name=VOLUME_CHECK,
        asset_key=key,
        passed=not unusual,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=metadata,
    )


def _line(day: dt.date, rows: int, found: Usual) -> tuple[str, str, str, str]:
    low, high = max(found.rows - found.tolerance, 0), found.rows + found.tolerance
    return (str(day), f"{rows:,}", f"{found.rows:,.0f} ({low:,.0f} to {high:,.0f})", str(found.days))
