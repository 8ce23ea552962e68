"""The code location: it merges the stages' definitions and gives them the deployment's resources.

What belongs here: merging alone. Assets, jobs, sensors and schedules belong to the stages' `definitions.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from o365_pipeline.consent.definitions import consent_definitions
from o365_pipeline.cost.definitions import cost_definitions
from o365_pipeline.curated.definitions import curated_definitions
from o365_pipeline.curated.people import datasets_about_people
from o365_pipeline.customers.data_request import DataRequest, asked_of
from o365_pipeline.customers.partitions import partitioned
from o365_pipeline.dagster_ui.resources import described
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.doctor.page import doctor_definitions
from o365_pipeline.extraction.definitions import extraction_definitions
from o365_pipeline.mart.assets import mart_keys
from o365_pipeline.mart.definitions import mart_definitions
from o365_pipeline.purge.definitions import purge_definitions
from o365_pipeline.raw.definitions import raw_definitions

DESCRIPTIONS = {
    "customers": "The customers of this deployment, by name.",
    "database": "The SQL database of the ledger, and of every mart that has no database of its own.",
    "home": "The folder under which everything local lies.",
    "lakes": "The lake of each customer: one for all, or each one's own container.",
    "offer": "The offer that is sold as a managed application.",
    "marts": "The SQL database that holds each customer's mart.",
    "service_catalog": "Where the offer is published for those who install it.",
}
"""Descriptions for resources that are plain objects; the others have a description in their class."""


def build_definitions(deployment: Deployment) -> dg.Definitions:
    """Merges all definitions of the project, with one deployment's resources.

    Sensors and schedules are on in the sandbox and in installations; elsewhere, somebody turns them on. A vendor that
    only sells has nothing to extract.
    """
    offer = deployment.offer
    sensors = dg.DefaultSensorStatus.RUNNING if deployment.starts_sensors else dg.DefaultSensorStatus.STOPPED
    schedules = dg.DefaultScheduleStatus.RUNNING if deployment.starts_sensors else dg.DefaultScheduleStatus.STOPPED
    resources = dg.Definitions(resources=shown_resources(deployment), executor=dg.in_process_executor)
    sold = []
    if offer:
        # Whoever sells nothing need not wait for the libraries that make and check packages.
        from o365_pipeline.managed_app.definitions import managed_app_definitions

        sold.append(managed_app_definitions(offer, sensors, schedules))
    if not len(deployment.customers):
        return dg.Definitions.merge(*sold, resources)
    datasets = requested_datasets(deployment)
    requests = _requests(deployment)
    asked = {dataset: asked_of(requests, dataset) for dataset in datasets}
    partitioning = partitioned(deployment.first_day)
    return dg.Definitions.merge(
        consent_definitions(sensors),
        extraction_definitions(partitioning, extraction_times(deployment), mart_keys(datasets), sensors, schedules),
        raw_definitions(partitioning, asked, sensors),
        curated_definitions(partitioning, asked, people_datasets(deployment, datasets)),
        mart_definitions(partitioning, datasets),
        purge_definitions(sensors, schedules),
        cost_definitions(schedules),
        doctor_definitions(schedules),
        *sold,
        resources,
    )


def shown_resources(deployment: Deployment) -> dict[str, object]:
    """Returns the deployment's resources; plain objects get a description for the UI."""
    return {
        name: described(value, DESCRIPTIONS[name]) if name in DESCRIPTIONS else value
        for name, value in deployment.resources.items()
    }


def extraction_times(deployment: Deployment) -> list[str]:
    """Returns the schedules of the customers."""
    return [customer.schedule for customer in deployment.customers]


def requested_datasets(deployment: Deployment) -> tuple[Dataset, ...]:
    """Returns the datasets in some customer's data request.

    A dataset that nobody requests is in the catalogue, but not in the UI.
    """
    requests = _requests(deployment)
    return tuple(
        dataset for dataset in catalogue().newest if any(request.requested(dataset.name) for request in requests)
    )


def _requests(deployment: Deployment) -> list[DataRequest]:
    return [customer.data_request for customer in deployment.customers]


def people_datasets(deployment: Deployment, requested: Sequence[Dataset]) -> tuple[Dataset, ...]:
    """Returns the requested datasets that are needed to deny people; none if no customer denies anybody."""
    if not any(customer.keeps_people_out for customer in deployment.customers):
        return ()
    return tuple(dataset for dataset in datasets_about_people() if dataset in requested)


@dg.definitions
def defs() -> dg.Definitions:
    """Returns the code location of this environment."""
    return build_definitions(load())
