"""The web endpoint that receives Azure's notifications of installations: it checks, records, and answers. It also shows
the ReadMe to everybody.

What belongs here: requests and answers. A notification is not trusted here: `confirmation.py` asks Azure first.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hmac
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus

import sqlalchemy as sa
from pydantic import SecretStr, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from o365_pipeline.database.database import Database
from o365_pipeline.errors import DatabaseError, DatabaseUnavailableError
from o365_pipeline.managed_app.installations.notifications import RECORDED_AT_ONCE, Notification, is_of, record
from o365_pipeline.managed_app.offer import Offer
from o365_pipeline.managed_app.package.package import README, build

Clock = Callable[[], dt.datetime]

LOG = logging.getLogger("o365_pipeline.notifications")
MAX_BYTES = 64 * 1024
BODY_SECONDS = 30.0
"""How long a body may take to arrive."""

NOT_KEPT = (DatabaseError, DatabaseUnavailableError, sa.exc.SQLAlchemyError)
"""The database is busy or unreachable; Azure repeats a notification that is answered with 503 for ten hours."""


class RefusedError(Exception):
    """A request that is not recorded."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass
class Keeper:
    """Records notifications, all that wait at the same time in one transaction; each request waits until it is
    committed.
    """

    database: Database
    clock: Clock
    _waiting: list[tuple[Notification, asyncio.Future[bool]]] = field(default_factory=list)
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def keep(self, notification: Notification) -> bool:
        """Records one; True if it was new."""
        kept: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((notification, kept))
        async with self._writing:
            if not kept.done():
                await self._write()
        return await kept

    async def _write(self) -> None:
        batch, self._waiting = self._waiting[:RECORDED_AT_ONCE], self._waiting[RECORDED_AT_ONCE:]
        try:
            new = await run_in_threadpool(
                record, self.database, [notification for notification, _ in batch], self.clock()
            )
        except Exception as error:
            for _, kept in batch:
                kept.set_exception(error)
            return
        for notification, kept in batch:
            kept.set_result(notification.notification_id in new)
            new.discard(notification.notification_id)


def notification_app(database: Database, signature: SecretStr, offer: Offer, clock: Clock) -> Starlette:
    """Builds the endpoint of an offer: POST /resource?sig=..., and GET /readme under any path, and GET /health."""
    keeper = Keeper(database, clock)

    async def resource(request: Request) -> tuple[HTTPStatus, str]:
        _check_signature(request, signature)
        notification = _notification(await _body(request))
        product = notification.plan.product if notification.plan else None
        if not is_of(offer, notification.application_definition_id, product):
            # Azure repeats it for ten hours: by then, a deployment that lags behind may know the offer.
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, f"{notification.what}: of an offer not known here")
        try:
            new = await keeper.keep(notification)
        except NOT_KEPT as error:
            reason = f"{notification.what}: not kept, the database does not take it ({type(error).__name__})"
            raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, reason) from error
        return (
            HTTPStatus.OK,
            f"{notification.what}: {'kept' if new else 'known already'} ({notification.notification_id[:12]})",
        )

    @cache
    def text_to_read() -> str:
        return build(offer).files[README].decode()

    async def read_me(_: Request) -> Response:
        LOG.info("200 the ReadMe")
        return PlainTextResponse(await run_in_threadpool(text_to_read))

    async def health(_: Request) -> tuple[HTTPStatus, str]:
        return HTTPStatus.OK, "well"

    app = Starlette(
        routes=[
            Route("/health", _logged(health), methods=["GET"]),
            Route("/readme", read_me, methods=["GET"]),
            Route("/{prefix:path}/readme", read_me, methods=["GET"]),
            Route("/resource", _logged(resource), methods=["POST"]),
            Route("/{prefix:path}/resource", _logged(resource), methods=["POST"]),
        ],
        exception_handlers={HTTPException: _nothing_here},
    )
    # A redirection would be a request without a line in the log.
    app.router.redirect_slashes = False
    return app


def _logged(
    answer: Callable[[Request], Awaitable[tuple[HTTPStatus, str]]],
) -> Callable[[Request], Awaitable[Response]]:
    """Makes an endpoint that logs every request in one line, without repeating what was sent."""

    async def logged(request: Request) -> Response:
        try:
            status, line = await answer(request)
        except RefusedError as refused:
            status, line = refused.status, str(refused)
        except ClientDisconnect:
            status, line = HTTPStatus.BAD_REQUEST, "the connection ended before the notification did"
        except Exception as error:
            # What nobody thought of is a line without what was sent too; Azure repeats the notification.
            status, line = (
                HTTPStatus.INTERNAL_SERVER_ERROR,
                f"not kept, an error of the endpoint: {type(error).__name__}",
            )
        return _answered(status, line)

    return logged


def _answered(status: HTTPStatus, line: str) -> Response:
    LOG.log(logging.INFO if status == HTTPStatus.OK else logging.WARNING, f"{status.value} {line}")
    return PlainTextResponse(status.phrase, status.value)


def _nothing_here(_: Request, error: Exception) -> Response:
    """Answers everything else that is asked for."""
    assert isinstance(error, HTTPException)
    return _answered(
        HTTPStatus(error.status_code), "neither POST .../resource, GET .../readme nor GET /health was asked for"
    )


def _check_signature(request: Request, signature: SecretStr) -> None:
    given = request.query_params.getlist("sig")
    is_right = hmac.compare_digest("".join(given).encode(), signature.get_secret_value().encode())
    if len(given) != 1 or not is_right:
        raise RefusedError(HTTPStatus.UNAUTHORIZED, "a notification without the signature")


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {MAX_BYTES} bytes were sent")
    except TimeoutError:
        raise RefusedError(HTTPStatus.REQUEST_TIMEOUT, "the notification did not come to its end") from None
    return bytes(body)


def _notification(body: bytes) -> Notification:
    try:
        return Notification.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) if first["type"] != "json_invalid" else ""
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"no notification: {place or 'the body'} is wrong") from None
