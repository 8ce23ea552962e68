"""What goes wrong with Data Factory, as far as a test asks for it, and a log of the factories' requests.

What belongs here: what a test sets and reads. Carrying it out belongs to `arm.py` and belongs to `factory_runs.py`;
nothing here happens by chance.
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
    """Why a copy fails, in Data Connect's words as far as they are public (OfficeDev/MS-Graph-Data-Connect, issues)."""

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
    """One call of a factory, whatever it was answered; secrets are left out of the body."""

    method: str
    path: str
    api_version: str | None
    body: dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """How a request is answered instead, and whether what it asks for is done all the same."""

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
        """Whether the first page of every query holds nothing but the token of the next."""

        self._lock = Lock()
        self._requests: deque[FactoryRequest] = deque(maxlen=REQUESTS_KEPT)
        self._faults: list[Fault] = []
        self._copy_errors: deque[CopyError] = deque()
        self._hide_for = 0
        self._hidden: dict[str, int] = {}

    @property
    def requests(self) -> list[FactoryRequest]:
        """The last calls of the factories, in the order of their arrival."""
        with self._lock:
            return list(self._requests)

    def count(self, method: str, end: str = "") -> int:
        """How many of the last calls were of that method, with a path that ends so."""
        return sum(request.method == method and request.path.endswith(end) for request in self.requests)

    def throttle(self, requests: int, retry_after: int, on: str = "") -> None:
        """Let so many of the next requests be too many: 429 with that Retry-After in seconds."""
        self.fail(requests, 429, retry_after, on=on)

    def fail(
        self, requests: int, status: int, retry_after: int | None = None, *, after_acting: bool = False, on: str = ""
    ) -> None:
        """Answer so many of the next requests with that status.

        Args:
            after_acting: whether what is asked for is done before it is answered so.
            on: only requests whose path ends so are meant.
        """
        with self._lock:
            self._faults.extend([Fault(status, retry_after, after_acting, on)] * requests)

    def hide_new_runs(self, requests: int) -> None:
        """Let every run made from now on be unknown to the next so many requests that would show it; 0 ends that."""
        with self._lock:
            self._hide_for = requests

    def fail_copies(self, copies: int, error: CopyError) -> None:
        """Let the next so many copies fail for that reason."""
        with self._lock:
            self._copy_errors.extend([error] * copies)

    def note(self, request: FactoryRequest) -> Fault | None:
        """Keep a request in the log; returns what goes wrong with it, or None where it may pass."""
        with self._lock:
            self._requests.append(request)
            fault = next((fault for fault in self._faults if request.path.endswith(fault.on)), None)
            if fault:
                self._faults.remove(fault)
            return fault

    def note_run(self, run_id: str) -> None:
        """Take note of a run that was made."""
        with self._lock:
            if self._hide_for:
                self._hidden[run_id] = self._hide_for

    def hides(self, run_id: str) -> bool:
        """Whether a request that would show the run is answered as if there were none."""
        with self._lock:
            left = self._hidden.get(run_id, 0)
            self._hidden[run_id] = max(0, left - 1)
            return left > 0

    def copy_error(self) -> CopyError | None:
        """Why the copy that is about to work fails, or None where it may work."""
        with self._lock:
            return self._copy_errors.popleft() if self._copy_errors else None
