"""Answers that are kept for a while: one that took long is kept for long, and made anew while the old one is shown.

What belongs here: how long an answer stands. The answers belong to the pages; those about one person are never kept.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

LOG = logging.getLogger("o365_pipeline.insights")

TIMES_ITS_COST = 30
"""An answer stands for so many times as long as it took: whoever looks all the time keeps the mart busy for 3%."""

QUICK_SECONDS = 0.5
"""What took no longer is made anew while the page waits."""

Answer = TypeVar("Answer")


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

    def __init__(self) -> None:
        self._kept: dict[Hashable, _Kept] = {}
        self._locks: defaultdict[Hashable, threading.Lock] = defaultdict(threading.Lock)

    def get(self, key: Hashable, mart: Mart, make: Callable[[], Answer]) -> Answer:
        """Returns an answer, made now or before.

        Args:
            mart: what the mart is like now; where days are gone or groups must be larger, nothing kept is shown.
        """
        kept = self._kept.get(key)
        if kept is None or kept.mart.days > mart.days or kept.mart.group_size != mart.group_size:
            with self._locks[key]:
                if self._kept.get(key) is kept:
                    self._make(key, mart, make)
                return self._kept[key].answer
        is_old = kept.mart != mart or time.monotonic() - kept.made_at > TIMES_ITS_COST * kept.seconds
        if is_old and self._locks[key].acquire(blocking=False):
            if kept.seconds > QUICK_SECONDS:
                threading.Thread(target=self._make_and_release, args=(key, mart, make), daemon=True).start()
            else:
                self._make_and_release(key, mart, make)
                kept = self._kept[key]
        return kept.answer

    def _make_and_release(self, key: Hashable, mart: Mart, make: Callable[[], Any]) -> None:
        try:
            self._make(key, mart, make)
        except Exception as error:
            # The older answer stands until one can be made; what failed may name a row's values.
            LOG.warning("an answer cannot be made anew (%s)", type(error).__name__)
        finally:
            self._locks[key].release()

    def _make(self, key: Hashable, mart: Mart, make: Callable[[], Any]) -> None:
        began = time.monotonic()
        answer = make()
        now = time.monotonic()
        self._kept[key] = _Kept(answer, mart, now, now - began)
