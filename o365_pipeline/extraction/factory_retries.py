"""How often and how long calls to a factory are repeated.

What belongs here: the one retry policy of the management client. `submission.py` ensures that a run is not created
twice.
"""

from __future__ import annotations

import time
from typing import Any

from azure.core.exceptions import HttpResponseError, ServiceRequestError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import RetryPolicy

REPEATS = 4
BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS = 0.8, 20
LOOK_SECONDS, DEPLOY_SECONDS = 20.0, 300.0
"""The longest time for reading, and for deploying, with all repeats: a sensor's tick has one minute for all
factories.
"""


class FactoryRetryPolicy(RetryPolicy[Any, Any]):
    """Repeats calls as azure-core does, with Retry-After; but a pause longer than the call's time limit ends the call.

    Until such a pause is over, further calls fail at once and without a request.
    """

    def __init__(self) -> None:
        super().__init__(
            retry_total=REPEATS,
            retry_status=REPEATS,
            retry_backoff_factor=BACKOFF_SECONDS,
            retry_backoff_max=LONGEST_BACKOFF_SECONDS,
            timeout=DEPLOY_SECONDS,
        )
        self._quiet_until = 0.0

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        left = self._quiet_until - time.monotonic()
        if left > 0:
            raise ServiceRequestError(f"Data Factory asked for a pause, of which {left:.0f} s are left")
        return super().send(request)

    def is_retry(self, settings: dict[str, Any], response: PipelineResponse[Any, Any]) -> bool:
        pause = self.get_retry_after(response) or 0.0
        if response.http_response.status_code >= 400 and pause > settings["timeout"]:
            self._quiet_until = time.monotonic() + pause
            return False
        return bool(super().is_retry(settings, response))


def repeatable() -> dict[str, Any]:
    """Returns the options of a call that may always be repeated, even if it is a POST, because it only reads or
    cancels.
    """
    return {"timeout": LOOK_SECONDS, "retry_on_methods": frozenset({"GET", "POST"})}


def requested_pause(error: HttpResponseError) -> float | None:
    """Returns the pause in seconds that the answer asks for, or None."""
    headers = getattr(error.response, "headers", {})
    after = headers.get("Retry-After")
    return FactoryRetryPolicy().parse_retry_after(after) if after else None
