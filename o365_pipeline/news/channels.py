"""The channels that news is sent to: one URL each, of any service that the library apprise knows.

What belongs here: sending one message, and saying whether a URL is one. The URLs hold tokens and passwords: neither
they nor what the library says of them is logged or repeated. What is sent, and when, belongs to `delivery.py`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pydantic import SecretStr

from o365_pipeline.errors import NewsError

if TYPE_CHECKING:
    from apprise import Apprise

SENDING_SECONDS = 10.0
"""How long one message may take to one channel."""

SENDER = "o365-pipeline"
SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9.+-]{0,40})://.+")
STATUS = re.compile(r"error=(\d{3})\b")
"""What the library writes where a service answered with an HTTP status; all else that it writes may hold a secret."""

SEPARATED = re.compile(r"[,;]($|[A-Za-z][A-Za-z0-9.+-]*://)")
"""What separates URLs elsewhere, and would be taken for a part of one."""

NOT_A_URL = "a URL such as json://host/path is needed, and a space or a new line before the next"
UNKNOWN = "no service has such a URL: docs/news.md names examples"


@dataclass(frozen=True)
class Message:
    """One message to one channel."""

    title: str
    body: str


class Channel(Protocol):
    """Somewhere that a message can be sent to."""

    @property
    def name(self) -> str: ...

    def check(self) -> None:
        """Checks that it can be sent to; nothing is sent.

        Raises:
            NewsError: no service has such a URL.
        """

    def send(self, message: Message) -> None:
        """Sends a message.

        Raises:
            NewsError: it was not sent; the message repeats nothing of the channel's URL.
        """


class Channels(Protocol):
    """All channels, in their order."""

    def __iter__(self) -> Iterator[Channel]: ...

    def __len__(self) -> int: ...

    @property
    def per_hour(self) -> int:
        """How many messages a channel gets in an hour at most."""


@dataclass(frozen=True)
class UrlChannel:
    """A channel by its place in the setting, and its URL."""

    place: int
    url: SecretStr

    @property
    def name(self) -> str:
        """The name in messages and in the ledger: 1 slack."""
        return f"{self.place} {scheme(self.url.get_secret_value()) or 'unknown'}"

    def check(self) -> None:
        """Checks that a service has such a URL; nothing is sent.

        Raises:
            NewsError: none has.
        """
        self._opened()

    def send(self, message: Message) -> None:
        """Sends a message, as plain text.

        Raises:
            NewsError: it was not sent.
        """
        notifier = self._opened()
        try:
            result = notifier.notify(
                title=message.title, body=message.body, body_format="text", timeout=SENDING_SECONDS, log_level=LOGGED
            )
        except Exception as error:
            # Whatever a service's module raises may hold the URL.
            raise NewsError(f"channel {self.name}: the service's module failed ({type(error).__name__})") from None
        if not result:
            statuses = (STATUS.search(entry.message) for entry in result.logs())
            status = next((found.group(1) for found in statuses if found), None)
            why = f"the service answered with status {status}" if status else "the service cannot be reached or refused"
            raise NewsError(f"channel {self.name}: {why}")

    def _opened(self) -> Apprise:
        _keep_quiet()
        # It takes a tenth of a second and all of its services' modules half of one.
        import apprise

        asset = apprise.AppriseAsset(app_id=SENDER, app_desc="", app_url="", storage_mode="memory")
        notifier = apprise.Apprise(asset=asset)
        if not notifier.add(self.url.get_secret_value()) or len(notifier) != 1:
            raise NewsError(f"channel {self.name}: {UNKNOWN}")
        return notifier


@dataclass(frozen=True)
class UrlChannels:
    """The channels that the settings name, and how many messages each gets in an hour at most."""

    urls: tuple[SecretStr, ...] = ()
    per_hour: int = 60

    def __iter__(self) -> Iterator[UrlChannel]:
        return (UrlChannel(place, url) for place, url in enumerate(self.urls, start=1))

    def __len__(self) -> int:
        return len(self.urls)


def scheme(url: str) -> str | None:
    """Returns the kind of a URL, which is no secret: slack; None if it is no URL."""
    found = SCHEME.fullmatch(url)
    return found.group(1).lower() if found else None


def urls_in(text: str) -> tuple[SecretStr, ...]:
    """Returns the URLs in a text, which stand in lines or between spaces; what follows # in the first place is left.

    Raises:
        NewsError: one is no URL; the message says which by its place.
    """
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    urls = [url for line in lines for url in line.split()]
    for place, url in enumerate(urls, start=1):
        if scheme(url) is None or SEPARATED.search(url):
            raise NewsError(f"URL {place}: {NOT_A_URL}")
    return tuple(SecretStr(url) for url in urls)


LOGGED = logging.WARNING
"""What of the library's log a failure is told by."""


def _keep_quiet() -> None:
    """Keeps the URLs, which the libraries log, out of every log of this process."""
    library = logging.getLogger("apprise")
    library.propagate = False
    if not library.handlers:
        library.addHandler(logging.NullHandler())
    connections = logging.getLogger("urllib3")
    connections.setLevel(max(connections.getEffectiveLevel(), logging.ERROR))
