"""Faults of the Management Activity API that a test asks for, and a log of the requests to the feed.

What belongs here: what a test sets and reads. `activity_feed.py` carries it out; nothing here is random.
"""

from __future__ import annotations

import datetime as dt
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock

from o365_pipeline.consent.approvals import CONSENT_RECORD_TYPE
from o365_pipeline.sandbox.microsoft365.audit_records import OPERATION_RECORD_TYPE

REQUESTS_KEPT = 10_000
TEAMS_RECORD_TYPE = 25


class BlobFault(StrEnum):
    """What is wrong with a listed blob when it is requested."""

    EXPIRED = "AF20051"
    MISSING = "AF20050"
    NOT_JSON = "not JSON"
    SERVER_ERROR = "500"
    """It answers 500 for good, until it is too old."""


@dataclass(frozen=True)
class FeedRequest:
    """One request to the feed, whatever the answer was."""

    method: str
    path: str
    publisher_identifier: str | None


@dataclass(frozen=True)
class Throttling:
    """The answer to a throttled request: 429 if Retry-After is given, else 403 with AF429."""

    retry_after: int | None


class FeedFaults:
    """The faults of one feed; several threads may use it at once."""

    def __init__(self) -> None:
        self.lists_twice = False
        """Whether every blob is listed twice."""

        self.records_per_blob = 1
        """How many records a blob holds, the latest first."""

        self.extra_records: list[object] = []
        """Records that every blob holds before its own; `strange_records` makes some."""

        self._lock = Lock()
        self._requests: deque[FeedRequest] = deque(maxlen=REQUESTS_KEPT)
        self._throttlings: deque[Throttling] = deque()
        self._waiting: deque[BlobFault] = deque()
        self._spoiled: dict[str, BlobFault] = {}
        self._pages_refused = 0
        self._blobs_before_throttling = 0
        self._blob_throttling: Throttling | None = None

    @property
    def requests(self) -> list[FeedRequest]:
        """The last requests to the feed, in the order of their arrival."""
        with self._lock:
            return list(self._requests)

    def throttle(self, requests: int, retry_after: int | None = None) -> None:
        """Throttles the next requests: 429 with that Retry-After in seconds, or 403 with AF429."""
        with self._lock:
            self._throttlings.extend([Throttling(retry_after)] * requests)

    def spoil_blobs(self, blobs: int, fault: BlobFault) -> None:
        """Spoils the next blobs that are requested, permanently."""
        with self._lock:
            self._waiting.extend([fault] * blobs)

    def mend_blobs(self) -> None:
        """Makes every spoiled blob readable."""
        with self._lock:
            self._waiting.clear()
            self._spoiled.clear()

    def throttle_blob(self, after: int, retry_after: int) -> None:
        """Throttles one request for a blob, after so many others: 429 with that Retry-After in seconds."""
        with self._lock:
            self._blobs_before_throttling, self._blob_throttling = after, Throttling(retry_after)

    def refuse_pages(self, pages: int) -> None:
        """Answers the next requests for a further page with AF20031 (the page is not valid)."""
        with self._lock:
            self._pages_refused += pages

    def note(self, request: FeedRequest) -> Throttling | None:
        """Logs a request; returns how it is throttled, or None."""
        with self._lock:
            self._requests.append(request)
            if self._blob_throttling and "/audit/" in request.path:
                if self._blobs_before_throttling == 0:
                    throttling, self._blob_throttling = self._blob_throttling, None
                    return throttling
                self._blobs_before_throttling -= 1
            return self._throttlings.popleft() if self._throttlings else None

    def fault_of(self, content_id: str) -> BlobFault | None:
        """Returns what is wrong with the requested blob."""
        with self._lock:
            if content_id not in self._spoiled and self._waiting:
                self._spoiled[content_id] = self._waiting.popleft()
            return self._spoiled.get(content_id)

    def refuses_page(self) -> bool:
        """Tells whether the requested page is one of those to refuse."""
        with self._lock:
            refuses = self._pages_refused > 0
            self._pages_refused -= refuses
            return refuses


def strange_records(tenant_id: str, application_id: str, at: dt.datetime) -> list[object]:
    """Makes records that a reader of the feed must skip: one of another type, and malformed ones.

    In this order: a Teams record; consent without Id; not an object; consent with an unknown State; an operation
    without DatasetName. Everything else in each record is right.
    """
    moment = f"{at:%Y-%m-%dT%H:%M:%S}"
    common = {"CreationTime": moment, "OrganizationId": tenant_id, "UserType": 0, "UserKey": "k", "UserId": "u"}
    data_connect = {**common, "Workload": "MicrosoftGraphDataConnect", "ApplicationId": application_id}
    consent = {
        **data_connect,
        "RecordType": CONSENT_RECORD_TYPE,
        "Operation": "MicrosoftGraphDataConnectConsent",
        "AppRegistrationTenantId": tenant_id,
        "DestinationTenantId": tenant_id,
        "DestinationSinks": [],
        "ApprovalUpdatedDateInUTC": moment,
        "State": "Approved",
        "Datasets": [],
    }
    operation = {
        **data_connect,
        "RecordType": OPERATION_RECORD_TYPE,
        "Operation": "MicrosoftGraphDataConnectOperation",
        "RunStartTime": moment,
        "RunEndTime": moment,
        "RowCount": 0,
        "Status": "Succeeded",
    }
    teams = {"RecordType": TEAMS_RECORD_TYPE, "Operation": "TeamsSessionStarted", "Workload": "MicrosoftTeams"}
    return [
        {"Id": "strange-1", **common, **teams},
        consent,
        "no object",
        {"Id": "strange-2", **consent, "State": "Postponed"},
        {"Id": "strange-3", **operation},
    ]
