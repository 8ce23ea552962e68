"""Cron schedules: checking them, and writing them in words.

What belongs here: both. What runs at these times belongs to `extraction/schedules.py`.
"""

from __future__ import annotations

from functools import cache

import dagster as dg
from cron_descriptor import FormatError, Options, get_description

ENGLISH = Options(use_24hour_time_format=True, locale_code="en_US")


def cron_schedule(text: str) -> str:
    """Checks a cron schedule.

    Raises:
        ValueError: the text is not one, or one that cannot be written in words.
    """
    try:
        dg.ScheduleDefinition(name="probe", job_name="probe", cron_schedule=text)
        in_words(text)
    except (dg.DagsterInvalidDefinitionError, FormatError):
        raise ValueError(f"{text!r} is no cron schedule of five fields, as 30 3 * * *") from None
    return " ".join(text.split())


@cache
def in_words(cron: str) -> str:
    """Writes a cron schedule in words: "At 04:00, only on Monday"; equal schedules give equal words."""
    return get_description(cron, ENGLISH)
