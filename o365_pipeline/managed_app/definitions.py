"""The definitions of the managed application: its releases, its installations, and what looks after them.

They exist only if an offer is sold.
"""

from __future__ import annotations

import dagster as dg

from o365_pipeline.managed_app.installations.assets import installed_applications
from o365_pipeline.managed_app.installations.sensor import build_installation_sensor
from o365_pipeline.managed_app.installations.support_desk import build_support_desk_schedule, support_desk_job
from o365_pipeline.managed_app.offer import Offer
from o365_pipeline.managed_app.publishing.assets import managed_app_assets


def managed_app_definitions(
    offer: Offer, sensors: dg.DefaultSensorStatus, schedules: dg.DefaultScheduleStatus
) -> dg.Definitions:
    return dg.Definitions(
        assets=[*managed_app_assets(offer), installed_applications],
        jobs=[support_desk_job],
        schedules=[build_support_desk_schedule(schedules)],
        sensors=[build_installation_sensor(sensors)],
    )
