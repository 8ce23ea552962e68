"""How the sandbox notifies a vendor: where, how often, and what is told when it is in vain."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from o365_pipeline.errors import O365PipelineError
from o365_pipeline.sandbox.azure.notification_sender import PAUSES, NotificationSender

NOTIFICATION = {"eventType": "PUT", "provisioningState": "Succeeded", "applicationId": "/subscriptions/s"}


class Endpoint:
    """A vendor's endpoint that answers with the given statuses, then with 200; a zero stands for an exception."""

    def __init__(self, *statuses: int) -> None:
        self._statuses = list(statuses)
        self.requests: list[tuple[str, str, Any]] = []
        self.pauses: list[float] = []
        app = Starlette(routes=[Route("/{path:path}", self._answer, methods=["POST"])])
        self.sender = NotificationSender(
            "https://vendor.example/notifications?sig=canary", app, sleep=self.pauses.append
        )

    async def _answer(self, request: Request) -> Response:
        self.requests.append((request.url.path, request.url.query, await request.json()))
        status = self._statuses.pop(0) if self._statuses else 200
        if not status:
            raise RuntimeError("the vendor's own bug")
        return Response(status_code=status)


def test_a_notification_is_posted_below_the_endpoint_with_its_signature() -> None:
    endpoint = Endpoint()

    assert endpoint.sender.send(NOTIFICATION)

    assert endpoint.requests == [("/notifications/resource", "sig=canary", NOTIFICATION)]
    endpoint.sender.check()


def test_a_busy_or_broken_endpoint_is_asked_again_after_growing_pauses() -> None:
    endpoint = Endpoint(429, 503, 0)

    assert endpoint.sender.send(NOTIFICATION)

    assert len(endpoint.requests) == 4
    assert endpoint.pauses == list(PAUSES[:3])


def test_a_notification_that_is_never_taken_is_dropped_and_told_without_the_signature() -> None:
    endpoint = Endpoint(*[503] * 9)

    assert not endpoint.sender.send(NOTIFICATION)

    assert len(endpoint.requests) == len(PAUSES) + 1
    with pytest.raises(O365PipelineError, match=r"/notifications/resource did not take PUT Succeeded .*503") as error:
        endpoint.sender.check()
    assert "canary" not in str(error.value)


@pytest.mark.parametrize("status", [401, 404, 202])
def test_what_a_repeat_cannot_cure_is_not_repeated(status: int) -> None:
    endpoint = Endpoint(status)

    assert not endpoint.sender.send(NOTIFICATION)

    assert len(endpoint.requests) == 1


def test_an_address_where_nothing_answers_is_tried_again_then_told() -> None:
    pauses: list[float] = []
    sender = NotificationSender("http://127.0.0.1:9/notifications?sig=canary", sleep=pauses.append)

    assert not sender.send(NOTIFICATION)

    assert pauses == list(PAUSES)
    with pytest.raises(O365PipelineError, match="no answer"):
        sender.check()
