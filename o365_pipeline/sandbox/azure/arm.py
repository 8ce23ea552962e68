"""Azure Resource Manager's routes of Data Factory, in the wire format of api-version 2018-06-01.

What belongs here: reading requests and writing answers. The life of a run belongs to `factory_runs.py`. Source:
Azure/azure-rest-api-specs, specification/datafactory.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from o365_pipeline.customers.regions import region_code
from o365_pipeline.extraction import factory_definitions
from o365_pipeline.managed_app.arm.resource_facts import resource_types
from o365_pipeline.sandbox.azure.documents import Document, Documents, without_secrets
from o365_pipeline.sandbox.azure.factory_faults import FactoryRequest, Fault
from o365_pipeline.sandbox.azure.factory_runs import Factories, run_not_found
from o365_pipeline.sandbox.azure.runs import Run
from o365_pipeline.sandbox.clock import moment, stamp
from o365_pipeline.sandbox.endpoints import Body, endpoint
from o365_pipeline.sandbox.wire_errors import ServiceError

API_VERSION = "2018-06-01"
FACTORY = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.DataFactory/factories/{factory}"
DOCUMENT_KINDS = ("integrationRuntimes", "linkedservices", "datasets", "pipelines")

BEGINNING = "0"
"""The continuation token of a query's first page: runs are numbered from 1."""

RUNTIME = ("integrationRuntimes", factory_definitions.RUNTIME)

QUERY_COLUMNS = {"PipelineName": "pipeline", "Status": "status"}
QUERY_OPERATORS = {"Equals": "IN", "In": "IN", "NotEquals": "NOT IN", "NotIn": "NOT IN"}

USER_ERROR = "2200"
"""The factory's error code for errors that the user, not the service, must fix."""


def arm_routes(factories: Factories) -> list[Route]:
    """Builds Data Factory's routes as the SDK's DataFactoryManagementClient calls them, with the faults that a test
    asks for.
    """
    faults = factories.faults

    def faulty(function: Callable[[Request, Body], Response]) -> Callable[[Request], Awaitable[Response]]:
        """Wraps an endpoint so that the requests that a test chose go wrong."""

        def answer(request: Request, body: Body) -> Response:
            version = request.query_params.get("api-version")
            fault = faults.note(FactoryRequest(request.method, request.url.path, version, without_secrets(body)))
            if fault is None:
                return function(request, body)
            if fault.after_acting:
                function(request, body)
            return _failed(fault)

        return endpoint(answer)

    def get_factory(request: Request, _: Body) -> Response:
        _check_version(request)
        name, runtime = request.path_params["factory"], Documents(factories.state, _factory(request)).find(*RUNTIME)
        compute = runtime.properties["typeProperties"]["computeProperties"] if runtime else {}
        return JSONResponse(
            {
                "id": request.url.path,
                "name": name,
                # A sandbox's factory lies where its copies run.
                **({"location": region_code(compute["location"])} if compute else {}),
                "properties": {"provisioningState": "Succeeded", "version": API_VERSION},
            }
        )

    def put_document(request: Request, body: Body) -> Response:
        _check_version(request)
        if not isinstance(body.get("properties"), dict):
            raise ServiceError(400, "BadRequest", "The request's body must have 'properties'.")
        kind, name = request.path_params["kind"], request.path_params["name"]
        if not resource_types()[f"microsoft.datafactory/factories/{kind}".lower()].fits(name):
            raise ServiceError(400, "BadRequest", f"The document's name '{name}' is not valid.")
        return _document(request, Documents(factories.state, _factory(request)).put(kind, name, body["properties"]))

    def get_document(request: Request, _: Body) -> Response:
        _check_version(request)
        kind, name = request.path_params["kind"], request.path_params["name"]
        return _document(request, Documents(factories.state, _factory(request)).get(kind, name))

    def list_documents(request: Request, _: Body) -> Response:
        _check_version(request)
        found = Documents(factories.state, _factory(request)).all(request.path_params["kind"])
        return JSONResponse({"value": [_described(request, document) for document in found]})

    def list_triggers(request: Request, _: Body) -> Response:
        _check_version(request)
        return JSONResponse({"value": []})

    def create_run(request: Request, body: Body) -> Response:
        _check_version(request)
        run_id = factories.create_run(_factory(request), request.path_params["name"], body)
        faults.note_run(run_id)
        return JSONResponse({"runId": run_id})

    def get_run(request: Request, _: Body) -> Response:
        _check_version(request)
        return JSONResponse(_pipeline_run(factories.run(_factory(request), shown(request))))

    def cancel_run(request: Request, _: Body) -> Response:
        _check_version(request)
        factories.cancel(_factory(request), shown(request))
        return Response(status_code=200)

    def shown(request: Request) -> str:
        """Returns the requested run id, unless a test hides the run from this request."""
        run_id: str = request.path_params["run_id"]
        if faults.hides(run_id):
            raise run_not_found(run_id)
        return run_id

    def query_runs(request: Request, body: Body) -> Response:
        _check_version(request)
        conditions, values = _conditions(body)
        if is_empty_page(body):
            return JSONResponse({"value": [], "continuationToken": BEGINNING})
        size = faults.page_size
        runs = factories.runs(_factory(request), conditions, values, size + 1)
        answer: Body = {"value": [_pipeline_run(run) for run in runs[:size] if not faults.hides(run.run_id)]}
        if len(runs) > size:
            answer["continuationToken"] = str(runs[size - 1].number)
        return JSONResponse(answer)

    def query_activities(request: Request, body: Body) -> Response:
        _check_version(request)
        run = factories.run(_factory(request), shown(request))
        if is_empty_page(body):
            return JSONResponse({"value": [], "continuationToken": BEGINNING})
        return JSONResponse({"value": [_activity_run(run)] if run.has_started and run.job else []})

    def is_empty_page(body: Body) -> bool:
        return faults.first_page_empty and "continuationToken" not in body

    document = FACTORY + "/{kind:document_kind}/{name}"
    run = FACTORY + "/pipelineruns/{run_id}"
    return [
        Route(FACTORY, faulty(get_factory), methods=["GET", "PUT"]),
        Route(document, faulty(put_document), methods=["PUT"]),
        Route(document, faulty(get_document), methods=["GET"]),
        Route(FACTORY + "/{kind:document_kind}", faulty(list_documents), methods=["GET"]),
        Route(FACTORY + "/triggers", faulty(list_triggers), methods=["GET"]),
        Route(FACTORY + "/pipelines/{name}/createRun", faulty(create_run), methods=["POST"]),
        Route(FACTORY + "/queryPipelineRuns", faulty(query_runs), methods=["POST"]),
        Route(run, faulty(get_run), methods=["GET"]),
        Route(run + "/queryActivityruns", faulty(query_activities), methods=["POST"]),
        Route(run + "/cancel", faulty(cancel_run), methods=["POST"]),
    ]


