"""The schedule of costs: plan and actual are computed every hour, as Microsoft's counts of objects arrive.

What belongs here: the schedule. The computation belongs to `assets.py`.
"""

from __future__ import annotations

import dagster as dg

from o365_pipeline.cost.assets import PLAN_AND_ACTUAL
from o365_pipeline.dagster_ui.labels import stage_tag

cost_job = dg.define_asset_job(
    "cost_job",
    selection=dg.AssetSelection.assets(PLAN_AND_ACTUAL),
    description="Works out what extractions have cost beside what was planned. It spends nothing itself.",
    tags=stage_tag("cost"),
)


def build_cost_schedule(default_status: dg.DefaultScheduleStatus) -> dg.ScheduleDefinition:
    """Builds the schedule; `default_status` says whether it is on until somebody changes that in the UI."""
    return dg.ScheduleDefinition(
        name="hourly_cost",
        job=cost_job,
        cron_schedule="0 * * * *",
        execution_timezone="UTC",
        default_status=default_status,
        tags=stage_tag("cost"),
        description="Every hour: what each customer's extractions have cost, beside what was planned.",
    )
