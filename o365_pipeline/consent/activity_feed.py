"""The Office 365 Management Activity API: the feed in which consent and operation records appear.

What belongs here: calls, windows, pages, blobs and throttling, as Microsoft documents them (Office 365 Management
Activity API reference). The meaning of records belongs to `feed_records.py`; how far a feed was read belongs to
`feed_reading.py`.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, NamedTuple

import dagster as dg
from azure.core import PipelineClient
from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ServiceRequestError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import (
    BearerTokenCredentialPolicy,
    HeadersPolicy,
    RequestIdPolicy,
    RetryPolicy,
    SansIOHTTPPolicy,
    UserAgentPolicy,
)
from azure.core.rest import HttpRequest, HttpResponse
from pydantic import Field

from o365_pipeline.azure.cloud import Cloud
from o365_pipeline.consent.approvals import in_utc
from o365_pipeline.customers.customer import Customer, NationalCloud
from o365_pipeline.errors import FeedThrottledError

CONTENT_TYPE = "Audit.General"
MAX_WINDOW = dt.timedelta(hours=24)
MAX_AGE = dt.timedelta(days=7)
ONE_SECOND = dt.timedelta(seconds=1)
"""The finest step that the API documents: the last second is requested whole."""

OVERLAP = dt.timedelta(minutes=2)
"""How much of what was read last is listed once more the next time: content may be listed some moments after the time
that it bears, and a clock may be set back. A decision that falls between two reads would be missed for ever.
"""

ROOTS: Mapping[NationalCloud, str] = {
    "worldwide": "https://manage.office.com",
    "gcc": "https://manage-gcc.office.com",
    "gcc-high": "https://manage.office365.us",
    "dod": "https://manage.protection.apps.mil",
}
"""The API's root for each kind of Office 365 plan."""

ALREADY_ENABLED, TOO_MANY_REQUESTS = "AF20024", "AF429"
NOT_SUBSCRIBED = ("AF20022", "AF20023")
"""There is no subscription, or somebody disabled it."""

GONE, NOT_FOUND = ("AF20050", "AF20051"), (404, 410)
"""Codes and statuses of content that does not exist or has expired; asking again changes nothing."""

FAILURES_IN_A_ROW = 3
"""After so many blobs in a row that cannot be read, the others of the page are not asked for now."""

DEFAULT_PAUSE_SECONDS = 60
"""The pause after a throttled request whose answer names no pause."""


@dataclass(frozen=True)
class Position:
    """How far a tenant's feed was read: up to `start`. If a window was read in part, also its end and its next page."""

    start: dt.datetime
    end: dt.datetime | None = None
    next_page: str | None = None


@dataclass(frozen=True)
class Blob:
    """A blob of records, as a page of the feed names it."""

    content_id: str
    uri: str
    available_at: dt.datetime


@dataclass(frozen=True)
class UnreadBlob:
    """A blob that could not be read, and why; the reason repeats nothing of its content."""

    blob: Blob
    reason: str
    was_requested: bool = True
    is_lost: bool = False
    """True if asking again changes nothing."""


class Content(NamedTuple):
    """What some blobs held, and those of them that could not be read."""

    records: tuple[object, ...]
    read: tuple[Blob, ...]
    unread: tuple[UnreadBlob, ...]
    pause: float | None = None
    """The pause in seconds that the feed asked for."""


@dataclass(frozen=True)
class Page:
    """One page of a tenant's feed: its records, the blobs that could not be read, and the position to continue from."""

    position: Position
    records: tuple[object, ...] = ()
    read: tuple[Blob, ...] = ()
    unread: tuple[UnreadBlob, ...] = ()
    pause: float | None = None
    is_last: bool = True
    """True if there is nothing more to read for now."""

    subscribed: bool = False
    """True if the subscription had to be started first."""


