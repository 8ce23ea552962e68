"""A run of the stages together, as Dagster's daemon does it, for the tests that look at what comes of it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import dagster as dg
import sqlalchemy as sa

from o365_pipeline.customers.partitions import range_tags
from o365_pipeline.definitions import build_definitions
from o365_pipeline.deployment import Deployment
from o365_pipeline.mart.tables import MART_TABLES
from o365_pipeline.raw.lake import Lake
from o365_pipeline.sandbox.customer import settled_monday

DAY = settled_monday(dt.datetime.now(dt.UTC).date())
"""The sandbox's first day: recent enough for SharePoint's history, old enough to be there."""


class Runner:
    """Ticks sensors and executes jobs on a test's own instance."""

    def __init__(self, deployment: Deployment, instance: dg.DagsterInstance) -> None:
        self.definitions = build_definitions(deployment)
        self.deployment = deployment
        self.instance = instance

    def tick(self, name: str, cursor: str | None = None) -> dg.SensorResult:
        with dg.build_sensor_context(
            instance=self.instance, cursor=cursor, resources=dict(self.deployment.resources)
        ) as context:
            result = self.definitions.resolve_sensor_def(name)(context)
        assert isinstance(result, dg.SensorResult)
        for addition in result.dynamic_partitions_requests or []:
            self.instance.add_dynamic_partitions(addition.partitions_def_name, list(addition.partition_keys))
        return result

    def execute(
        self,
        job: str,
        tags: dict[str, str],
        assets: list[dg.AssetKey] | None = None,
        config: dict[str, Any] | None = None,
    ) -> Any:
        self.instance.add_dynamic_partitions("customer", ["contoso"])
        return self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance, tags=tags, asset_selection=assets, run_config=config, raise_on_error=False
        )

    def keys(self, *stages: str) -> list[dg.AssetKey]:
        """The assets of these stages that the first customer's data request fills."""
        [customer, *_] = self.deployment.customers
        names = {entry.dataset.asset_name for entry in customer.data_request.datasets}
        return [
            key
            for key in self.definitions.resolve_all_asset_keys()
            if key.path[0] in stages and (key.path[0] == "mart" or key.path[-1].removesuffix("_current") in names)
        ]

    def execute_day(self, job: str, assets: list[dg.AssetKey] | None = None, day: dt.date = DAY) -> Any:
        return self.execute(job, dict(range_tags("contoso", day, day)), assets)

    def move(self) -> None:
        """From the approval to the mart, as the daemon does it."""
        for request in self.tick("consent_sensor").run_requests or []:
            assert self.execute(request.job_name or "", dict(request.tags)).success
        for request in self.tick("landing_sensor").run_requests or []:
            assert self.execute(request.job_name or "", dict(request.tags), list(request.asset_selection or [])).success


def lake_of(deployment: Deployment) -> Lake:
    """The lake of the deployment's only customer."""
    return deployment.lakes.of(deployment.customers.chosen(None))


def mart_rows(deployment: Deployment) -> dict[str, list[tuple[Any, ...]]]:
    with deployment.database.begin() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key))]
            for table in MART_TABLES
        }


def failure(result: Any) -> str:
    [event] = [event for event in result.all_events if event.is_step_failure]
    return str(event.step_failure_data.error_display_string)
