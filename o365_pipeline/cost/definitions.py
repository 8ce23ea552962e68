"""The definitions of the cost stage: what extractions cost beside what was planned, and when it is worked out."""

from __future__ import annotations

import dagster as dg

from o365_pipeline.cost.assets import plan_and_actual_asset
from o365_pipeline.cost.schedule import build_cost_schedule, cost_job


def cost_definitions(schedules: dg.DefaultScheduleStatus) -> dg.Definitions:
    return dg.Definitions(assets=[plan_and_actual_asset], jobs=[cost_job], schedules=[build_cost_schedule(schedules)])
