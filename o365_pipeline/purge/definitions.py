"""The definitions of the purge stage: the job that deletes, and the sensor that launches it."""

from __future__ import annotations

import dagster as dg

from o365_pipeline.purge.job import build_purge_sensor, purge_job


def purge_definitions(sensors: dg.DefaultSensorStatus) -> dg.Definitions:
    return dg.Definitions(jobs=[purge_job], sensors=[build_purge_sensor(sensors)])
