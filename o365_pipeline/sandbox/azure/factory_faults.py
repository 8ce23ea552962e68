"""Faults of Data Factory that a test asks for, and a log of the requests to the factories.

What belongs here: what a test sets and reads. `arm.py` and `factory_runs.py` carry it out; nothing here is random.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import Any

REQUESTS_KEPT = 10_000
PAGE_SIZE = 100
RUNS_START = "/createRun"
RUNS_QUERY = "/queryPipelineRuns"
"""Ends of paths, for faults that concern one operation only."""


class CopyError(StrEnum):
    """Reasons for which a copy fails, in Data Connect's words where they are public (OfficeDev/MS-Graph-Data-Connect,
    issues).
    """

    NO_CONSENT = "ConsentNotFound"
    COLUMNS = "Invalid requested columns. The following requested columns were not consented to for data"
    NO_USERS = (
        "None of the users requested were valid. Ensure the users are enabled and have both a valid Exchange and "
        "Workplace Analytics license"
    )
    GROUPS = "Group Expansion Failed. Please contact us for support."
    REGION = "The region of the sink does not match the Office region of the tenant"
    POLICY = "The managed application is not compliant with the policy assignments"
    SIGN_IN = "Office365 data loading failed to get OAuth token"

    @property
    def message(self) -> str:
        """The message of the copy activity, as Data Factory wraps it."""
        return (
            "ErrorCode=UserErrorOffice365DataLoaderError,'Type=Microsoft.DataTransfer.Common.Shared."
            f"HybridDeliveryException,Message=Office365 data loading failed to execute. {self},"
            "Source=Microsoft.DataTransfer.ClientLibrary,'"
        )


@dataclass(frozen=True)
class FactoryRequest:
    """One request to a factory, whatever the answer was; secrets are removed from the body."""

    method: str
    path: str
    api_version: str | None
    body: dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """The answer that a request gets instead, and whether the request is carried out all the same."""

    status: int
    retry_after: int | None
    after_acting: bool
    on: str


class FactoryFaults:
    """The faults of all factories of one sandbox; several threads may use it at once."""

    def __init__(self) -> None:
        self.page_size = PAGE_SIZE
        """How many pipeline runs a page of a query holds."""

        self.first_page_empty = False
        """Whether the first page of every query holds nothing but the token of the next page."""

        self._lock = Lock()
        self._requests: deque[FactoryRequest] = deque(maxlen=REQUESTS_KEPT)
        self._faults: list[Fault] = []
        self._copy_errors: deque[CopyError] = deque()
        self._hide_for = 0
        self._hidden: dict[str, int] = {}

    @property
    def requests(self) -> list[FactoryRequest]:
        """The last requests to the factories, in the order of their arrival."""
        with self._lock:
            return list(self._requests)

    def count(self, method: str, end: str = "") -> int:
        """Returns how many of the last requests had that method and a path with that end."""
        return sum(request.method == method and request.path.endswith(end) for request in self.requests)

    def throttle(self, requests: int, retry_after: int, on: str = "") -> None:
        """Answers the next requests with 429 and that Retry-After in seconds."""
        self.fail(requests, 429, retry_after, on=on)

    def fail(
        self, requests: int, status: int, retry_after: int | None = None, *, after_acting: bool = False, on: str = ""
    ) -> None:
        """Answers the next requests with that status.

        Args:
            after_acting: whether the request is carried out before that answer.
            on: only requests whose path has that end count.
        """
        with self._lock:
            self._faults.extend([Fault(status, retry_after, after_acting, on)] * requests)

    def end(self) -> None:
        """Answers all further requests as they should be."""
        with self._lock:
            self._faults.clear()

    def hide_new_runs(self, requests: int) -> None:
        """Hides every run created from now on from the next `requests` requests that would show it; 0 ends that."""
        with self._lock:
            self._hide_for = requests

    def fail_copies(self, copies: int, error: CopyError) -> None:
        """Makes the next copies fail for that reason."""
        with self._lock:
            self._copy_errors.extend([error] * copies)

    def note(self, request: FactoryRequest) -> Fault | None:
        """Logs a request; returns the fault that applies to it, or None."""
        with self._lock:
            self._requests.append(request)
            fault = next((fault for fault in self._faults if request.path.endswith(fault.on)), None)
            if fault:
                self._faults.remove(fault)
            return fault

    def note_run(self, run_id: str) -> None:
        """Logs that a run was created."""
        with self._lock:
            if self._hide_for:
                self._hidden[run_id] = self._hide_for

    def hides(self, run_id: str) -> bool:
        """Tells whether a request that would show the run is answered as if the run did not exist."""
        with self._lock:
            left = self._hidden.get(run_id, 0)
            self._hidden[run_id] = max(0, left - 1)
            return left > 0

    def copy_error(self) -> CopyError | None:
        """Returns why the copy that is about to start fails, or None."""
        with self._lock:
            return self._copy_errors.popleft() if self._copy_errors else None
