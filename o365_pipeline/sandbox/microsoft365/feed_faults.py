"""What goes wrong with the Management Activity API, as far as a test asks for it, and a log of the feed's requests.

What belongs here: what a test sets and reads. Carrying it out belongs to `activity_feed.py`; nothing here happens by
chance.
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
    """What a blob that was listed turns out to be when it is asked for."""

    EXPIRED = "AF20051"
    MISSING = "AF20050"
    NOT_JSON = "not JSON"


@dataclass(frozen=True)
class FeedRequest:
    """One call of the feed, whatever it was answered."""

    method: str
    path: str
    publisher_identifier: str | None


@dataclass(frozen=True)
class Throttling:
    """How a request too many is answered: 429 where Retry-After is given, else 403 with AF429."""

    retry_after: int | None


class FeedFaults:
    """The faults of one feed; several threads may use it at once."""

    def __init__(self) -> None:
        self.lists_twice = False
        """Whether every blob is listed twice."""

        self.records_per_blob = 1
        """How many records a blob holds, the latest first."""

        self.extra_records: list[object] = []
        """What lies in every blob before its records; `strange_records` has a choice."""

        self._lock = Lock()
        self._requests: deque[FeedRequest] = deque(maxlen=REQUESTS_KEPT)
        self._throttlings: deque[Throttling] = deque()
        self._waiting: deque[BlobFault] = deque()
        self._spoiled: dict[str, BlobFault] = {}
        self._pages_refused = 0

    @property
    def requests(self) -> list[FeedRequest]:
        """The last calls of the feed, in the order of their arrival."""
        with self._lock:
            return list(self._requests)

    def throttle(self, requests: int, retry_after: int | None = None) -> None:
        """Let so many of the next requests be too many: 429 with that Retry-After in seconds, or 403 with AF429."""
        with self._lock:
            self._throttlings.extend([Throttling(retry_after)] * requests)

    def spoil_blobs(self, blobs: int, fault: BlobFault) -> None:
        """Let the next so many blobs that are asked for be so, for good."""
        with self._lock:
            self._waiting.extend([fault] * blobs)

    def refuse_pages(self, pages: int) -> None:
        """Let the next so many requests for a further page name a page that is not valid (AF20031)."""
        with self._lock:
            self._pages_refused += pages

    def note(self, request: FeedRequest) -> Throttling | None:
        """Keep a request in the log; returns how it is throttled, or None where it may pass."""
        with self._lock:
            self._requests.append(request)
            return self._throttlings.popleft() if self._throttlings else None

    def fault_of(self, content_id: str) -> BlobFault | None:
        """What is wrong with the blob that is asked for."""
        with self._lock:
            if content_id not in self._spoiled and self._waiting:
                self._spoiled[content_id] = self._waiting.popleft()
            return self._spoiled.get(content_id)

    def refuses_page(self) -> bool:
        """Whether the page that is asked for is one of those to refuse."""
        with self._lock:
            refuses = self._pages_refused > 0
            self._pages_refused -= refuses
            return refuses


def strange_records(tenant_id: str, application_id: str, at: dt.datetime) -> list[object]:
    """What a reader of the feed has to pass over: a record of another type, and malformed ones.

    In this order: of Teams; consent without Id; no object; consent with an unknown State; an operation without
    DatasetName. What is not wrong with a record is right.
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
