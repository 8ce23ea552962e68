"""Azure Data Factory as the pipeline uses it: deploy a copy, run it, find, watch and cancel runs.

What belongs here: calls through the real management client, and their answers as this project's types. The definitions
belong to `factory_definitions.py`; comparing them belongs to `factory_changes.py`; deciding what to run and when
belongs to `submission.py`.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import dagster as dg
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
    ServiceResponseError,
)
from azure.mgmt.datafactory import DataFactoryManagementClient
from azure.mgmt.datafactory import models as adf

from o365_pipeline.azure.cloud import Cloud, JsonAlone, sign_in_failure
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.data_request import RequestedDataset
from o365_pipeline.errors import ExtractionError, FactoryBusyError, RunInDoubtError
from o365_pipeline.extraction import factory_definitions as definitions
from o365_pipeline.extraction.factory_changes import DefinitionChange, change
from o365_pipeline.extraction.factory_errors import explained_error
from o365_pipeline.extraction.factory_retries import LOOK_SECONDS, FactoryRetryPolicy, repeatable, requested_pause

API_VERSION = "2018-06-01"
SUCCEEDED = "Succeeded"
IN_PROGRESS = "InProgress"
FAILED = "Failed"
FINISHED = (SUCCEEDED, FAILED, "Cancelled")
WAITING_FOR_CONSENT = ("RequestingConsent", "ConsentPending")
"""Statuses of a copy activity in a tenant with Privileged Access Management, which was used for consent until 2023."""

REFUSALS = (*range(400, 408), *range(409, 500))
"""Statuses after which nothing was done; after 408 and all others, it is unknown what was done."""


@dataclass(frozen=True)
class FactoryRun:
    """One pipeline run as the factory reports it. Times are UTC."""

    run_id: str
    pipeline: str
    window_key: str
    status: str
    message: str
    ended_at: dt.datetime | None
    started_at: dt.datetime | None = None
    folder: str = ""
    """The folder that it writes to, as its parameters say."""

    @property
    def is_finished(self) -> bool:
        return self.status in FINISHED


@dataclass(frozen=True)
class CopyOutcome:
    """The result that the copy activity reports at its end."""

    rows: int | None
    files: int | None
    error: str | None

    @property
    def is_unknown(self) -> bool:
        """Whether there are no counts: for some seconds after a run's end its activity may not be listed."""
        return self.rows is None and self.files is None


class FactoryPlace(Protocol):
    """Where a factory is: a customer's, or that of an installation, of which nothing else is known."""

    @property
    def azure_tenant_id(self) -> str | None:
        """The tenant to sign in to; None for the deployment's own, as where a managed application admits it."""

    @property
    def subscription_id(self) -> str: ...

    @property
    def resource_group(self) -> str: ...

    @property
    def factory(self) -> str: ...


