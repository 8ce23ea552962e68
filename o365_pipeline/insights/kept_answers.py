"""Answers that are kept for a while: one that took long is kept for long, and made anew while the old one is shown.

What belongs here: how long an answer stands. The answers belong to the pages; those about one person are never kept.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Any, TypeVar

LOG = logging.getLogger("o365_pipeline.insights")

TIMES_ITS_COST = 30
"""An answer stands for so many times as long as it took: whoever looks all the time keeps the mart busy for 3%."""

MOST_SECONDS = 3600.0
"""An older answer is shown no more: it may tell of somebody who was erased, or is left out, since it was made."""

QUICK_SECONDS = 0.5
"""What took no longer is made anew while the page waits."""

Answer = TypeVar("Answer")
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Mart:
    """What says whether an answer may still be shown."""

    days: int
    """How many days the mart holds: fewer, once something was deleted."""
    newest_day: object
    group_size: int


@dataclass
class _Kept:
    answer: Any
    mart: Mart
    made_at: float
    seconds: float


class KeptAnswers:
    """The answers of one server."""

    def __init__(self, patience_seconds: float) -> None:
        """Keeps nothing yet.

        Args:
            patience_seconds: how long a page waits in all for answers that are being made.
        """
        self._patience_seconds = patience_seconds
        self._kept: dict[Hashable, _Kept] = {}
        self._making: dict[Hashable, Future[None]] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, mart: Mart, make: Callable[[], Answer]) -> Answer | None:
        """Returns an answer, made now or before; None where the first one takes longer than a page waits."""
        return self.get_all(mart, {key: make})[key]

    def get_all(
        self, mart: Mart, made: Mapping[Key, Callable[[], Any]], page_began: float | None = None
    ) -> dict[Key, Any]:
        """Returns several answers, of which those that must be made are made at once.

        Args:
            mart: what the mart is like now; where days are gone or groups must be larger, nothing kept is shown.
            made: how each is made.
            page_began: since when somebody waits for the page; None if since now.
        """
        waited_for = []
        for key, make in made.items():
            kept = self._shown(key, mart)
            if kept is None or kept.mart != mart or time.monotonic() - kept.made_at > TIMES_ITS_COST * kept.seconds:
                making = self._made_anew(key, mart, make)
                if kept is None or kept.seconds < QUICK_SECONDS:
                    waited_for.append((kept, making))
        waited = 0.0 if page_began is None else time.monotonic() - page_began
        done, _ = wait([making for _, making in waited_for], max(0.0, self._patience_seconds - waited))
        for kept, making in waited_for:
            if kept is None and making in done:
                making.result()
        shown = {key: self._shown(key, mart) for key in made}
        return {key: kept.answer if kept else None for key, kept in shown.items()}

    def _shown(self, key: Hashable, mart: Mart) -> _Kept | None:
        kept = self._kept.get(key)
        if kept is None or time.monotonic() - kept.made_at > MOST_SECONDS:
            return None
        return kept if kept.mart.days <= mart.days and kept.mart.group_size == mart.group_size else None

    def _made_anew(self, key: Hashable, mart: Mart, make: Callable[[], Any]) -> Future[None]:
        """Begins to make an answer, unless somebody has begun."""
        with self._lock:
            if key in self._making:
                return self._making[key]
            making = self._making[key] = Future()
        threading.Thread(target=self._make, args=(key, mart, make, making), daemon=True).start()
        return making

    def _make(self, key: Hashable, mart: Mart, make: Callable[[], Any], making: Future[None]) -> None:
        began = time.monotonic()
        try:
            answer = make()
            now = time.monotonic()
            self._kept[key] = _Kept(answer, mart, now, now - began)
        except Exception as error:
            # An older answer stands until one can be made; what failed may name a row's values.
            LOG.warning("an answer cannot be made (%s)", type(error).__name__)
            del self._making[key]
            making.set_exception(error)
        else:
            del self._making[key]
            making.set_result(None)
