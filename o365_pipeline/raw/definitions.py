"""The definitions of the raw stage: an asset and a reconciliation for each dataset, and the sensor that reconciles."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import dagster as dg

from o365_pipeline.customers.partitions import Partitioning
from o365_pipeline.datasets import Dataset
from o365_pipeline.raw.assets import raw_asset
from o365_pipeline.raw.reconciliation_check import build_reconciliation_sensor, reconciliation_check


def raw_definitions(
    partitioning: Partitioning, asked: Mapping[Dataset, Collection[str]], sensors: dg.DefaultSensorStatus
) -> dg.Definitions:
    return dg.Definitions(
        assets=dg.map_asset_specs(partitioning, [raw_asset(dataset, columns) for dataset, columns in asked.items()]),
        asset_checks=[reconciliation_check(dataset) for dataset in asked],
        sensors=[build_reconciliation_sensor(sensors)],
    )