class DataFactory(dg.ConfigurableResource):
    """The customers' data factories."""

    cloud: dg.ResourceDependency[Cloud]

    def region(self, customer: Customer) -> str | None:
        """Returns the Azure region of the factory, if the pipeline may ask about its runs, which takes more than to see
        it.

        Raises:
            ExtractionError: there is no such factory, it does not answer, or the pipeline may not ask.
        """
        where = (customer.resource_group, customer.factory)
        try:
            found = self._client(customer).factories.get(*where, timeout=LOOK_SECONDS)
            self.runs_since(customer, dt.datetime.now(dt.UTC))
        except AzureError as error:
            raise ExtractionError(
                f"Data Factory {customer.factory} does not answer: {describe_error(error)}"
            ) from error
        return found.location if found else None

    def deploy(
        self, customer: Customer, requested: RequestedDataset, compared: set[str] | None = None
    ) -> tuple[DefinitionChange, ...]:
        """Creates or updates the definitions that the dataset's copy needs, if the factory's differ; names never
        change.

        Args:
            compared: definitions that were compared before and are skipped; those compared now are added.

        Returns:
            What was created or updated.

        Raises:
            ExtractionError: the factory refused, or does not answer.
        """
        compared = set() if compared is None else compared
        changes = []
        for definition in definitions.copy_definitions(customer, requested):
            mark = f"{customer.name} {definition.digest}"
            if mark in compared:
                continue
            try:
                different = self._deploy(customer, definition)
            except AzureError as error:
                raise ExtractionError(
                    f"Data Factory did not take {definition.kind} {definition.name}: {describe_error(error)}"
                ) from error
            compared.add(mark)
            changes += [different] if different else []
        return tuple(changes)

    def _deploy(self, customer: Customer, definition: definitions.Definition) -> DefinitionChange | None:
        client = self._client(customer)
        where = (customer.resource_group, customer.factory, definition.name)
        operations: Any = {
            "integration runtime": client.integration_runtimes,
            "linked service": client.linked_services,
            "dataset": client.datasets,
            "pipeline": client.pipelines,
        }[definition.kind]
        try:
            held = operations.get(*where).as_dict()["properties"]
        except ResourceNotFoundError:
            held = None
        different = change(definition, held)
        if different:
            operations.create_or_update(*where, definition.resource)
        return different

    def create_run(self, customer: Customer, requested: RequestedDataset, parameters: dict[str, Any]) -> str:
        """Starts a run of the dataset's pipeline, with one call that is never repeated; returns its id.

        Raises:
            FactoryBusyError: the factory did nothing; the call may be repeated after a pause.
            RunInDoubtError: the run may have been created all the same; look it up before repeating the call.
            ExtractionError: the factory refused.
        """
        try:
            answer = self._client(customer).pipelines.create_run(
                customer.resource_group,
                customer.factory,
                definitions.pipeline_name(requested),
                parameters=parameters,
                retry_total=0,
            )
        except AzureError as error:
            raise _not_started(requested, error) from error
        return answer.run_id

    def run(self, customer: Customer, run_id: str) -> FactoryRun:
        """Returns the run in its present status; a new run is not found for some seconds."""
        where = (customer.resource_group, customer.factory)
        return _factory_run(self._client(customer).pipeline_runs.get(*where, run_id, timeout=LOOK_SECONDS))

    def runs_since(self, place: FactoryPlace, since: dt.datetime) -> list[FactoryRun]:
        """Returns all runs of a factory that changed since a moment: one query, with its pages.

        A new run is not among them for some seconds.
        """
        client, where = self._client(place), (place.resource_group, place.factory)
        filters = adf.RunFilterParameters(
            last_updated_after=since.astimezone(dt.UTC),
            last_updated_before=dt.datetime.now(dt.UTC) + dt.timedelta(hours=1),
        )
        runs: list[FactoryRun] = []
        while True:
            page = client.pipeline_runs.query_by_factory(*where, filters, **repeatable())
            runs += [_factory_run(run) for run in page.value]
            if not page.continuation_token:
                return runs
            filters.continuation_token = page.continuation_token

    def copy_outcome(self, place: FactoryPlace, run: FactoryRun) -> CopyOutcome:
        """Returns what the run's copy activity counted, or why it failed."""
        activity = self._copy_activity(place, run.run_id)
        if activity is None:
            return CopyOutcome(None, None, explained_error("", run.message))
        output: dict[str, Any] = activity.output or {}
        error: dict[str, Any] = activity.error or {}
        code, message = (str(error.get(part) or "") for part in ("errorCode", "message"))
        reason = explained_error(code, message) or explained_error("", run.message)
        return CopyOutcome(output.get("rowsCopied"), output.get("filesWritten"), reason)

    def is_waiting_for_consent(self, customer: Customer, run_id: str) -> bool:
        """Tells whether the run waits for an approver of Privileged Access Management; the request lapses after 24
        hours.
        """
        activity = self._copy_activity(customer, run_id)
        if activity is None:
            return False
        details = (activity.output or {}).get("executionDetails") or []
        shown = [activity.status, *(detail.get("status") for detail in details)]
        return any(status in WAITING_FOR_CONSENT for status in shown)

    def cancel(self, customer: Customer, run_id: str) -> None:
        """Cancels the run; a run that has ended already is not an error."""
        where = (customer.resource_group, customer.factory)
        try:
            self._client(customer).pipeline_runs.cancel(*where, run_id, **repeatable())
        except HttpResponseError as error:
            if error.status_code not in (400, 409) or not self.run(customer, run_id).is_finished:
                raise

    def _copy_activity(self, place: FactoryPlace, run_id: str) -> adf.ActivityRun | None:
        """Returns the newest attempt of the run's copy activity; None before it has begun."""
        copies = [activity for activity in self._activities(place, run_id) if activity.activity_type == "Copy"]
        began = dt.datetime.min.replace(tzinfo=dt.UTC)
        return max(copies, key=lambda activity: activity.activity_run_start or began, default=None)

    def _activities(self, place: FactoryPlace, run_id: str) -> Iterator[adf.ActivityRun]:
        now = dt.datetime.now(dt.UTC)
        client, where = self._client(place), (place.resource_group, place.factory, run_id)
        filters = adf.RunFilterParameters(
            last_updated_after=now - dt.timedelta(days=45), last_updated_before=now + dt.timedelta(hours=1)
        )
        while True:
            page = client.activity_runs.query_by_pipeline_run(*where, filters, **repeatable())
            yield from page.value
            if not page.continuation_token:
                return
            filters.continuation_token = page.continuation_token

    def _client(self, place: FactoryPlace) -> DataFactoryManagementClient:
        return _client(self.cloud, place.subscription_id, place.azure_tenant_id)


