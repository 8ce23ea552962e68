"""The shapes of Data Factory's requests and answers, api-version 2018-06-01, as JSON Schemas.

What belongs here: field names, nesting and what is required, as Azure/azure-rest-api-specs has them in
specification/datafactory (datafactory.json, entityTypes, and the examples IntegrationRuntimes_Create,
LinkedServices_Create, Datasets_Create, Pipelines_Create, Pipelines_CreateRun, PipelineRuns_Get,
PipelineRuns_QueryByFactory, PipelineRuns_Cancel, ActivityRuns_QueryByPipelineRun). Checking is
`test_factory_wire_format.py`'s.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
TIME: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}


def closed(required: Schema, optional: Schema | None = None) -> Schema:
    """An object with these fields and no others."""
    fields = required | (optional or {})
    return {"type": "object", "properties": fields, "required": list(required), "additionalProperties": False}


def constant(value: str) -> Schema:
    return {"const": value}


def or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def mapping(values: Schema) -> Schema:
    return {"type": "object", "additionalProperties": values}


EXPRESSION = closed({"type": constant("Expression"), "value": {"type": "string", "pattern": "^@"}})
VALUE: Schema = {"anyOf": [TEXT, EXPRESSION]}
PARAMETERS = mapping(closed({"type": {"enum": ["Object", "String", "Int", "Float", "Bool", "Array", "SecureString"]}}))
SERVICE = closed({"type": constant("LinkedServiceReference"), "referenceName": TEXT})
DATASET = closed({"type": constant("DatasetReference"), "referenceName": TEXT}, {"parameters": mapping(VALUE)})
SECRET: Schema = {
    "oneOf": [
        closed({"type": constant("SecureString"), "value": TEXT}),
        closed({"type": constant("AzureKeyVaultSecret"), "store": SERVICE, "secretName": VALUE}),
    ]
}


RUNTIME = closed({"type": constant("IntegrationRuntimeReference"), "referenceName": TEXT})
APPLICATION = {"servicePrincipalId": VALUE, "servicePrincipalKey": SECRET, "tenant": VALUE}


def linked_service(kind: str, details: Schema) -> Schema:
    optional = {"annotations": array(TEXT), "connectVia": RUNTIME}
    return closed({"type": constant(kind), "typeProperties": details}, optional)


INTEGRATION_RUNTIMES = closed(
    {
        "type": constant("Managed"),
        "typeProperties": closed({"computeProperties": closed({"location": TEXT})}),
    },
    {"state": TEXT},
)


LINKED_SERVICES: Schema = {
    "oneOf": [
        linked_service(
            "Office365",
            closed(
                {
                    "office365TenantId": VALUE,
                    "servicePrincipalTenantId": VALUE,
                    "servicePrincipalId": VALUE,
                    "servicePrincipalKey": SECRET,
                },
                {"encryptedCredential": TEXT},
            ),
        ),
        linked_service("AzureBlobFS", closed({"url": VALUE, **APPLICATION}, {"encryptedCredential": TEXT})),
        linked_service(
            "AzureBlobStorage", closed({"serviceEndpoint": TEXT, **APPLICATION}, {"encryptedCredential": TEXT})
        ),
        linked_service("AzureKeyVault", closed({"baseUrl": VALUE})),
    ]
}
LOCATION: Schema = {
    "oneOf": [
        closed({"type": constant("AzureBlobFSLocation"), "fileSystem": VALUE, "folderPath": VALUE}),
        closed({"type": constant("AzureBlobStorageLocation"), "container": VALUE, "folderPath": VALUE}),
    ]
}
DATASETS: Schema = {
    "oneOf": [
        closed(
            {
                "type": constant("Office365Table"),
                "linkedServiceName": SERVICE,
                "typeProperties": closed({"tableName": VALUE}),
            },
            {"annotations": array(TEXT)},
        ),
        closed(
            {
                "type": constant("Binary"),
                "linkedServiceName": SERVICE,
                "typeProperties": closed({"location": LOCATION}),
                "parameters": PARAMETERS,
            },
            {"annotations": array(TEXT)},
        ),
    ]
}
SOURCE = closed(
    {"type": constant("Office365Source"), "outputColumns": array(closed({"name": TEXT}))},
    {
        "allowedGroups": array(TEXT),
        "userScopeFilterUri": VALUE,
        "dateFilterColumn": VALUE,
        "startTime": VALUE,
        "endTime": VALUE,
    },
)
SINK = closed(
    {
        "type": constant("BinarySink"),
        "storeSettings": closed({"type": {"enum": ["AzureBlobFSWriteSettings", "AzureBlobStorageWriteSettings"]}}),
    }
)
COPY = closed(
    {
        "name": TEXT,
        "type": constant("Copy"),
        "typeProperties": closed({"source": SOURCE, "sink": SINK}),
        "inputs": array(DATASET),
        "outputs": array(DATASET),
    },
    {
        "dependsOn": array({}),
        "userProperties": array({}),
        "policy": closed(
            {},
            {
                "timeout": TEXT,
                "retry": {"type": "integer"},
                "retryIntervalInSeconds": {"type": "integer"},
                "secureInput": {"type": "boolean"},
                "secureOutput": {"type": "boolean"},
            },
        ),
    },
)
PIPELINES = closed(
    {"activities": array(COPY), "parameters": PARAMETERS}, {"annotations": array(TEXT), "lastPublishTime": TIME}
)
PROPERTIES = {
    "integrationRuntimes": INTEGRATION_RUNTIMES,
    "linkedservices": LINKED_SERVICES,
    "datasets": DATASETS,
    "pipelines": PIPELINES,
}
"""Kind of definition, as paths have it -> its properties."""


def definition_request(kind: str) -> Schema:
    return closed({"properties": PROPERTIES[kind]})


def definition_answer(kind: str) -> Schema:
    answer_type = constant(f"Microsoft.DataFactory/factories/{kind.lower()}")
    return closed({"id": TEXT, "name": TEXT, "type": answer_type, "properties": PROPERTIES[kind], "etag": TEXT})


RUN_REQUEST = mapping(TEXT)
"""The run's parameters themselves, without an envelope."""

