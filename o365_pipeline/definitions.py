"""The code location: merges the stages and hands them the deployment's resources."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from o365_pipeline.consent.assets import approval, no_approval_has_expired
from o365_pipeline.consent.sensor import build_consent_sensor
from o365_pipeline.cost.assets import plan_and_actual_asset
from o365_pipeline.curated.assets import curated_asset
from o365_pipeline.curated.current_assets import current_asset
from o365_pipeline.curated.people import datasets_about_people
from o365_pipeline.customers.data_request import DataRequest, asked_of
from o365_pipeline.customers.partitions import partitioned
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.extraction.assets import extraction, extraction_job
from o365_pipeline.extraction.landing_sensor import LANDING_JOB, build_landing_sensor
from o365_pipeline.extraction.schedules import build_extraction_schedules
from o365_pipeline.managed_app.installations.assets import installed_applications
from o365_pipeline.managed_app.installations.sensor import build_installation_sensor
from o365_pipeline.managed_app.installations.support_desk import build_support_desk_schedule, support_desk_job
from o365_pipeline.managed_app.installations.uninstallation_job import uninstallation_job
from o365_pipeline.managed_app.publishing.assets import managed_app_assets
from o365_pipeline.mart.assets import MART_KEYS, mart_assets
from o365_pipeline.mart.replay_job import replay_job
from o365_pipeline.purge.job import build_purge_sensor, purge_job
from o365_pipeline.raw.assets import raw_asset
from o365_pipeline.raw.reconciliation_check import build_reconciliation_sensor, reconciliation_check

landing_job = dg.define_asset_job(
    LANDING_JOB,
    selection=dg.AssetSelection.key_prefixes("raw", "curated", "mart"),
    description="From what landed to the mart: verifies, seals, types, loads. Launched by the landing sensor.",
)


def build_definitions(deployment: Deployment) -> dg.Definitions:
    """All of the project on one deployment's resources; on Azure, somebody turns the sensors on."""
    requests = _requests(deployment)
    datasets = requested_datasets(deployment)
    asked = {dataset: asked_of(requests, dataset) for dataset in datasets}
    people = people_datasets(deployment, datasets)
    sells = deployment.vendor is not None
    sensors = dg.DefaultSensorStatus.RUNNING if deployment.is_sandbox else dg.DefaultSensorStatus.STOPPED
    schedules = dg.DefaultScheduleStatus.RUNNING if deployment.is_sandbox else dg.DefaultScheduleStatus.STOPPED
    return dg.Definitions(
        assets=[
            approval,
            extraction,
            *(raw_asset(dataset, asked[dataset]) for dataset in datasets),
            *(curated_asset(dataset, asked[dataset], people) for dataset in datasets),
            *(current_asset(dataset, asked[dataset]) for dataset in datasets if dataset.current_name),
            mart_assets(datasets),
            plan_and_actual_asset,
            *([installed_applications] if sells else []),
            *(managed_app_assets(deployment.offer) if deployment.offer else ()),
        ],
        asset_checks=[no_approval_has_expired, *(reconciliation_check(dataset) for dataset in datasets)],
        jobs=[
            extraction_job,
            landing_job,
            replay_job,
            purge_job,
            *([uninstallation_job] if sells else []),
            *([support_desk_job] if sells else []),
        ],
        schedules=[
            *build_extraction_schedules(
                deployment.customers.configured,
                [sku.schedule for sku in deployment.offer.skus] if deployment.offer else [],
            ),
            *([build_support_desk_schedule(schedules)] if sells else []),
        ],
        sensors=[
            build_consent_sensor(sensors),
            build_landing_sensor(MART_KEYS, sensors),
            build_reconciliation_sensor(sensors),
            build_purge_sensor(sensors),
            *([build_installation_sensor(sensors)] if sells else []),
        ],
        resources=deployment.resources,
        executor=dg.in_process_executor,
    ).map_asset_specs(func=partitioned(deployment.first_day))


def requested_datasets(deployment: Deployment) -> tuple[Dataset, ...]:
    """The datasets that a customer's data request names, or the offer's, which customers may install at any time.

    What nobody asks for is in the catalogue, not in the UI.
    """
    requests = _requests(deployment)
    return tuple(
        dataset for dataset in catalogue().newest if any(request.requested(dataset.name) for request in requests)
    )


def _requests(deployment: Deployment) -> list[DataRequest]:
    requests = [customer.data_request for customer in deployment.customers.configured]
    return [*requests, *([deployment.offer.request] if deployment.offer else [])]


def people_datasets(deployment: Deployment, requested: Sequence[Dataset]) -> tuple[Dataset, ...]:
    """Those requested datasets that say whom a customer keeps out; none where nobody is kept out."""
    if not any(customer.keeps_people_out for customer in deployment.customers.configured):
        return ()
    return tuple(dataset for dataset in datasets_about_people() if dataset in requested)


@dg.definitions
def defs() -> dg.Definitions:
    """The code location of this environment."""
    return build_definitions(load())