@lru_cache(maxsize=2048)
def _client(cloud: Cloud, subscription_id: str, tenant_id: str | None) -> DataFactoryManagementClient:
    """Makes a client that signs in to the tenant of the factory; None is the deployment's own."""
    return DataFactoryManagementClient(
        cloud.credential(tenant_id),
        subscription_id,
        base_url=cloud.arm_url,
        credential_scopes=[f"{cloud.arm_url}/.default"],
        api_version=API_VERSION,
        retry_policy=FactoryRetryPolicy(),
        transport=cloud.transport(),
        per_call_policies=[JsonAlone()],
    )


def _not_started(requested: RequestedDataset, error: AzureError) -> ExtractionError:
    """Returns the error for a failed call that starts a run: busy, in doubt, or refused."""
    text = f"Data Factory did not start {requested.dataset.name}: {describe_error(error)}"
    if isinstance(error, ClientAuthenticationError):
        return ExtractionError(text)
    if isinstance(error, ServiceResponseError):
        return RunInDoubtError(text)
    if isinstance(error, HttpResponseError):
        pause = requested_pause(error)
        if error.status_code in (429, 503) and pause is not None:
            return FactoryBusyError(text, pause)
        if error.status_code not in REFUSALS:
            return RunInDoubtError(text)
    return ExtractionError(text)


def _factory_run(run: adf.PipelineRun) -> FactoryRun:
    parameters = run.parameters or {}
    return FactoryRun(
        run_id=run.run_id or "",
        pipeline=run.pipeline_name or "",
        window_key=parameters.get("windowKey", ""),
        status=run.status or "",
        message=run.message or "",
        ended_at=run.run_end,
        started_at=run.run_start,
        folder=parameters.get("folder", ""),
    )


def _code(error: AzureError) -> str:
    answered = error.error if isinstance(error, HttpResponseError) else None
    return str(answered.code or "") if answered else ""


def describe_error(error: AzureError) -> str:
    """Describes an error in one line that says what to do."""
    if isinstance(error, ClientAuthenticationError):
        return sign_in_failure(error)
    return explained_error(_code(error), error.message) or type(error).__name__
