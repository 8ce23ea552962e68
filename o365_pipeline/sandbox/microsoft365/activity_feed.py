"""The Office 365 Management Activity API: subscriptions, content by time, and the records of a content blob.

What belongs here: its routes and limits. A blob holds one record unless `feed_faults.py` says otherwise. There are two
simplifications: content is available at once, except operation records with a lag; and content that was written before
the subscription started, or while it was stopped, is listed too. Source: Management Activity API reference.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from email.utils import format_datetime
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from o365_pipeline.errors import O365PipelineError
from o365_pipeline.sandbox.clock import Clock, moment, stamp
from o365_pipeline.sandbox.endpoints import Body, endpoint
from o365_pipeline.sandbox.entra.tokens import ACTIVITY_FEED_READ, FEED, TokenError, Tokens
from o365_pipeline.sandbox.microsoft365.feed_faults import BlobFault, FeedFaults, FeedRequest, Throttling
from o365_pipeline.sandbox.state import State
from o365_pipeline.sandbox.wire_errors import ServiceError, answer_error

ROOT = "/api/v1.0/{tenant}/activity/feed"
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
TIME = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?Z?)?")
"""The three documented forms, and two that the API also accepts: a fraction of a second, and the letter of UTC."""

BETWEEN_IDS = "$"
"""The separator of record ids in a blob's id; Microsoft's ids have several parts, too."""

NO_PUBLISHER = "00000000-0000-0000-0000-000000000000"
TRUNCATED = '[{"Id":"'


def feed_routes(state: State, clock: Clock, tokens: Tokens, feed_faults: FeedFaults | None = None) -> list[Route]:
    """Builds the routes of every tenant's feed, for tokens of that tenant, with the faults that a test asks for."""
    faults = feed_faults or FeedFaults()

    def start(request: Request, _: Body) -> Response:
        tenant, content_type = request.path_params["tenant"], _content_type(request)
        with state.writing() as connection:
            added = connection.execute("INSERT OR IGNORE INTO subscription VALUES (?, ?)", (tenant, content_type))
        if not added.rowcount:
            raise ServiceError(400, "AF20024", "The subscription is already enabled. No property change.")
        return JSONResponse(_subscription(content_type))

    def stop(request: Request, _: Body) -> Response:
        tenant, content_type = request.path_params["tenant"], _content_type(request)
        with state.writing() as connection:
            _check_subscribed(connection, tenant, content_type)
            connection.execute("DELETE FROM subscription WHERE tenant = ? AND content_type = ?", (tenant, content_type))
        return Response(status_code=200)

    def subscriptions(request: Request, _: Body) -> Response:
        with state.reading() as connection:
            rows = connection.execute(
                "SELECT content_type FROM subscription WHERE tenant = ? ORDER BY content_type",
                (request.path_params["tenant"],),
            ).fetchall()
        return JSONResponse([_subscription(row["content_type"]) for row in rows])

    def content(request: Request, _: Body) -> Response:
        tenant, content_type = request.path_params["tenant"], _content_type(request)
        start_time, end_time = _window(request, clock())
        listed = _next_page(request, faults)
        size = PAGE_SIZE * faults.records_per_blob
        # Taking the writers' turn: whoever was stamping a record for this window has committed it before we read.
        with state.writing() as connection:
            _check_subscribed(connection, tenant, content_type)
            rows = connection.execute(
                "SELECT content_id, available_at FROM record WHERE tenant = ? AND available_at >= ? "
                "AND available_at < ? AND available_at <= ? ORDER BY available_at, sequence LIMIT ? OFFSET ?",
                (tenant, stamp(start_time), stamp(end_time), stamp(clock()), size + 1, listed),
            ).fetchall()
        if content_type != FILLED_CONTENT_TYPE:
            rows = []
        headers = {}
        if len(rows) > size:
            headers["NextPageUri"] = _next_page_uri(request, start_time, end_time, listed + size)
        page: list[dict[str, str]] = []
        for first in range(0, min(len(rows), size), faults.records_per_blob):
            blob = _blob(request, rows[first : min(first + faults.records_per_blob, size)])
            page += [blob, blob] if faults.lists_twice else [blob]
        return JSONResponse(page, headers=headers)

    def audit(request: Request, _: Body) -> Response:
        tenant, content_id = request.path_params["tenant"], request.path_params["content_id"]
        with state.reading() as connection:
            _check_subscribed(connection, tenant, FILLED_CONTENT_TYPE)
            records = _records(connection, tenant, content_id, clock())
        match faults.fault_of(content_id):
            case BlobFault.EXPIRED:
                raise _expired(content_id)
            case BlobFault.MISSING:
                raise _missing(content_id)
            case BlobFault.SERVER_ERROR:
                raise ServiceError(500, "AF50000", "An internal error occurred. Retry the request.")
            case BlobFault.NOT_JSON:
                return Response(TRUNCATED, media_type="application/json")
        extra = [json.dumps(record) for record in faults.extra_records]
        return Response(f"[{','.join(extra + records)}]", media_type="application/json")

    def call(function: Callable[[Request, Body], Response]) -> Callable[[Request], Awaitable[Response]]:
        """Makes an endpoint that logs its requests, throttles them if a test asks for it, and dates its answers."""

        def answer(request: Request, body: Body) -> Response:
            publisher = request.query_params.get("PublisherIdentifier")
            throttling = faults.note(FeedRequest(request.method, request.url.path, publisher))
            try:
                _check_token(request, tokens)
                response = _too_many(request, throttling) if throttling else function(request, body)
            except O365PipelineError as error:
                response = answer_error(request, error)
            response.headers["Date"] = format_datetime(clock().astimezone(dt.UTC), usegmt=True)
            return response

        return endpoint(answer)

    return [
        Route(ROOT + "/subscriptions/start", call(start), methods=["POST"]),
        Route(ROOT + "/subscriptions/stop", call(stop), methods=["POST"]),
        Route(ROOT + "/subscriptions/list", call(subscriptions), methods=["GET"]),
        Route(ROOT + "/subscriptions/content", call(content), methods=["GET"]),
        Route(ROOT + "/audit/{content_id}", call(audit), methods=["GET"]),
    ]