class ActivityFeed(dg.ConfigurableResource):
    """Reads the audit records of customers' tenants."""

    cloud: dg.ResourceDependency[Cloud]
    poll_seconds: float = Field(
        default=60,
        description="How often each tenant's feed is asked; approvals take minutes to hours to appear in it.",
    )

    def read(self, customer: Customer, position: Position, now: dt.datetime) -> Page:
        """Reads one page of what became available after a position. Starts the tenant's subscription first if there is
        none.

        Args:
            customer: whose tenant is read.
            position: at most seven days back.
            now: the end of what is read; a window is cut after 24 hours.

        A blob that cannot be read now is named, and left for later; the next page does not wait for it.

        Raises:
            FeedThrottledError: the API asks for a pause.
            azure.core.exceptions.AzureError: the API does not answer, or refuses.
            ValueError: what it answers is no list.
        """
        second = now.replace(microsecond=0)
        end = position.end or min(position.start + MAX_WINDOW, second + ONE_SECOND)
        response = self._list(customer, position, end)
        if subscribed := _answers(response, *NOT_SUBSCRIBED):
            self._subscribe(customer)
            response = self._list(customer, position, end)
        if response.status_code == 400 and position.next_page:
            response = self._list(customer, Position(position.start), end)
        response.raise_for_status()
        blobs = _blobs(response.json(), end)
        content = self.read_blobs(customer, [blob for blob in blobs if blob.uri])
        nowhere = tuple(
            UnreadBlob(blob, "it is listed without an address", is_lost=True) for blob in blobs if not blob.uri
        )
        if next_page := response.headers.get("NextPageUri"):
            onward = replace(position, end=end, next_page=next_page)
        else:
            settled = min(second, _date_of(response) or second) - OVERLAP
            onward = Position(max(position.start, min(end, settled)))
        is_last = next_page is None and end > second
        unread = content.unread + nowhere
        return Page(onward, content.records, content.read, unread, content.pause, is_last, subscribed)

    def read_blobs(self, customer: Customer, blobs: Sequence[Blob]) -> Content:
        """Reads blobs one by one; one that cannot be read does not stop the others.

        Where the feed asks for a pause, cannot be reached, or fails several times in a row, the rest is not requested.
        """
        records: list[object] = []
        read: list[Blob] = []
        unread: list[UnreadBlob] = []
        in_a_row = 0
        for place, blob in enumerate(blobs):
            try:
                records += self._records(customer, blob.uri)
                read.append(blob)
                in_a_row = 0
                continue
            except _LostBlobError as error:
                unread.append(UnreadBlob(blob, str(error), is_lost=True))
                continue
            except (AzureError, FeedThrottledError, ValueError, RecursionError) as error:
                unread.append(UnreadBlob(blob, _reason(error)))
                in_a_row += 1
                pause = error.seconds if isinstance(error, FeedThrottledError) else None
                stops = isinstance(error, (FeedThrottledError, ServiceRequestError, ClientAuthenticationError))
            if stops or in_a_row == FAILURES_IN_A_ROW:
                rest = (UnreadBlob(left, unread[-1].reason, was_requested=False) for left in blobs[place + 1 :])
                return Content(tuple(records), tuple(read), (*unread, *rest), pause)
        return Content(tuple(records), tuple(read), tuple(unread))

    def is_subscribed(self, customer: Customer) -> bool:
        """Tells whether the tenant's feed has a subscription; changes nothing.

        Raises:
            azure.core.exceptions.AzureError: the API does not answer, or refuses.
        """
        response = self._send(customer, HttpRequest("GET", self._url(customer, "subscriptions/list")))
        response.raise_for_status()
        return any(entry["contentType"] == CONTENT_TYPE for entry in response.json())

    def _url(self, customer: Customer, path: str) -> str:
        root = self.cloud.feed_url or ROOTS[customer.national_cloud]
        return f"{root}/api/v1.0/{customer.tenant_id}/activity/feed/{path}"

    def _list(self, customer: Customer, position: Position, end: dt.datetime) -> HttpResponse:
        if position.next_page:
            return self._send(customer, HttpRequest("GET", position.next_page))
        window = {"startTime": _stamp(position.start), "endTime": _stamp(end)}
        request = HttpRequest("GET", self._url(customer, "subscriptions/content"), params=_query() | window)
        return self._send(customer, request)

    def _subscribe(self, customer: Customer) -> None:
        response = self._send(
            customer, HttpRequest("POST", self._url(customer, "subscriptions/start"), params=_query())
        )
        if not _answers(response, ALREADY_ENABLED):
            response.raise_for_status()

    def _records(self, customer: Customer, uri: str) -> list[object]:
        """Reads the records in a blob.

        Raises:
            _LostBlobError: the blob is gone; the message says why.
            ValueError: it is not JSON.
        """
        response = self._send(customer, HttpRequest("GET", uri))
        if response.status_code in NOT_FOUND or _answers(response, *GONE):
            raise _LostBlobError(f"the blob is gone, or never was (HTTP {response.status_code})")
        response.raise_for_status()
        content = response.json()
        return content if isinstance(content, list) else [content]

    def _send(self, customer: Customer, request: HttpRequest) -> HttpResponse:
        client = _client(self.cloud, ROOTS[customer.national_cloud], customer.tenant_id)
        # The vendor's tenant, on every request: without it one shares a quota with everybody who leaves it out.
        url = request.url
        if "PublisherIdentifier=" not in url:
            publisher = customer.data_request.application_tenant_id
            request.url = f"{url}{'&' if '?' in url else '?'}PublisherIdentifier={publisher}"
        return client.send_request(request)


