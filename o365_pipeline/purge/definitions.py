"""The definitions of the purge stage: the jobs that delete, what launches them, and the check of what is kept."""

from __future__ import annotations

import dagster as dg

from o365_pipeline.purge.history_job import build_history_schedule, history_job
from o365_pipeline.purge.job import build_purge_sensor, purge_job
from o365_pipeline.purge.schedule import build_retention_schedule, nothing_is_kept_too_long


def purge_definitions(sensors: dg.DefaultSensorStatus, schedules: dg.DefaultScheduleStatus) -> dg.Definitions:
    return dg.Definitions(
        jobs=[purge_job, history_job],
        sensors=[build_purge_sensor(sensors)],
        schedules=[build_retention_schedule(schedules), build_history_schedule(schedules)],
        asset_checks=[nothing_is_kept_too_long],
    )