def _check_token(request: Request, tokens: Tokens) -> None:
    """Checks that a request's token is for this API, of the tenant in the path, and carries the permission to read.

    Raises:
        ServiceError: it is not, or there is none.
    """
    try:
        token = tokens.of(request)
    except TokenError as error:
        raise ServiceError(401, "AF10000", f"Authorization has been denied for this request. {error}") from error
    if token.audience != FEED:
        raise ServiceError(401, "AF10000", "Authorization has been denied for this request. The audience is invalid.")
    tenant = request.path_params["tenant"]
    if token.tenant_id != tenant.lower():
        raise ServiceError(
            401,
            "AF20010",
            f"The tenant ID passed in the URL ({tenant}) does not match the tenant ID passed in the access token "
            f"({token.tenant_id}).",
        )
    if ACTIVITY_FEED_READ not in token.roles:
        raise ServiceError(
            401,
            "AF10001",
            f"The permission set ({' '.join(token.roles)}) sent in the request did not include the expected "
            f"permission {ACTIVITY_FEED_READ}.",
        )


def _too_many(request: Request, throttling: Throttling) -> Response:
    method = "GetBlob" if "content_id" in request.path_params else "GetContents"
    publisher = request.query_params.get("PublisherIdentifier") or NO_PUBLISHER
    status = 403 if throttling.retry_after is None else 429
    error = ServiceError(status, "AF429", f"Too many requests. Method={method}, PublisherId={publisher}")
    response = answer_error(request, error)
    if throttling.retry_after is not None:
        response.headers["Retry-After"] = str(throttling.retry_after)
    return response


def _subscription(content_type: str) -> dict[str, str | None]:
    return {"contentType": content_type, "status": "enabled", "webhook": None}


def _check_subscribed(connection: sqlite3.Connection, tenant: str, content_type: str) -> None:
    found = connection.execute(
        "SELECT 1 FROM subscription WHERE tenant = ? AND content_type = ?", (tenant, content_type)
    ).fetchone()
    if found is None:
        raise ServiceError(400, "AF20022", "No subscription found for the specified content type.")


def _records(connection: sqlite3.Connection, tenant: str, content_id: str, now: dt.datetime) -> list[str]:
    """Returns the JSON of a blob's records, the latest first."""
    ids = content_id.split(BETWEEN_IDS)
    places = ", ".join("?" for _ in ids)
    rows = connection.execute(
        f"SELECT available_at, content FROM record WHERE tenant = ? AND available_at <= ? AND content_id IN ({places}) "
        "ORDER BY available_at DESC, sequence DESC",
        (tenant, stamp(now), *ids),
    ).fetchall()
    if len(rows) != len(ids):
        raise _missing(content_id)
    if moment(rows[0]["available_at"]) < now - MAX_AGE:
        raise _expired(content_id)
    return [row["content"] for row in rows]


def _missing(content_id: str) -> ServiceError:
    return ServiceError(404, "AF20050", f"The specified content ({content_id}) does not exist.")


def _expired(content_id: str) -> ServiceError:
    return ServiceError(
        400,
        "AF20051",
        f"Content requested with the key {content_id} has already expired. "
        "Content older than 7 days cannot be retrieved.",
    )


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
    start_time, end_time = _time(start), _time(end)
    oldest = now - MAX_AGE
    # A page's continuation repeats a start that was young enough when its first page was asked for.
    if not start_time <= end_time <= start_time + MAX_WINDOW:
        raise ServiceError(400, "AF20030", TIME_RULE)
    if start_time < oldest and "nextPage" not in request.query_params:
        raise ServiceError(400, "AF20055", TIME_RULE)
    return start_time, end_time


def _time(text: str) -> dt.datetime:
    try:
        if not TIME.fullmatch(text):
            raise ValueError(text)
        return moment(text)
    except ValueError as error:
        raise ServiceError(400, "AF20002", f"Invalid parameter type: {error}. Expected type: DateTime.") from error


def _next_page(request: Request, faults: FeedFaults) -> int:
    """Returns how many records the previous pages listed."""
    token = request.query_params.get("nextPage", "0")
    if not token.isdecimal() or ("nextPage" in request.query_params and faults.refuses_page()):
        raise ServiceError(400, "AF20031", f"Invalid nextPage Input: {token}.")
    return int(token)


def _next_page_uri(request: Request, start: dt.datetime, end: dt.datetime, listed: int) -> str:
    query = {
        "contentType": request.query_params["contentType"],
        "startTime": stamp(start),
        "endTime": stamp(end),
        "nextPage": listed,
    }
    return f"{request.url.replace(query='')}?{urlencode(query)}"


def _blob(request: Request, rows: Sequence[sqlite3.Row]) -> dict[str, str]:
    """Describes a blob in a list; it becomes available with the last of its records."""
    root = str(request.url.replace(query="")).removesuffix("/subscriptions/content")
    content_id = BETWEEN_IDS.join(row["content_id"] for row in rows)
    created = rows[-1]["available_at"]
    return {
        "contentUri": f"{root}/audit/{content_id}",
        "contentId": content_id,
        "contentType": request.query_params["contentType"],
        "contentCreated": created,
        "contentExpiration": stamp(moment(created) + MAX_AGE),
    }
