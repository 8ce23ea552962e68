"""A channel sends to any service that has a URL, and keeps the URL, which holds a secret, to itself."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pydantic import SecretStr

from o365_pipeline.deployment import load
from o365_pipeline.errors import NewsError, SettingsError
from o365_pipeline.news.channels import NOT_A_URL, Message, UrlChannel, UrlChannels, urls_in

SECRET = "T0K3N-of-the-channel"


class Receiver:
    """A server that keeps what is posted to it, and answers as it is told."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.status = 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.status == 200:
                    receiver.received.append(json.loads(body))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.server.server_port}/{SECRET}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield receiver
    receiver.server.shutdown()
    thread.join()
    receiver.server.server_close()


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What reaches the log of a process that logs everything; pytest's own handlers also hear what goes no further."""
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    monkeypatch.setattr(logging.root, "handlers", [Kept()])
    monkeypatch.setattr(logging.root, "level", logging.DEBUG)
    return lines


def test_a_message_arrives_and_a_refusal_is_told_without_the_url(receiver: Receiver, logged: list[str]) -> None:
    channel = UrlChannel(1, SecretStr(receiver.url))

    channel.send(Message("a title", "one line\n*another* _line_"))
    receiver.status = 503
    with pytest.raises(NewsError, match=r"^channel 1 json: the service answered with status 503$"):
        channel.send(Message("a title", "text"))
    receiver.server.socket.close()
    unreachable = UrlChannel(2, SecretStr(f"json://127.0.0.1:9/{SECRET}"))
    with pytest.raises(NewsError, match=r"^channel 2 json: the service cannot be reached or refused$"):
        unreachable.send(Message("a title", "text"))

    [received] = receiver.received
    assert (received["title"], received["message"]) == ("a title", "one line\n*another* _line_")
    assert SECRET not in str(logged)


def test_a_url_of_no_service_is_found_without_sending_and_told_without_the_url(
    logged: list[str],
) -> None:
    with pytest.raises(NewsError, match=r"^channel 3 nosuch: no service has such a URL") as refused:
        UrlChannel(3, SecretStr(f"nosuch://{SECRET}")).check()

    UrlChannel(1, SecretStr("slack://TokenA1B2/TokenC3D4E/abcdefghijklmnopqrstuvwx/#news")).check()

    assert SECRET not in str(refused.value) + str(logged)


def test_what_a_services_module_raises_is_told_by_its_kind_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def raised(*_: object, **__: object) -> None:
        raise ValueError(SECRET)

    monkeypatch.setattr("apprise.Apprise.notify", raised)

    with pytest.raises(NewsError, match=r"^channel 1 json: the service's module failed \(ValueError\)$") as refused:
        UrlChannel(1, SecretStr(f"json://host/{SECRET}")).send(Message("a title", "text"))
    assert refused.value.__suppress_context__


def test_urls_stand_in_lines_or_between_spaces() -> None:
    text = f"# the team\n  json://a/{SECRET}  slack://b/#news\n\nmailto://user:pw@host\n"

    channels = UrlChannels(urls_in(text))

    assert [channel.name for channel in channels] == ["1 json", "2 slack", "3 mailto"]
    assert SECRET not in repr(channels)


@pytest.mark.parametrize(
    "text",
    ["json://a, slack://b", "json://a,slack://b", "json://a;slack://b", "json://a ; slack://b", f"{'a' * 99}://b"],
)
def test_commas_between_urls_and_endless_kinds_are_refused(text: str) -> None:
    with pytest.raises(NewsError, match=r"^URL \d: "):
        urls_in(text)


def test_settings_name_the_place_of_what_is_no_url_and_repeat_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "news").write_text(f"json://host/{SECRET}\n{SECRET}\n")
    told = []
    for name, value in (("URLS", f"json://host/a {SECRET}"), ("FILE", str(tmp_path / "news")), ("FILE", "/missing")):
        with monkeypatch.context() as environment:
            environment.setenv(f"O365_NEWS_{name}", value)
            with pytest.raises(SettingsError) as refused:
                load(home=tmp_path)
        told.append(str(refused.value))

    assert told[0] == f"O365_NEWS_URLS: URL 2: {NOT_A_URL}"
    assert told[1] == f"O365_NEWS_FILE={tmp_path / 'news'}: URL 2: {NOT_A_URL}"
    assert told[2] == "O365_NEWS_FILE=/missing: No such file or directory"
    with pytest.raises(SettingsError, match="O365_NEWS_FILE: O365_NEWS_URLS names channels too"):
        load(home=tmp_path, news_urls="json://host", news_file=tmp_path / "news")


def test_a_deployment_has_the_channels_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "news").write_text(f"json://host/{SECRET}\n")

    deployment = load(home=tmp_path, news_file=tmp_path / "news", news_per_hour=5)

    assert [channel.name for channel in deployment.channels] == ["1 json"]
    assert deployment.channels.per_hour == 5
    assert SECRET not in repr(deployment)
