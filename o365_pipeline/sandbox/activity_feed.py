"""The Office 365 Management Activity API: subscriptions, content by time, and the records of a content blob.

What belongs here: its routes and limits; every record is one blob. Two simplifications: content is there at once, and
what was written before the subscription started is listed too. Source: Management Activity API reference.
"""

from __future__ import annotations

import datetime as dt
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from o365_pipeline.sandbox.clock import Clock, moment, stamp
from o365_pipeline.sandbox.endpoints import Body, endpoint
from o365_pipeline.sandbox.state import State
from o365_pipeline.sandbox.wire_errors import ServiceError

FEED = "/api/v1.0/{tenant}/activity/feed"
CONTENT_TYPES = (
    "Audit.AzureActiveDirectory",
    "Audit.Exchange",
    "Audit.SharePoint",
    "Audit.General",
    "DLP.All",
)
FILLED_CONTENT_TYPE = "Audit.General"
PAGE_SIZE = 10
MAX_WINDOW = dt.timedelta(hours=24)
MAX_AGE = dt.timedelta(days=7)
TIME_RULE = (
    "Start time and end time must both be specified (or both omitted) and must be less than or equal to 24 hours "
    "apart, with the start time no more than 7 days in the past."
)


def feed_routes(state: State, clock: Clock) -> list[Route]:
    """The feed of every tenant."""

    def start(request: Request, _: Body) -> Response:
        tenant, content_type = request.path_params["tenant"], _content_type(request)
        with state.writing() as connection:
            added = connection.execute("INSERT OR IGNORE INTO subscription VALUES (?, ?)", (tenant, content_type))
        if not added.rowcount:
            raise ServiceError(400, "AF20024", "The subscription is already enabled. No property change.")
        return JSONResponse({"contentType": content_type, "status": "enabled", "webhook": None})

    def content(request: Request, _: Body) -> Response:
        tenant, content_type = request.path_params["tenant"], _content_type(request)
        start_time, end_time = _window(request, clock())
        after = _next_page(request)
        # Taking the writers' turn: whoever was stamping a record for this window has committed it before we read.
        with state.writing() as connection:
            subscribed = connection.execute(
                "SELECT 1 FROM subscription WHERE tenant = ? AND content_type = ?", (tenant, content_type)
            ).fetchone()
            rows = connection.execute(
                "SELECT sequence, content_id, available_at FROM record WHERE tenant = ? AND available_at >= ? "
                "AND available_at < ? AND sequence > ? ORDER BY sequence LIMIT ?",
                (tenant, stamp(start_time), stamp(end_time), after, PAGE_SIZE + 1),
            ).fetchall()
        if subscribed is None:
            raise ServiceError(400, "AF20022", "No subscription found for the specified content type.")
        if content_type != FILLED_CONTENT_TYPE:
            rows = []
        headers = {}
        if len(rows) > PAGE_SIZE:
            headers["NextPageUri"] = _next_page_uri(request, start_time, end_time, rows[PAGE_SIZE - 1]["sequence"])
        page = [_content(request, row["content_id"], row["available_at"]) for row in rows[:PAGE_SIZE]]
        return JSONResponse(page, headers=headers)

    def audit(request: Request, _: Body) -> Response:
        tenant, content_id = request.path_params["tenant"], request.path_params["content_id"]
        with state.reading() as connection:
            row = connection.execute(
                "SELECT available_at, content FROM record WHERE tenant = ? AND content_id = ?", (tenant, content_id)
            ).fetchone()
        if row is None:
            raise ServiceError(404, "AF20050", f"The specified content ({content_id}) does not exist.")
        if moment(row["available_at"]) < clock() - MAX_AGE:
            raise ServiceError(
                400,
                "AF20051",
                f"Content requested with the key {content_id} has already expired. "
                "Content older than 7 days cannot be retrieved.",
            )
        return Response(f"[{row['content']}]", media_type="application/json")

    return [
        Route(FEED + "/subscriptions/start", endpoint(start), methods=["POST"]),
        Route(FEED + "/subscriptions/content", endpoint(content), methods=["GET"]),
        Route(FEED + "/audit/{content_id}", endpoint(audit), methods=["GET"]),
    ]


def _content_type(request: Request) -> str:
    content_type = request.query_params.get("contentType", "")
    if content_type not in CONTENT_TYPES:
        raise ServiceError(400, "AF20020", f"The specified content type '{content_type}' is not valid.")
    return content_type


def _window(request: Request, now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    start, end = request.query_params.get("startTime"), request.query_params.get("endTime")
    if start is None and end is None:
        return now - MAX_WINDOW, now
    if start is None or end is None:
        raise ServiceError(400, "AF20030", TIME_RULE)
    try:
        start_time, end_time = moment(start), moment(end)
    except ValueError as error:
        raise ServiceError(400, "AF20002", f"Invalid parameter type: {error}. Expected type: DateTime.") from error
    oldest = now - MAX_AGE
    # A page's continuation repeats a start that was young enough when its first page was asked for.
    if not start_time <= end_time <= start_time + MAX_WINDOW:
        raise ServiceError(400, "AF20030", TIME_RULE)
    if start_time < oldest and "nextPage" not in request.query_params:
        raise ServiceError(400, "AF20055", TIME_RULE)
    return start_time, end_time


def _next_page(request: Request) -> int:
    token = request.query_params.get("nextPage", "0")
    if not token.isdecimal():
        raise ServiceError(400, "AF20031", f"Invalid nextPage Input: {token}.")
    return int(token)


def _next_page_uri(request: Request, start: dt.datetime, end: dt.datetime, after: int) -> str:
    query = {
        "contentType": request.query_params["contentType"],
        "startTime": stamp(start),
        "endTime": stamp(end),
        "nextPage": after,
    }
    return f"{request.url.replace(query='')}?{urlencode(query)}"


def _content(request: Request, content_id: str, available_at: str) -> dict[str, str]:
    root = str(request.url.replace(query="")).removesuffix("/subscriptions/content")
    return {
        "contentUri": f"{root}/audit/{content_id}",
        "contentId": content_id,
        "contentType": request.query_params["contentType"],
        "contentCreated": available_at,
        "contentExpiration": stamp(moment(available_at) + MAX_AGE),
    }
