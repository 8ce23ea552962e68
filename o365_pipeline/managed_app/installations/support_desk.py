"""The support desk's schedule: what it looks at is told anew every hour, whether something changed or not.

What belongs here: when. What is told is `installations/assets.py`'s.
"""

from __future__ import annotations

import dagster as dg

from o365_pipeline.dagster_ui.labels import VENDOR, stage_tag
from o365_pipeline.managed_app.installations.assets import INSTALLATIONS

SUPPORT_DESK_JOB = "support_desk_job"

support_desk_job = dg.define_asset_job(
    SUPPORT_DESK_JOB,
    selection=dg.AssetSelection.assets(INSTALLATIONS),
    description="Tells anew how every installation stands.",
    owners=[VENDOR],
    tags=stage_tag("managed_app"),
)


def build_support_desk_schedule(default_status: dg.DefaultScheduleStatus) -> dg.ScheduleDefinition:
    """The schedule, on or off until somebody says otherwise in the UI."""
    return dg.ScheduleDefinition(
        name="support_desk",
        job=support_desk_job,
        cron_schedule="0 * * * *",
        execution_timezone="UTC",
        default_status=default_status,
        owners=[VENDOR],
        tags=stage_tag("managed_app"),
        description="Every hour: consent, last extraction, last error, rows and cost of every installation.",
    )
