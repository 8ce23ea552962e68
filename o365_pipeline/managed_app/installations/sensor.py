"""The installation sensor: it onboards new installations, and requests the deletion of data that others leave behind.

What belongs here: the tick. What follows from a notification belongs to `onboarding.py`.
"""

import datetime as dt
from collections.abc import Sequence

import dagster as dg

from o365_pipeline.azure.cloud import Cloud
from o365_pipeline.customers.partitions import CUSTOMERS, customer_partitions
from o365_pipeline.customers.turns import in_turn
from o365_pipeline.dagster_ui.labels import stage_tag
from o365_pipeline.database.database import Database
from o365_pipeline.extraction.data_factory import DataFactory
from o365_pipeline.managed_app.installations import installations
from o365_pipeline.managed_app.installations.applications import Applications
from o365_pipeline.managed_app.installations.assets import INSTALLATIONS, installations_metadata
from o365_pipeline.managed_app.installations.installations import Installation
from o365_pipeline.managed_app.installations.onboarding import Onboarding
from o365_pipeline.managed_app.installations.uninstallation_job import UNINSTALLATION_JOB, uninstallation_request
from o365_pipeline.managed_app.installations.vendor import Vendor

MAX_REQUESTS = 5
"""How many uninstallations one tick requests at most; the rest follows in the next tick."""


def build_installation_sensor(default_status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Builds the sensor; `default_status` says whether it is on until somebody changes that in the UI."""

    @dg.sensor(
        job_name=UNINSTALLATION_JOB,
        minimum_interval_seconds=10,
        default_status=default_status,
        tags=stage_tag("managed_app"),
        description=(
            "Takes in Azure's notifications of installations of the managed application, each confirmed by a look at "
            "the application itself: a new one becomes a customer, whose data moves once its approver says yes; of a "
            "deleted one everything is deleted."
        ),
    )
    def installation_sensor(
        context: dg.SensorEvaluationContext,
        database: dg.ResourceParam[Database],
        data_factory: DataFactory,
        cloud: dg.ResourceParam[Cloud],
        vendor: dg.ResourceParam[Vendor],
    ) -> dg.SensorResult:
        now = dt.datetime.now(dt.UTC)
        onboarding = Onboarding(database, vendor, Applications(cloud), data_factory, now, context.log)
        changed = onboarding.run()
        known = installations.all_of(database)
        leaving = _next(known, context.cursor or "")
        partitions = set(context.instance.get_dynamic_partitions(CUSTOMERS))
        added = [entry.customer for entry in known if entry.is_customer and entry.customer not in partitions]
        events = []
        if changed:
            table = installations_metadata(database, vendor, now)
            events = [dg.AssetMaterialization(INSTALLATIONS, description=", ".join(changed), metadata=table)]
        return dg.SensorResult(
            run_requests=[uninstallation_request(entry, now) for entry in leaving],
            skip_reason=None if leaving else f"{len(changed)} installations changed." if changed else "Nothing new.",
            dynamic_partitions_requests=[customer_partitions.build_add_request(added)] if added else [],
            asset_events=events,
            cursor=leaving[-1].customer if leaving else "",
        )

    return installation_sensor


def _next(known: Sequence[Installation], after: str) -> list[Installation]:
    """The installations to purge next; a run that fails keeps its installation among them, and keeps out no other."""
    waiting = {entry.customer: entry for entry in known if entry.is_to_be_purged}
    return [waiting[name] for name in in_turn(waiting, after)[:MAX_REQUESTS]]
