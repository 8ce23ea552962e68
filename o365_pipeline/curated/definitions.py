"""The definitions of the curated stage: an asset for each dataset, and the present state of those that have one."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from o365_pipeline.curated.assets import curated_asset
from o365_pipeline.curated.current_assets import current_asset
from o365_pipeline.customers.partitions import Partitioning
from o365_pipeline.datasets import Dataset


def curated_definitions(
    partitioning: Partitioning, datasets: Sequence[Dataset], people: Sequence[Dataset]
) -> dg.Definitions:
    """The definitions of this stage.

    Args:
        partitioning: gives each asset its customers and days.
        people: those of the datasets that say whom a customer keeps out.
    """
    assets = [
        *(curated_asset(dataset, people) for dataset in datasets),
        *(current_asset(dataset) for dataset in datasets if dataset.current_name),
    ]
    return dg.Definitions(assets=dg.map_asset_specs(partitioning, assets))
