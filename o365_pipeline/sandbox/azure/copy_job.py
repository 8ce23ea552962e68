"""What one copy activity requests from Data Connect, resolved from the deployed definitions and the parameters of a
run.

What belongs here: reading the definitions, and the rules that concern the activity alone. Whether an approval covers it
is decided in `consent/authorization.py`; copying belongs to `data_connect.py`.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict

from o365_pipeline.consent.authorization import Ask
from o365_pipeline.customers.data_request import MAX_GROUPS, Scope
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.errors import UsageError
from o365_pipeline.sandbox.azure.documents import Documents
from o365_pipeline.sandbox.azure.expressions import evaluate
from o365_pipeline.sandbox.clock import moment
from o365_pipeline.sandbox.wire_errors import ServiceError


class Sink(NamedTuple):
    """How a kind of storage account is defined: the types that belong together, and where address and container are."""

    location: str
    store_settings: str
    address: str
    container: str


SINKS = {
    "AzureBlobFS": Sink("AzureBlobFSLocation", "AzureBlobFSWriteSettings", "url", "fileSystem"),
    "AzureBlobStorage": Sink(
        "AzureBlobStorageLocation", "AzureBlobStorageWriteSettings", "serviceEndpoint", "container"
    ),
}
"""Linked service type -> the sink that it defines."""


class CopyJob(BaseModel):
    """One copy activity of one run, with every expression evaluated."""

    model_config = ConfigDict(frozen=True)

    activity: str
    application_id: str
    application_tenant_id: str
    tenant_id: str
    destination_tenant_id: str
    """The tenant of the factory, which that of the storage account must be."""

    table_name: str
    columns: tuple[str, ...]
    groups: tuple[str, ...] = ()
    filter_uri: str | None = None
    deny_groups: tuple[str, ...] = ()
    """Groups whose members the approval leaves out; known after the job is approved."""

    date_column: str | None = None
    start: str | None = None
    end: str | None = None
    container_url: str
    folder: str

    @property
    def dataset(self) -> Dataset:
        return catalogue()[self.table_name]

    @property
    def storage_account(self) -> str:
        """The account of the sink, such as o365lake in https://o365lake.dfs.core.windows.net/lake."""
        return (urlsplit(self.container_url).hostname or "").split(".")[0]

    @property
    def container(self) -> str:
        return urlsplit(self.container_url).path.strip("/")

    @property
    def scope(self) -> Scope:
        kind = "List" if self.groups else "FilterUri" if self.filter_uri else "All"
        return Scope.model_validate({"kind": kind, "groups": self.groups, "filter_uri": self.filter_uri})

    @property
    def ask(self) -> Ask:
        return Ask(
            application_id=self.application_id,
            application_tenant_id=self.application_tenant_id,
            destination_tenant_id=self.destination_tenant_id,
            sink=f"{self.container_url}/{self.folder}",
            dataset=self.table_name,
            columns=self.columns,
            scope=self.scope,
        )

    def fault(self, today: dt.date) -> str | None:
        """Says why Data Connect would refuse the activity on a day whatever was approved, or None."""
        if len(self.groups) > MAX_GROUPS:
            return f"allowedGroups takes at most {MAX_GROUPS} groups, not {len(self.groups)}"
        if self.groups and self.filter_uri:
            return "userScopeFilterUri cannot be used together with allowedGroups"
        try:
            dataset = self.dataset
            for name in self.columns:
                dataset.column(name)
            span = [moment(text) for text in (self.start, self.end) if text]
        except (UsageError, ValueError) as error:
            return str(error)
        if len(span) == 1 or (len(span) == 2 and span[0] > span[1]):
            return f"startTime and endTime must both be given, in order, not {self.start} and {self.end}"
        if self.date_column and self.date_column not in dataset.date_filters:
            return f"{self.table_name} cannot be filtered by {self.date_column}; {', '.join(dataset.date_filters)} can"
        if dataset.slicing in ("column", "snapshot") and (bool(self.date_column) != bool(span)):
            return f"{self.table_name}: dateFilterColumn, startTime and endTime must be given together"
        if not span and (dataset.date_filter_required or dataset.slicing == "window"):
            return f"{self.table_name} requires a date filter: startTime and endTime"
        return _not_there(dataset, [at.date() for at in span], today)


def _not_there(dataset: Dataset, days: list[dt.date], today: dt.date) -> str | None:
    """Says which of the days Data Connect does not have, not yet or not any more, if the dataset is captured day by
    day.
    """
    if dataset.history_days is None:
        return None
    first, last = today - dt.timedelta(days=dataset.history_days), today - dt.timedelta(days=dataset.delay_days)
    lacking = next((day for day in days if not first <= day <= last), None)
    return f"{dataset.table_name} is there from {first} to {last}, which {lacking} is not" if lacking else None