RUN_CREATED = closed({"runId": TEXT})
RUN_QUERY = closed(
    {"lastUpdatedAfter": TIME, "lastUpdatedBefore": TIME}, {"continuationToken": TEXT, "filters": array({})}
)
PIPELINE_RUN = closed(
    {
        "runId": TEXT,
        "pipelineName": TEXT,
        "parameters": mapping(TEXT),
        "invokedBy": closed({"id": TEXT, "name": TEXT}, {"invokedByType": TEXT}),
        "runStart": TIME,
        "runEnd": or_null(TIME),
        "durationInMs": or_null({"type": "integer"}),
        "status": {"enum": ["Queued", "InProgress", "Succeeded", "Failed", "Canceling", "Cancelled"]},
        "message": TEXT,
        "lastUpdated": TIME,
        "annotations": array(TEXT),
    },
    {"runGroupId": TEXT, "isLatest": {"type": "boolean"}, "runDimensions": mapping(TEXT)},
)
RUNS = closed({"value": array(PIPELINE_RUN)}, {"continuationToken": TEXT})
ACTIVITY_RUN = closed(
    {
        "activityName": TEXT,
        "activityType": TEXT,
        "activityRunId": TEXT,
        "activityRunStart": TIME,
        "activityRunEnd": or_null(TIME),
        "durationInMs": or_null({"type": "integer"}),
        "pipelineName": TEXT,
        "pipelineRunId": TEXT,
        "linkedServiceName": TEXT,
        "status": TEXT,
        "retryAttempt": or_null({"type": "integer"}),
        "userProperties": {"type": "object"},
        "input": {"type": "object"},
        "output": {"type": "object"},
        "error": closed({"errorCode": TEXT, "message": TEXT, "failureType": TEXT, "target": TEXT}),
    }
)
ACTIVITY_RUNS = closed({"value": array(ACTIVITY_RUN)}, {"continuationToken": TEXT})
COPY_OUTPUT: Schema = {
    "type": "object",
    "properties": {
        name: {"type": "integer"}
        for name in ("dataRead", "dataWritten", "rowsRead", "rowsCopied", "filesWritten", "copyDuration")
    }
    | {"errors": array({})},
    "required": ["dataRead", "dataWritten", "filesWritten", "copyDuration", "errors"],
}
ERROR = closed({"error": closed({"code": TEXT, "message": TEXT}, {"target": TEXT, "details": array({})})})
