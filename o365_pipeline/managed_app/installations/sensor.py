"""The installation sensor: it takes in Azure's notifications, and asks for the table anew where something changed.

What belongs here: the tick. What follows from a notification belongs to `confirmation.py`.
"""

import datetime as dt

import dagster as dg

from o365_pipeline.azure.cloud import Cloud
from o365_pipeline.dagster_ui.labels import stage_tag
from o365_pipeline.database.database import Database
from o365_pipeline.managed_app.installations.applications import Applications
from o365_pipeline.managed_app.installations.confirmation import Confirmation
from o365_pipeline.managed_app.installations.support_desk import support_desk_job
from o365_pipeline.managed_app.offer import Offer


def build_installation_sensor(default_status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Builds the sensor; `default_status` says whether it is on until somebody changes that in the UI."""

    @dg.sensor(
        job=support_desk_job,
        minimum_interval_seconds=10,
        default_status=default_status,
        tags=stage_tag("managed_app"),
        description=(
            "Takes in Azure's notifications of installations of the managed application, each confirmed by a look at "
            "the application itself, and asks for the table of installations anew where one changed."
        ),
    )
    def installation_sensor(
        context: dg.SensorEvaluationContext,
        database: dg.ResourceParam[Database],
        cloud: dg.ResourceParam[Cloud],
        offer: dg.ResourceParam[Offer],
    ) -> dg.SensorResult:
        confirmation = Confirmation(database, offer, Applications(cloud), dt.datetime.now(dt.UTC), context.log)
        if changed := confirmation.run():
            context.log.info(f"changed: {', '.join(changed)}")
            return dg.SensorResult(run_requests=[dg.RunRequest()])
        return dg.SensorResult(skip_reason="Nothing new.")

    return installation_sensor
