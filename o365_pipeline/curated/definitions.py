"""The definitions of the curated stage: an asset for each dataset, and the present state of those that have one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import dagster as dg

from o365_pipeline.curated.assets import curated_asset
from o365_pipeline.curated.current.current_assets import current_asset
from o365_pipeline.customers.partitions import Partitioning
from o365_pipeline.datasets import Dataset


def curated_definitions(
    partitioning: Partitioning, asked: Mapping[Dataset, Collection[str]], people: Sequence[Dataset]
) -> dg.Definitions:
    """Returns the definitions of this stage.

    Args:
        partitioning: gives each asset its customers and days.
        asked: the columns of each dataset that a data request names, by their curated names.
        people: those of the datasets that are needed to deny people.
    """
    assets = [
        *(curated_asset(dataset, columns, people) for dataset, columns in asked.items()),
        *(current_asset(dataset, columns) for dataset, columns in asked.items() if dataset.current_name),
    ]
    return dg.Definitions(assets=dg.map_asset_specs(partitioning, assets))
