"""The definitions of the extraction stage: the factory runs, their schedules, and the sensor that watches them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import dagster as dg

from o365_pipeline.customers.partitions import Partitioning
from o365_pipeline.extraction.assets import extraction, extraction_job
from o365_pipeline.extraction.landing_sensor import build_landing_sensor, landing_job
from o365_pipeline.extraction.schedules import build_extraction_schedules


def extraction_definitions(
    partitioning: Partitioning,
    times: Iterable[str],
    mart_assets: Sequence[dg.AssetKey],
    sensors: dg.DefaultSensorStatus,
    schedules: dg.DefaultScheduleStatus,
) -> dg.Definitions:
    """Returns the definitions of this stage.

    Args:
        partitioning: gives each asset its customers and days.
        times: the cron schedules that customers have, or may bring.
        mart_assets: the assets that are materialized after every landing.
    """
    return dg.Definitions(
        assets=dg.map_asset_specs(partitioning, [extraction]),
        jobs=[extraction_job, landing_job],
        schedules=build_extraction_schedules(times, schedules),
        sensors=[build_landing_sensor(mart_assets, sensors)],
    )
