"""What the page of a partition shows, told to Dagster while the partition is materialized.

What belongs here: the way to tell it. What is shown belongs to the stages and to `preview.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg


def show_on_page(
    context: dg.AssetExecutionContext, page: Mapping[str, Any], partition: str, key: dg.AssetKey | None = None
) -> None:
    """Adds metadata to one partition of the run; `key` names the asset where a step has several.

    Dagster looks a named partition up in its database, so the only partition of a run is not named.
    """
    run = context.partition_key_range
    context.add_asset_metadata(page, asset_key=key, partition_key=None if run.start == run.end else partition)
