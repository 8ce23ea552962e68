"""What reaches a server of ours from pages of other sites: a link alone; and no request is too long or too slow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Message, Scope

from o365_pipeline.web import browser_guard
from o365_pipeline.web.browser_guard import HEADERS, LOCAL_NAMES, BrowserGuard
from o365_pipeline.web.server import listening, serving

PAGE = "http://127.0.0.1:3001"


async def answer(request: Request) -> Response:
    form = await request.form()
    return PlainTextResponse(f"well {len(form)}")


def application() -> Starlette:
    return Starlette(routes=[Route("/", answer, methods=["GET", "POST"])])


def client(bound: str = "127.0.0.1", **guarded: Any) -> TestClient:
    return TestClient(BrowserGuard(application(), bound, **guarded), base_url=PAGE)


@pytest.fixture
def served() -> Iterator[str]:
    with listening("127.0.0.1", 0) as listener, serving(application(), "127.0.0.1", listener) as address:
        yield address


def status(asked: TestClient, host: str) -> int:
    return asked.get("/", headers={"Host": host}).status_code


@pytest.mark.parametrize(
    ("bound", "names", "host"),
    [
        ("127.0.0.1", (), "127.0.0.1:3001"),
        ("127.0.0.1", (), "localhost:3001"),
        ("127.0.0.1", (), "LocalHost"),
        ("::1", (), "[::1]:3001"),
        ("Workstation.contoso.example", (), "workstation.contoso.example:80"),
        ("10.1.2.3", (), "10.1.2.3"),
        ("0.0.0.0", (), "10.1.2.3:3001"),
        ("::", (), "[2001:db8::1]:3001"),
        ("0.0.0.0", ("O365.fabrikam.example",), "o365.fabrikam.example"),
    ],
)
def test_a_server_answers_to_its_own_names(bound: str, names: tuple[str, ...], host: str) -> None:
    assert status(client(bound, names=names), host) == 200


REBOUND = (
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example:3001",
    "evil.example#127.0.0.1",
    "localhost@evil.example",
    "127.0.0.1:3001/evil.example",
    "10.1.2.3",
    "[::1",
    "0x7f000001.example",
    "",
)


@pytest.mark.parametrize("host", REBOUND)
def test_a_name_that_was_made_to_lead_here_is_refused(host: str) -> None:
    assert status(client(), host) == 421


@pytest.mark.parametrize("bound", ["127.0.0.1", "0.0.0.0", "::", "workstation"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_rebinding_decides_nothing_whatever_the_browser_says(bound: str, method: str) -> None:
    rebound = {"Host": "evil.example:3001", "Origin": "http://evil.example:3001", "Sec-Fetch-Site": "same-origin"}
    assert client(bound).request(method, "/", headers=rebound).status_code == 421


def test_an_endpoint_that_only_a_secret_opens_may_answer_to_any_name_but_not_to_other_sites() -> None:
    endpoint = client("0.0.0.0", names=None)

    assert status(endpoint, "gateway.example") == 200
    assert endpoint.post("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_two_hosts_are_none() -> None:
    assert client().get("/", headers=[("Host", "127.0.0.1"), ("Host", "evil.example")]).status_code == 421


PIECES = st.sampled_from(
    ["localhost", "127.0.0.1", "[::1]", "::1", "evil.example", ":3001", ".", ":", "@", "/", "#", "["]
)


@given(st.lists(PIECES, max_size=4).map("".join))
def test_whatever_passes_names_this_machine(host: str) -> None:
    scope = {"type": "http", "method": "GET", "headers": [(b"host", host.encode())]}

    if BrowserGuard(application(), "127.0.0.1")._refusal(Request(scope)) is None:
        found = urlsplit(f"//{host}")
        assert (found.hostname in LOCAL_NAMES, found.username, found.path, found.fragment) == (True, None, "", "")


ELSEWHERE: tuple[dict[str, str], ...] = (
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://["},
    {"Origin": "http://127.0.0.1:3002"},
    {"Origin": PAGE, "Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
)
LINK = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("headers", ELSEWHERE)
def test_what_another_sites_page_sends_is_refused(method: str, headers: dict[str, str]) -> None:
    refused = client().request(method, "/", headers=headers)

    assert (refused.status_code, "another site" in refused.text) == (403, True)


def test_another_sites_link_leads_here_and_its_form_does_not() -> None:
    assert client().get("/", headers=LINK).status_code == 200
    assert client().post("/", headers=LINK).status_code == 403


@pytest.mark.parametrize("headers", [{}, {"Origin": PAGE, "Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}])
def test_own_pages_and_clients_that_are_no_browsers_are_answered(headers: dict[str, str]) -> None:
    assert client().post("/", headers=headers).status_code == 200


def test_every_answer_tells_browsers_to_keep_and_embed_nothing() -> None:
    one = client(max_bytes=10)
    answers = [
        one.get("/"),
        one.get("/nowhere"),
        one.get("/", headers={"Host": "evil.example"}),
        one.post("/", headers={"Sec-Fetch-Site": "cross-site"}),
        one.post("/", data={"field": "x" * 20}),
    ]

    assert [found.status_code for found in answers] == [200, 404, 421, 403, 413]
    for found in answers:
        assert HEADERS.items() <= {name: found.headers.get(name) for name in HEADERS}.items()
        assert "set-cookie" not in found.headers


def chunks() -> Iterator[bytes]:
    yield from (b"x" * 8 for _ in range(4))


@pytest.mark.parametrize(("content", "expected"), [(b"x" * 20, 200), (b"x" * 21, 413), (chunks, 413)])
def test_a_body_that_is_too_long_is_not_read(content: bytes | Callable[[], Iterator[bytes]], expected: int) -> None:
    sent = content if isinstance(content, bytes) else content()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}

    assert client(max_bytes=20).post("/", content=sent, headers=kind).status_code == expected


def test_a_body_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser_guard, "BODY_SECONDS", 0.01)
    scope: Scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/x-www-form-urlencoded")],
    }
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.sleep(60)
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(BrowserGuard(application(), "127.0.0.1")(scope, receive, send))

    assert sent[0]["status"] == 408


def test_whatever_is_served_is_guarded(served: str) -> None:
    with httpx2.Client(base_url=served) as asked:
        assert asked.get("/").status_code == 200
        assert asked.get("/", headers={"Host": "evil.example"}).status_code == 421
        assert asked.post("/", headers={"Origin": "https://evil.example"}).status_code == 403
        assert asked.post("/", data={"x": "y" * browser_guard.MAX_BYTES}).status_code == 413


def test_nothing_is_served_but_through_the_guard() -> None:
    modules = Path(browser_guard.__file__).parents[1].rglob("*.py")

    assert [path.name for path in modules if "uvicorn.Config(" in path.read_text(encoding="utf-8")] == ["server.py"]
