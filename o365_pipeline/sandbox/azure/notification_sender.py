"""Sends Azure's notifications to a vendor's endpoint, and repeats them where that may help.

What belongs here: sending. The content and the moment belong to `installation.py`. Source: Microsoft, Azure managed
applications with notifications; Azure repeats for ten hours, the sandbox for some seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx2
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from o365_pipeline.errors import O365PipelineError

PAUSES = (0.5, 1.0, 2.0, 4.0)
ANSWER_SECONDS = 30.0


class NotificationSender:
    """Sends notifications to one endpoint.

    Args:
        endpoint: its address with the signature, as the definition has it: https://host/path?sig=...
        app: the application that answers there, in this process; without it the address is called.
    """

    def __init__(
        self,
        endpoint: str,
        app: ASGIApp | None = None,
        *,
        pauses: Sequence[float] = PAUSES,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        parts = urlsplit(endpoint)
        resource = parts._replace(path=f"{parts.path.rstrip('/')}/resource")
        self._url, self._shown = resource.geturl(), resource._replace(query="").geturl()
        self._app = app
        self._pauses = pauses
        self._sleep = sleep
        self._dropped: list[str] = []

    def send(self, notification: Mapping[str, Any]) -> bool:
        """Sends a notification, and repeats it after 429, 5xx or no answer; False if it was dropped."""
        for pause in (*self._pauses, None):
            status = self._answer(notification)
            if status == 200:
                return True
            if pause is None or not (status is None or status == 429 or status >= 500):
                break
            self._sleep(pause)
        told = f"{notification['eventType']} {notification['provisioningState']}"
        self._dropped.append(f"{told} ({f'answered {status}' if status else 'no answer'})")
        return False

    def check(self) -> None:
        """Checks that all notifications were accepted.

        Raises:
            O365PipelineError: some were dropped; the message names them, without the signature.
        """
        if self._dropped:
            raise O365PipelineError(f"the vendor's endpoint {self._shown} did not take {', '.join(self._dropped)}")

    def _answer(self, notification: Mapping[str, Any]) -> int | None:
        """Returns the status that the endpoint answers; None if it does not answer."""
        client: httpx2.Client = (
            TestClient(self._app, raise_server_exceptions=False) if self._app else httpx2.Client(timeout=ANSWER_SECONDS)
        )
        try:
            return client.post(self._url, json=notification).status_code
        except httpx2.TransportError:
            return None
        finally:
            client.close()
