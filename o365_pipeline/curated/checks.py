"""Checks of a table's rows against its own past, on curated assets and those after them.

What belongs here: what Dagster sees of such a check. What is usual belongs to `row_history.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import dagster as dg

from o365_pipeline.dagster_ui.markdown import markdown_table
from o365_pipeline.dagster_ui.row_history import HISTORY_DAYS, LEAST_DAYS, Usual, usual

VOLUME_CHECK = "volume_as_usual"
MOST_DAYS_TOLD = 31


def volume_spec(key: dg.AssetKey) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        VOLUME_CHECK,
        asset=key,
        description=(
            f"The day has about as many rows as the customer's days like it in the {HISTORY_DAYS} days before; passes "
            f"while there are fewer than {LEAST_DAYS} of them."
        ),
    )


def volume_result(
    key: dg.AssetKey, counts: Mapping[dt.date, int], history: Mapping[dt.date, int]
) -> dg.AssetCheckResult:
    """Whether the days' counts are as the days before them let expect; the run's own days count as history too."""
    known = {**history, **counts}
    judged = {day: usual(day, known) for day in sorted(counts)}
    unusual = [day for day, found in judged.items() if found and not found.holds(counts[day])]
    told = unusual or [day for day, found in judged.items() if found]
    metadata: dict[str, int | str | dg.MetadataValue] = {
        "unusual_days": len(unusual),
        "judged_days": sum(map(bool, judged.values())),
    }
    if told:
        rows = [_line(day, counts[day], found) for day in told[-MOST_DAYS_TOLD:] if (found := judged[day])]
        metadata["days"] = dg.MetadataValue.md(markdown_table(("day", "rows", "usual", "days compared"), rows))
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
