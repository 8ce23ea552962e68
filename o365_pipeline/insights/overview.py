"""How work flows: mails, meetings, chats, focus and what is done after hours, by week and by department.

What belongs here: the questions of the page *Overview*. All of it is made of the mart's views about departments, which
leave out what too few people did. A week's sum is that of the departments that are told of, and no sum of everybody:
what is left out could be told from that.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from o365_pipeline.insights.reader import SHOWN, WEEKS, Reader

GROWTH_WEEKS = 8

PAIR_WEEKS = 4
"""Over how many weeks pairs of departments are summed up: there are more of them than of anything else."""

Told = Any
"""A row of a view."""


@dataclass(frozen=True)
class Work:
    """What people did in a week, or on average in a week; None where it is not told."""

    people: float
    mails_sent: float | None
    meeting_hours: float | None
    chats_sent: float | None
    focus_hours: float | None
    after_hours_share: float | None
    """Of the mails and chat messages sent."""
    after_hours_meeting_hours: float | None
    meeting_hours_per_person: float | None
    focus_hours_per_person: float | None


@dataclass(frozen=True)
class Growth:
    """How a department's share of what it sends after hours has changed from a span of weeks to the next."""

    department: str
    before: float
    now: float


@dataclass(frozen=True)
class Answers:
    """How fast a department answers mail."""

    department: str
    responses: int
    mean_hours: float


@dataclass(frozen=True)
class Pair:
    """How much two departments worked together."""

    department: str
    other: str
    weight: float
    mails: int
    meetings: int
    chats: int


@dataclass(frozen=True)
class Flow:
    weeks: Sequence[tuple[dt.date, Work]]
    departments: Sequence[tuple[str, Work]]
    """A week's average over the weeks."""
    grown: Sequence[Growth]
    growth_weeks: int
    """How many weeks are compared with as many before them; 0 where there are too few."""


def flow(reader: Reader) -> Flow:
    """Returns what departments did, by week and on average, and whose work after hours has grown."""
    told = reader.rows(_since(reader, "department_week", reader.first_week))
    weeks = _by(told, "week_start")
    departments = _by(told, "department")
    grown, growth_weeks = _growth(told, reader.newest_day)
    return Flow(
        [(week, _work(weeks[week])) for week in sorted(weeks)],
        [(name, _work(departments[name], len(departments[name]))) for name in sorted(departments)],
        grown,
        growth_weeks,
    )


def _since(reader: Reader, view: str, week: dt.date) -> sa.Select[Any]:
    return reader.of_view(view).where(sa.column("week_start") >= week)


def _by(rows: Iterable[Told], name: str) -> dict[Any, list[Told]]:
    groups = defaultdict(list)
    for row in rows:
        groups[getattr(row, name)].append(row)
    return groups


def _work(rows: Sequence[Told], weeks: int = 1) -> Work:
    """Sums up rows of departments and weeks; what is null in a row counts neither there nor among its people."""

    def mean(name: str) -> float | None:
        found = [float(getattr(row, name)) for row in rows if getattr(row, name) is not None]
        return sum(found) / weeks if found else None

    def per_person(name: str) -> float | None:
        found = [row for row in rows if getattr(row, name) is not None]
        people = sum(int(row.people) for row in found)
        return sum(float(getattr(row, name)) for row in found) / people if people else None

    return Work(
        people=sum(int(row.people) for row in rows) / weeks,
        mails_sent=mean("mails_sent"),
        meeting_hours=mean("meeting_hours"),
        chats_sent=mean("chats_sent"),
        focus_hours=mean("focus_hours"),
        after_hours_share=_after_hours_share(rows),
        after_hours_meeting_hours=mean("after_hours_meeting_hours"),
        meeting_hours_per_person=per_person("meeting_hours"),
        focus_hours_per_person=per_person("focus_hours"),
    )


def _after_hours_share(rows: Iterable[Told]) -> float | None:
    """The share of several rows: each counts by what was sent."""
    found = [row for row in rows if row.after_hours_share is not None]
    sent = [int(row.mails_sent + row.chats_sent) for row in found]
    late = sum(float(row.after_hours_share) * number for row, number in zip(found, sent, strict=True))
    return late / sum(sent) if any(sent) else None


def _growth(rows: Iterable[Told], newest_day: dt.date | None) -> tuple[list[Growth], int]:
    """Compares the last weeks with as many before them, of at most eight whole weeks; the largest growth first."""
    whole = [row for row in rows if newest_day and row.week_start + dt.timedelta(days=6) <= newest_day]
    weeks = sorted({row.week_start for row in whole})[-GROWTH_WEEKS:]
    half = len(weeks) // 2
    if not half:
        return [], 0
    earlier, later = set(weeks[-2 * half : -half]), set(weeks[-half:])
    found = []
    for department, own in _by(whole, "department").items():
        before = _after_hours_share(row for row in own if row.week_start in earlier)
        now = _after_hours_share(row for row in own if row.week_start in later)
        if before is not None and now is not None and now > before:
            found.append(Growth(department, before, now))
    return sorted(found, key=lambda one: (one.before - one.now, one.department)), half


def answers(reader: Reader) -> list[Answers]:
    """Returns how fast departments answer mail."""
    found = []
    for department, own in sorted(
        _by(reader.rows(_since(reader, "response_week", reader.first_week)), "department").items()
    ):
        told = [(row.responses, row.response_minutes) for row in own]
        both = [(int(count), int(minutes)) for count, minutes in told if count is not None and minutes is not None]
        responses, minutes = (sum(numbers) for numbers in zip(*both, strict=True)) if both else (0, 0)
        if responses:
            found.append(Answers(department, responses, minutes / responses / 60))
    return found


def pairs(reader: Reader) -> list[Pair]:
    """Returns the pairs of departments that worked together most in the last weeks, each once."""
    newest = reader.first_week + dt.timedelta(weeks=WEEKS - PAIR_WEEKS)
    rows = reader.rows(_since(reader, "department_collaboration_week", newest))
    found = defaultdict(list)
    for row in rows:
        if row.department <= row.other_department:
            found[row.department, row.other_department].append(row)

    def total(own: Sequence[Told], name: str) -> float:
        return float(sum(getattr(row, name) or 0 for row in own))

    found_pairs = [
        Pair(*key, total(own, "weight"), *(int(total(own, name)) for name in ("mails", "meetings", "chats")))
        for key, own in found.items()
    ]
    return sorted(found_pairs, key=lambda pair: (-pair.weight, pair.department, pair.other))[:SHOWN]