def copy_job(
    documents: Documents, pipeline: str, parameters: dict[str, str], run_id: str, factory_tenant_id: str | None
) -> CopyJob:
    """Resolves the one copy activity of a pipeline, in a factory of a tenant; by default, of the tenant copied from.

    Raises:
        ServiceError: the pipeline, or something that it refers to, does not exist.
        UsageError: the sandbox cannot run the definition; the message says why.
    """
    properties = documents.get("pipelines", pipeline).properties
    activities = properties.get("activities") or []
    if [activity.get("type") for activity in activities] != ["Copy"]:
        raise UsageError(f"the sandbox's factory runs pipelines of one Copy activity, which {pipeline} is not")
    names = {f"pipeline().parameters.{name}": value for name, value in parameters.items()}
    names |= {"pipeline().RunId": run_id, "pipeline().Pipeline": pipeline}
    activity = activities[0]
    source = activity["typeProperties"]["source"]
    table, service = _source(documents, activity["inputs"][0])
    container_url, folder = _sink(
        documents, activity["outputs"][0], activity["typeProperties"]["sink"].get("storeSettings") or {}, names
    )
    return CopyJob(
        activity=activity["name"],
        application_id=service["servicePrincipalId"],
        application_tenant_id=service["servicePrincipalTenantId"],
        tenant_id=service["office365TenantId"],
        destination_tenant_id=factory_tenant_id or service["office365TenantId"],
        table_name=table,
        columns=tuple(column["name"] for column in source.get("outputColumns") or []),
        groups=tuple(source.get("allowedGroups") or ()),
        filter_uri=_text(source.get("userScopeFilterUri"), names),
        date_column=_text(source.get("dateFilterColumn"), names),
        start=_text(source.get("startTime"), names),
        end=_text(source.get("endTime"), names),
        container_url=container_url,
        folder=folder,
    )


def run_parameters(documents: Documents, pipeline: str, given: dict[str, Any]) -> dict[str, str]:
    """Returns a run's parameters: those given, and the defaults of the others.

    Raises:
        ServiceError: the pipeline does not exist, or a parameter has neither a value nor a default.
    """
    declared = documents.get("pipelines", pipeline).properties.get("parameters") or {}
    parameters = {name: entry["defaultValue"] for name, entry in declared.items() if "defaultValue" in entry} | given
    if missing := sorted(set(declared) - set(parameters)):
        raise ServiceError(400, "BadRequest", f"Pipeline {pipeline}: no value is given for the parameters {missing}.")
    return {name: str(value) for name, value in parameters.items()}


def _source(documents: Documents, reference: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    table = documents.get("datasets", reference["referenceName"]).properties
    service = documents.get("linkedservices", table["linkedServiceName"]["referenceName"]).properties
    if (table["type"], service["type"]) != ("Office365Table", "Office365"):
        raise UsageError(
            f"the sandbox's factory copies from Office365Table, not from {table['type']} of {service['type']}"
        )
    return table["typeProperties"]["tableName"], service["typeProperties"]


def _sink(
    documents: Documents, reference: dict[str, Any], store_settings: dict[str, Any], names: dict[str, str]
) -> tuple[str, str]:
    """Returns (the container's address, the folder in it)."""
    given = {name: _text(value, names) or "" for name, value in (reference.get("parameters") or {}).items()}
    properties = documents.get("datasets", reference["referenceName"]).properties
    service = documents.get("linkedservices", properties["linkedServiceName"]["referenceName"]).properties
    if service["type"] == "AzureDataLakeStore":
        raise UsageError(
            "the sink is Data Lake Storage Gen1, which Microsoft retired on 2024-02-29: copy to Data Lake Storage Gen2"
        )
    sink = SINKS.get(service["type"])
    if properties["type"] != "Binary" or sink is None:
        raise UsageError(
            f"the sandbox's factory copies to Binary on {' or '.join(SINKS)}, "
            f"not to {properties['type']} of {service['type']}"
        )
    location = properties["typeProperties"]["location"]
    for found, wanted in ((location, sink.location), (store_settings, sink.store_settings)):
        if found.get("type") != wanted:
            raise UsageError(f"the sink is of {service['type']}, which takes {wanted}, not {found.get('type')}")
    names = names | {f"dataset().{name}": value for name, value in given.items()}
    address, container = service["typeProperties"][sink.address], _text(location[sink.container], names)
    return f"{address.rstrip('/')}/{container}", (_text(location.get("folderPath"), names) or "").strip("/")


def _text(value: object, names: dict[str, str]) -> str | None:
    result = evaluate(value, names)
    return None if result is None else str(result)
