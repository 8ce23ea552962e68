"""Azure Resource Manager's routes of Data Factory, in the wire format of api-version 2018-06-01.

What belongs here: requests read, answers written. What a run does is `factory_runs.py`'s. Source:
Azure/azure-rest-api-specs, specification/datafactory.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from o365_pipeline.sandbox.clock import moment, stamp
from o365_pipeline.sandbox.documents import Document, Documents
from o365_pipeline.sandbox.endpoints import Body, endpoint
from o365_pipeline.sandbox.factory_runs import Factories
from o365_pipeline.sandbox.runs import Run
from o365_pipeline.sandbox.wire_errors import ServiceError

API_VERSION = "2018-06-01"
PAGE_SIZE = 100
FACTORY = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.DataFactory/factories/{factory}"
DOCUMENT_KINDS = ("linkedservices", "datasets", "pipelines")

QUERY_COLUMNS = {"PipelineName": "pipeline", "Status": "status"}
QUERY_OPERATORS = {"Equals": "IN", "In": "IN", "NotEquals": "NOT IN", "NotIn": "NOT IN"}

USER_ERROR = "22000"
"""The factory's code where the user, not the service, has to act."""


def arm_routes(factories: Factories) -> list[Route]:
    """Data Factory as the SDK's DataFactoryManagementClient calls it."""

    def get_factory(request: Request, _: Body) -> Response:
        _check_version(request)
        properties = {"provisioningState": "Succeeded", "version": API_VERSION}
        return JSONResponse({"id": request.url.path, "name": request.path_params["factory"], "properties": properties})

    def put_document(request: Request, body: Body) -> Response:
        _check_version(request)
        if not isinstance(body.get("properties"), dict):
            raise ServiceError(400, "BadRequest", "The request's body must have 'properties'.")
        kind, name = request.path_params["kind"], request.path_params["name"]
        return _document(request, Documents(factories.state, _factory(request)).put(kind, name, body["properties"]))

    def get_document(request: Request, _: Body) -> Response:
        _check_version(request)
        kind, name = request.path_params["kind"], request.path_params["name"]
        return _document(request, Documents(factories.state, _factory(request)).get(kind, name))

    def create_run(request: Request, body: Body) -> Response:
        _check_version(request)
        return JSONResponse({"runId": factories.create_run(_factory(request), request.path_params["name"], body)})

    def get_run(request: Request, _: Body) -> Response:
        _check_version(request)
        return JSONResponse(_pipeline_run(factories.run(_factory(request), request.path_params["run_id"])))

    def cancel_run(request: Request, _: Body) -> Response:
        _check_version(request)
        factories.cancel(_factory(request), request.path_params["run_id"])
        return Response(status_code=200)

    def query_runs(request: Request, body: Body) -> Response:
        _check_version(request)
        conditions, values = _conditions(body)
        runs = factories.runs(_factory(request), conditions, values, PAGE_SIZE + 1)
        answer: Body = {"value": [_pipeline_run(run) for run in runs[:PAGE_SIZE]]}
        if len(runs) > PAGE_SIZE:
            answer["continuationToken"] = str(runs[PAGE_SIZE - 1].number)
        return JSONResponse(answer)

    def query_activities(request: Request, _: Body) -> Response:
        _check_version(request)
        run = factories.run(_factory(request), request.path_params["run_id"])
        return JSONResponse({"value": [_activity_run(run)] if run.has_started and run.job else []})

    document = FACTORY + "/{kind:document_kind}/{name}"
    run = FACTORY + "/pipelineruns/{run_id}"
    return [
        Route(FACTORY, endpoint(get_factory), methods=["GET", "PUT"]),
        Route(document, endpoint(put_document), methods=["PUT"]),
        Route(document, endpoint(get_document), methods=["GET"]),
        Route(FACTORY + "/pipelines/{name}/createRun", endpoint(create_run), methods=["POST"]),
        Route(FACTORY + "/queryPipelineRuns", endpoint(query_runs), methods=["POST"]),
        Route(run, endpoint(get_run), methods=["GET"]),
        Route(run + "/queryActivityruns", endpoint(query_activities), methods=["POST"]),
        Route(run + "/cancel", endpoint(cancel_run), methods=["POST"]),
    ]


def _check_version(request: Request) -> None:
    if (version := request.query_params.get("api-version")) != API_VERSION:
        raise ServiceError(
            400, "InvalidApiVersionParameter", f"The api-version '{version}' is invalid; use {API_VERSION}."
        )


def _factory(request: Request) -> str:
    return FACTORY.format(**{name: request.path_params[name] for name in ("subscription", "group", "factory")})


def _document(request: Request, document: Document) -> Response:
    kind = request.path_params["kind"]
    return JSONResponse(
        {
            "id": f"{_factory(request)}/{kind}/{document.name}",
            "name": document.name,
            "type": f"Microsoft.DataFactory/factories/{kind}",
            "etag": document.etag,
            "properties": document.properties,
        }
    )


def _conditions(query: Body) -> tuple[list[str], list[object]]:
    """SQL conditions and their values for RunFilterParameters."""
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
