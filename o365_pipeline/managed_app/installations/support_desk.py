"""The support desk's schedule: it refreshes the vendor's table every hour, even if nothing changed.

What belongs here: the schedule. The table belongs to `installations/assets.py`.
"""

from __future__ import annotations

import dagster as dg

from o365_pipeline.dagster_ui.labels import stage_tag
from o365_pipeline.managed_app.installations.assets import INSTALLATIONS

SUPPORT_DESK_JOB = "support_desk_job"

support_desk_job = dg.define_asset_job(
    SUPPORT_DESK_JOB,
    selection=dg.AssetSelection.assets(INSTALLATIONS),
    description="Tells anew how every installation stands.",
    tags=stage_tag("managed_app"),
)


def build_support_desk_schedule(default_status: dg.DefaultScheduleStatus) -> dg.ScheduleDefinition:
    """Builds the schedule; `default_status` says whether it is on until somebody changes that in the UI."""
    return dg.ScheduleDefinition(
        name="support_desk",
        job=support_desk_job,
        cron_schedule="0 * * * *",
        execution_timezone="UTC",
        default_status=default_status,
        tags=stage_tag("managed_app"),
        description="Every hour: version, state, last extraction, last error, rows and cost of every installation.",
    )
