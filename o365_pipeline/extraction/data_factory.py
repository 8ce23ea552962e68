"""Azure Data Factory, as the pipeline uses it: deploy a copy, run it, find, watch and cancel runs.

What belongs here: calls through the real management client, and their answers in the pipeline's words. What is
deployed is `factory_definitions.py`'s; what is asked for and when, `submission.py`'s.
"""

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import dagster as dg
from azure.core.exceptions import AzureError
from azure.mgmt.datafactory import DataFactoryManagementClient
from azure.mgmt.datafactory import models as adf

from o365_pipeline.cloud import Cloud
from o365_pipeline.consent.data_request import RequestedDataset
from o365_pipeline.customers import Customer
from o365_pipeline.errors import ExtractionError
from o365_pipeline.extraction import factory_definitions as definitions

SUCCEEDED = "Succeeded"
IN_PROGRESS = "InProgress"
FAILED = "Failed"
FINISHED = (SUCCEEDED, FAILED, "Cancelled")
WAITING_FOR_CONSENT = ("RequestingConsent", "ConsentPending")
"""What a copy activity shows in a tenant with Privileged Access Management, the way of consent until 2023."""


@dataclass(frozen=True)
class FactoryRun:
    """One pipeline run, as the factory tells it. Times are UTC."""

    run_id: str
    pipeline: str
    window_key: str
    status: str
    message: str
    ended_at: dt.datetime | None

    @property
    def is_finished(self) -> bool:
        return self.status in FINISHED


@dataclass(frozen=True)
class CopyOutcome:
    """What the copy activity reports at its end."""

    rows: int | None
    files: int | None
    error: str | None


class DataFactory(dg.ConfigurableResource):
    """The customers' data factories."""

    cloud: dg.ResourceDependency[Cloud]

    def deploy(self, customer: Customer, requested: RequestedDataset) -> None:
        """Create or update what the dataset's copy needs; names never change."""
        client, group, factory = self._client(customer), customer.resource_group, customer.factory
        name = definitions.pipeline_name(requested)
        source = definitions.source_service(customer)
        client.linked_services.create_or_update(group, factory, definitions.SOURCE_SERVICE, source)
        client.linked_services.create_or_update(
            group, factory, definitions.LAKE_SERVICE, definitions.lake_service(customer)
        )
        client.datasets.create_or_update(group, factory, definitions.LAKE_FOLDER, definitions.lake_folder(customer))
        client.datasets.create_or_update(group, factory, name, definitions.source_table(requested))
        client.pipelines.create_or_update(group, factory, name, definitions.copy_pipeline(requested))

    def create_run(self, customer: Customer, requested: RequestedDataset, parameters: dict[str, Any]) -> str:
        """Start a run of the dataset's pipeline; returns its id."""
        try:
            answer = self._client(customer).pipelines.create_run(
                customer.resource_group, customer.factory, definitions.pipeline_name(requested), parameters=parameters
            )
        except AzureError as error:
            raise ExtractionError(f"Data Factory did not start {requested.dataset.name}: {_one_line(error)}") from error
        return answer.run_id

    def run(self, customer: Customer, run_id: str) -> FactoryRun:
        answer = self._client(customer).pipeline_runs.get(customer.resource_group, customer.factory, run_id)
        return _factory_run(answer)

    def runs_since(self, customer: Customer, since: dt.datetime) -> list[FactoryRun]:
        """All runs of the customer's factory that changed since a moment: one query, with its pages."""
        client = self._client(customer)
        filters = adf.RunFilterParameters(
            last_updated_after=since.astimezone(dt.UTC),
            last_updated_before=dt.datetime.now(dt.UTC) + dt.timedelta(hours=1),
        )
        runs: list[FactoryRun] = []
        while True:
            page = client.pipeline_runs.query_by_factory(customer.resource_group, customer.factory, filters)
            runs += [_factory_run(run) for run in page.value]
            if not page.continuation_token:
                return runs
            filters.continuation_token = page.continuation_token

    def copy_outcome(self, customer: Customer, run: FactoryRun) -> CopyOutcome:
        """What the run's copy activity counted, or why it failed."""
        activity = self._copy_activity(customer, run.run_id)
        if activity is None:
            return CopyOutcome(None, None, run.message or None)
        output: dict[str, Any] = activity.output or {}
        error: dict[str, Any] = activity.error or {}
        text = " ".join(str(error[part]) for part in ("errorCode", "message") if error.get(part))
        return CopyOutcome(output.get("rowsCopied"), output.get("filesWritten"), text or run.message or None)

    def is_waiting_for_consent(self, customer: Customer, run_id: str) -> bool:
        """Whether the run waits for an approver of Privileged Access Management; the request lapses after 24 hours."""
        activity = self._copy_activity(customer, run_id)
        if activity is None:
            return False
        details = (activity.output or {}).get("executionDetails") or []
        shown = [activity.status, *(detail.get("status") for detail in details)]
        return any(status in WAITING_FOR_CONSENT for status in shown)

    def cancel(self, customer: Customer, run_id: str) -> None:
        self._client(customer).pipeline_runs.cancel(customer.resource_group, customer.factory, run_id)

    def _copy_activity(self, customer: Customer, run_id: str) -> adf.ActivityRun | None:
        """The run's copy activity, the newest attempt of it; None before it has begun."""
        now = dt.datetime.now(dt.UTC)
        filters = adf.RunFilterParameters(
            last_updated_after=now - dt.timedelta(days=45), last_updated_before=now + dt.timedelta(hours=1)
        )
        page = self._client(customer).activity_runs.query_by_pipeline_run(
            customer.resource_group, customer.factory, run_id, filters
        )
        return page.value[-1] if page.value else None

    def _client(self, customer: Customer) -> DataFactoryManagementClient:
        return _client(self.cloud, customer.subscription_id)


@lru_cache(maxsize=64)
def _client(cloud: Cloud, subscription_id: str) -> DataFactoryManagementClient:
    return DataFactoryManagementClient(cloud.credential(), subscription_id, transport=cloud.transport())


def _factory_run(run: adf.PipelineRun) -> FactoryRun:
    return FactoryRun(
        run_id=run.run_id or "",
        pipeline=run.pipeline_name or "",
        window_key=(run.parameters or {}).get("windowKey", ""),
        status=run.status or "",
        message=run.message or "",
        ended_at=run.run_end,
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
