"""A web server answers whoever asks, whatever others do with their connections."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from o365_pipeline.web import bounded_connections
from o365_pipeline.web.server import listening, serving

HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(bounded_connections, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(bounded_connections, "MAX_CONNECTIONS", 20)

    async def answer(_: Request) -> Response:
        return PlainTextResponse("well")

    app = Starlette(routes=[Route("/", answer, methods=["GET", "POST"])])
    with listening("127.0.0.1", 0) as listener, serving(app, "127.0.0.1", listener) as found:
        yield found


def connected(address: str, begun: bytes) -> socket.socket:
    """A connection that has sent so much, and nothing more."""
    host, port = address.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=10)
    connection.sendall(begun)
    return connection


def is_ended(connection: socket.socket) -> bool:
    """Whether the server has ended the connection; waits until it has."""
    try:
        while connection.recv(1_000):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize(
    "begun",
    [b"", b"GET", HEAD, HEAD + b"X-Slow: ", HEAD + b"\r\n" + HEAD, b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nslow"],
    ids=["nothing", "a word", "no end", "half a header", "a second request", "a body that nobody reads"],
)
def test_a_head_that_does_not_end_ends_the_connection(begun: bytes, address: str) -> None:
    with connected(address, begun) as connection:
        assert is_ended(connection)


def test_a_head_that_comes_drop_by_drop_ends_the_connection(address: str) -> None:
    began = time.monotonic()
    with connected(address, HEAD) as connection, suppress(OSError):
        while time.monotonic() - began < 10:
            connection.sendall(b"X-Slow: 1\r\n")
            time.sleep(0.02)
    assert time.monotonic() - began < 5


def test_while_others_hold_all_connections_a_request_is_answered(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_connections, "HEAD_SECONDS", 60)
    held = [connected(address, HEAD) for _ in range(60)]

    try:
        statuses = [httpx2.get(address, timeout=10).status_code for _ in range(3)]
        assert is_ended(held[0])
    finally:
        for connection in held:
            connection.close()
    assert statuses == [200] * 3


def test_a_connection_serves_one_request_after_the_other(address: str) -> None:
    with httpx2.Client(base_url=address) as client:
        for _ in range(3):
            assert client.get("/").text == "well"