class _Throttling(SansIOHTTPPolicy[HttpRequest, HttpResponse]):
    """Raises an error when the API throttles, so that a sensor's tick never waits for it."""

    def on_response(
        self, _request: PipelineRequest[HttpRequest], response: PipelineResponse[HttpRequest, HttpResponse]
    ) -> None:
        answer = response.http_response
        # Microsoft shows AF429 with status 403 (Troubleshooting the Office 365 Management Activity API).
        busy = answer.status_code == 429 or _answers(answer, TOO_MANY_REQUESTS)
        if busy or (answer.status_code >= 400 and "Retry-After" in answer.headers):
            raise FeedThrottledError(_pause(answer.headers.get("Retry-After")))


@lru_cache(maxsize=2048)
def _client(cloud: Cloud, root: str, tenant_id: str) -> PipelineClient[HttpRequest, HttpResponse]:
    """Makes a client for one tenant, since a token belongs to one tenant; all clients share the cloud's transport."""
    return PipelineClient(
        root,
        policies=[
            RequestIdPolicy(),
            HeadersPolicy({"Accept": "application/json"}),
            UserAgentPolicy(user_agent="o365-pipeline"),
            RetryPolicy(retry_total=1, retry_backoff_factor=0.3, retry_backoff_max=2),
            BearerTokenCredentialPolicy(cloud.credential(tenant_id), f"{root}/.default"),
            _Throttling(),
        ],
        transport=_transport(cloud),
    )


@lru_cache(maxsize=8)
def _transport(cloud: Cloud) -> Any:
    return cloud.transport()


class _LostBlobError(Exception):
    """A blob does not exist, or not any more."""


def _blobs(listed: object, end: dt.datetime) -> list[Blob]:
    """Returns the blobs of a page, each once; one without an address has "" there.

    Args:
        end: the time that counts for a blob of which the page says none: the end of the page's window.

    Raises:
        ValueError: the answer is no list.
    """
    if not isinstance(listed, list):
        raise ValueError("the feed's answer is no list of blobs")
    blobs: dict[str, Blob] = {}
    for entry in listed:
        named = entry if isinstance(entry, dict) else {}
        uri = str(named.get("contentUri") or "")
        content_id = str(named.get("contentId") or uri or entry)
        try:
            available_at = in_utc(dt.datetime.fromisoformat(str(named.get("contentCreated"))))
        except (ValueError, OverflowError):
            available_at = end
        blobs[content_id] = Blob(content_id, uri, available_at)
    return list(blobs.values())


def _reason(error: Exception) -> str:
    if isinstance(error, HttpResponseError) and error.status_code:
        return f"the blob answers HTTP {error.status_code}"
    if isinstance(error, (FeedThrottledError, AzureError)):
        return f"the feed did not give the blob ({type(error).__name__})"
    return "the blob is not JSON"


def _answers(response: HttpResponse, *codes: str) -> bool:
    """Tells whether the API refused with one of these codes."""
    return response.status_code >= 400 and any(code in response.text() for code in codes)


def _query() -> dict[str, str]:
    return {"contentType": CONTENT_TYPE}


def _stamp(moment: dt.datetime) -> str:
    """Formats a moment to the second, the finest form that the API documents."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _date_of(response: HttpResponse) -> dt.datetime | None:
    """Returns the API's own time. If our clock is ahead, content of the time between must not be skipped."""
    try:
        return parsedate_to_datetime(response.headers.get("Date") or "").astimezone(dt.UTC)
    except ValueError:
        return None


def _pause(retry_after: str | None) -> float:
    return float(retry_after) if retry_after and retry_after.isdecimal() else DEFAULT_PAUSE_SECONDS
