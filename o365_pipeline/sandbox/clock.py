"""Time in the sandbox: a clock that tests can set, and moments as the services write them.

What belongs here: reading and writing moments. When a run changes its status belongs to `factory_runs.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

Clock = Callable[[], dt.datetime]


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def stamp(moment: dt.datetime) -> str:
    """Writes a moment as it is stored and answered; all stamps have the same length, so they sort as moments do."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(text: str) -> dt.datetime:
    """Reads a moment from an ISO text; without an offset, it is UTC.

    Raises:
        ValueError: the text is not a moment.
    """
    parsed = dt.datetime.fromisoformat(text)
    return parsed.replace(tzinfo=dt.UTC) if parsed.tzinfo is None else parsed.astimezone(dt.UTC)