def _failed(fault: Fault) -> Response:
    headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after is not None else None
    code = "TooManyRequests" if fault.status == 429 else "InternalError"
    return JSONResponse({"error": {"code": code, "message": "The request failed."}}, fault.status, headers)


def _check_version(request: Request) -> None:
    if (version := request.query_params.get("api-version")) != API_VERSION:
        raise ServiceError(
            400, "InvalidApiVersionParameter", f"The api-version '{version}' is invalid; use {API_VERSION}."
        )


def _factory(request: Request) -> str:
    return FACTORY.format(**{name: request.path_params[name] for name in ("subscription", "group", "factory")})


def _document(request: Request, document: Document) -> Response:
    return JSONResponse(_described(request, document))


def _described(request: Request, document: Document) -> dict[str, Any]:
    kind = request.path_params["kind"]
    return {
        "id": f"{_factory(request)}/{kind.lower()}/{document.name}",
        "name": document.name,
        "type": f"Microsoft.DataFactory/factories/{kind.lower()}",
        "etag": document.etag,
        "properties": document.answered,
    }


def _conditions(query: Body) -> tuple[list[str], list[object]]:
    """Translates RunFilterParameters into SQL conditions and their values."""
    if query.get("orderBy"):
        raise ServiceError(400, "BadRequest", "Leave out orderBy: runs come in the order of their creation.")
    try:
        after, before = (stamp(moment(query[name])) for name in ("lastUpdatedAfter", "lastUpdatedBefore"))
        conditions = ["last_updated >= ?", "last_updated <= ?", "number > ?"]
        values: list[object] = [after, before, int(query.get("continuationToken") or 0)]
        for part in query.get("filters") or []:
            column, operator = QUERY_COLUMNS[part["operand"]], QUERY_OPERATORS[part["operator"]]
            conditions.append(f"{column} {operator} ({', '.join('?' for _ in part['values'])})")
            values.extend(part["values"])
    except (KeyError, ValueError, TypeError) as error:
        known = f"operands {', '.join(QUERY_COLUMNS)}, operators {', '.join(QUERY_OPERATORS)}"
        raise ServiceError(
            400, "BadRequest", f"The run query cannot be read at {error}; the sandbox knows {known}."
        ) from error
    return conditions, values


def _pipeline_run(run: Run) -> dict[str, Any]:
    return {
        "runId": run.run_id,
        "runGroupId": run.run_id,
        "isLatest": True,
        "pipelineName": run.pipeline,
        "parameters": run.parameters,
        "runDimensions": {},
        "invokedBy": {"id": run.run_id, "name": "Manual", "invokedByType": "Manual"},
        "lastUpdated": stamp(run.last_updated),
        "runStart": stamp(run.created_at),
        "runEnd": stamp(run.ended_at) if run.ended_at else None,
        "durationInMs": _milliseconds(run.created_at, run.ended_at),
        "status": run.status,
        "message": run.message or "",
        "annotations": [],
    }


def _activity_run(run: Run) -> dict[str, Any]:
    assert run.job is not None, "an activity is what a job describes"
    failed = run.status == "Failed"
    return {
        "activityName": run.job.activity,
        "activityType": "Copy",
        "activityRunId": run.activity_run_id,
        "pipelineName": run.pipeline,
        "pipelineRunId": run.run_id,
        "linkedServiceName": "",
        "status": "InProgress" if run.status == "Canceling" else run.status,
        "activityRunStart": stamp(run.starts_at),
        "activityRunEnd": stamp(run.ended_at) if run.ended_at else None,
        "durationInMs": _milliseconds(run.starts_at, run.ended_at),
        "retryAttempt": None,
        "userProperties": {},
        "input": {"source": {"type": "Office365Source"}, "sink": {"type": "BinarySink"}},
        "output": run.output or {},
        "error": {
            "errorCode": USER_ERROR if failed else "",
            "message": (run.message or "") if failed else "",
            "failureType": "UserError" if failed else "",
            "target": run.job.activity,
        },
    }


def _milliseconds(start: dt.datetime, end: dt.datetime | None) -> int | None:
    return max(0, round((end - start).total_seconds() * 1000)) if end else None
