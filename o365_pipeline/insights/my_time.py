"""What one person did, for that person alone.

What belongs here: the questions of the page *My time*. Whom they are about is who is signed in, and never an address.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from o365_pipeline.insights.reader import Reader
from o365_pipeline.mart.tables import agg_person_day, dim_person

MEASURES = (
    *("mails_sent", "mails_received", "after_hours_mails_sent", "meetings", "meeting_minutes"),
    *("after_hours_meeting_minutes", "chats_sent", "chats_received", "after_hours_chats_sent", "focus_minutes"),
)


NAMES = tuple(dim_person.c[name] for name in ("display_name", "mail", "user_principal_name", "person_id"))
"""What a person may be called by, what is known and best first."""


@dataclass(frozen=True)
class MyWeek:
    week_start: dt.date
    mails_sent: int
    mails_received: int
    after_hours_mails_sent: int
    meetings: int
    meeting_minutes: int
    after_hours_meeting_minutes: int
    chats_sent: int
    chats_received: int
    after_hours_chats_sent: int
    focus_minutes: int | None
    """None where no calendar is known."""


@dataclass(frozen=True)
class Person:
    person_id: str
    name: str
    department: str | None
    job_title: str | None
    time_zone: str | None
    work_starts: int | None
    work_ends: int | None


def my_weeks(reader: Reader, person_id: str) -> Sequence[MyWeek]:
    """Returns what the person did in each week."""
    days = agg_person_day
    query = (
        sa.select(days.c.week_start, *(sa.func.sum(days.c[name]).label(name) for name in MEASURES))
        .where(reader.is_recent(days), days.c.person_id == person_id, days.c.week_start >= reader.first_week)
        .group_by(days.c.week_start)
        .order_by(days.c.week_start)
    )
    return [MyWeek(*row) for row in reader.rows(query)]


def person(reader: Reader, person_id: str) -> Person | None:
    """Returns who somebody is, as of the newest day; None where that day tells of nobody of that id."""
    people = dim_person
    names = ("person_id", "department", "job_title", "time_zone", "work_starts", "work_ends")
    found = reader.first(
        sa.select(*(people.c[name] for name in names), shown_name()).where(
            reader.is_newest(people), people.c.person_id == person_id
        )
    )
    return Person(**found._mapping) if found else None


def shown_name() -> sa.Label[str]:
    """Returns the name that a person is shown by."""
    return sa.func.coalesce(*NAMES).label("name")


def people_to_be(reader: Reader, limit: int) -> list[tuple[str, str]]:
    """Returns ids and names of people, for the sandbox's switch."""
    query = sa.select(dim_person.c.person_id, shown_name()).where(reader.is_newest(dim_person)).order_by("name")
    return [(person_id, name) for person_id, name in reader.rows(query.limit(limit))]
