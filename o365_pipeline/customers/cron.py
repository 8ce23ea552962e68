"""Cron schedules: how customers' files write them, and how people read them.

What belongs here: the check of one, and its words. What happens at these times is `extraction/schedules.py`'s.
"""

from __future__ import annotations

from functools import cache

import dagster as dg
from cron_descriptor import FormatError, Options, get_description

ENGLISH = Options(use_24hour_time_format=True, locale_code="en_US")


def cron_schedule(text: str) -> str:
    """A cron schedule.

    Raises:
        ValueError: the text is none, or none that can be said in words.
    """
    try:
        dg.ScheduleDefinition(name="probe", job_name="probe", cron_schedule=text)
        in_words(text)
    except (dg.DagsterInvalidDefinitionError, FormatError):
        raise ValueError(f"{text!r} is no cron schedule of five fields, as 30 3 * * *") from None
    return " ".join(text.split())


@cache
def in_words(cron: str) -> str:
    """A cron schedule in words: "At 04:00, only on Monday"; what means the same reads the same."""
    return get_description(cron, ENGLISH)
