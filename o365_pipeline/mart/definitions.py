"""The definitions of the mart stage: its tables, and the job that reads rejected rows again."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from o365_pipeline.customers.partitions import Partitioning
from o365_pipeline.datasets import Dataset
from o365_pipeline.mart.assets import mart_assets
from o365_pipeline.mart.replay_job import replay_job


def mart_definitions(partitioning: Partitioning, datasets: Sequence[Dataset]) -> dg.Definitions:
    return dg.Definitions(assets=dg.map_asset_specs(partitioning, [mart_assets(datasets)]), jobs=[replay_job])
