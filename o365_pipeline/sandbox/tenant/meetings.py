"""Synthetic meetings: single ones, weekly series, and days off, with their attendees and responses.

What belongs here: which meetings take place. How one looks in a calendar belongs to `calendar_rows.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from o365_pipeline.sandbox.tenant.organization import Organization, Person
from o365_pipeline.sandbox.tenant.row_format import Address, share

HORIZON_DAYS = 21
"""A single meeting starts at most this many days after it was created."""

SERIES_WEEKS = (6, 10, 16, 26)
LONGEST_SERIES_DAYS = (max(SERIES_WEEKS) + 1) * 7
SINGLES_PER_DAY = 0.4
TEAM_SERIES_PER_DAY = 0.02
DAY_OFF_PER_DAY = 0.02
DURATIONS = (25, 30, 30, 45, 55, 60, 60, 90)
SUBJECTS = (
    "Planning",
    "One to one",
    "Review",
    "Customer call",
    "Workshop",
    "Status",
    "Interview",
    "Handover",
    "Budget",
)
ROOMS = ("Aspen", "Birch", "Cedar", "Elm", "Linden", "Rowan")


@dataclass(slots=True, eq=False)
class Meeting:
    """What an organizer put into calendars: a single meeting, or a number of weekly ones."""

    key: str
    organizer: Person
    attendees: list[Person]
    outside: list[Address]
    created: dt.datetime
    day: dt.date
    starts: int
    minutes: int
    subject: str
    occurrences: int = 1
    is_all_day: bool = False
    is_cancelled: bool = False
    is_online: bool = True

    @property
    def holders(self) -> list[Person]:
        """The people whose calendars have it."""
        return [self.organizer, *self.attendees]

    @property
    def is_series(self) -> bool:
        return self.occurrences > 1

    def start(self, number: int = 0) -> dt.datetime:
        """When occurrence `number` starts; a series keeps the organizer's local time through the year."""
        day = self.day + dt.timedelta(weeks=number)
        if self.is_all_day:
            return dt.datetime.combine(day, dt.time(), dt.UTC)
        return self.organizer.utc(day, self.starts)

    def end(self, number: int = 0) -> dt.datetime:
        return self.start(number) + dt.timedelta(minutes=self.minutes)

    def cancelled(self, number: int = 0) -> bool:
        """Whether the meeting, or that occurrence of the series, was cancelled."""
        return self.is_cancelled or (self.is_series and share(self.key, str(number), "cancelled") < 0.04)

    def response(self, person: Address) -> str:
        """An attendee's response."""
        chance = share(self.key, person.mail, "response")
        return (
            "accepted"
            if chance < 0.68
            else "tentativelyAccepted"
            if chance < 0.78
            else "declined"
            if chance < 0.86
            else "none"
        )

    def responded_at(self, person: Address) -> dt.datetime:
        return self.created + dt.timedelta(seconds=60 + int(share(self.key, person.mail, "when") * 100_000))


def single_meetings(organization: Organization, created: list[dt.date]) -> Iterator[Meeting]:
    """Returns the meetings and days off that were put into calendars on those days."""
    for day in created:
        if day.weekday() >= 5:
            continue
        for person in organization.active:
            random = organization.random("meeting", day, person.number)
            if random.random() < SINGLES_PER_DAY * min(person.activity, 2):
                attendees = organization.colleagues(person, random, random.choice((1, 1, 1, 2, 3, 4, 6)))
                yield Meeting(
                    key=f"{organization.seed}|meeting|{day}|{person.number}",
                    organizer=person,
                    attendees=attendees,
                    outside=[random.choice(organization.outsiders)] if random.random() < 0.12 else [],
                    created=person.working_moment(day, random).replace(microsecond=0),
                    day=_workday(day + dt.timedelta(days=min(1 + int(random.expovariate(1 / 4)), HORIZON_DAYS - 3))),
                    starts=_slot(person, random.random()),
                    minutes=random.choice(DURATIONS),
                    subject=random.choice(SUBJECTS),
                    is_cancelled=random.random() < 0.05,
                    is_online=random.random() < 0.7,
                )
            if random.random() < DAY_OFF_PER_DAY:
                yield Meeting(
                    key=f"{organization.seed}|day off|{day}|{person.number}",
                    organizer=person,
                    attendees=[],
                    outside=[],
                    created=person.working_moment(day, random).replace(microsecond=0),
                    day=_workday(day + dt.timedelta(days=random.randrange(1, HORIZON_DAYS - 3))),
                    starts=0,
                    minutes=24 * 60 * random.choice((1, 1, 2, 5)),
                    subject="Out of office",
                    is_all_day=True,
                    is_online=False,
                )


def series(organization: Organization, created: list[dt.date]) -> Iterator[Meeting]:
    """Returns the weekly series that managers set up for their teams on those days."""
    for day in created:
        if day.weekday() >= 5:
            continue
        random = organization.random("series", day)
        for number, team in organization.teams.items():
            manager = organization.people[number]
            if not manager.has_mailbox or random.random() >= TEAM_SERIES_PER_DAY:
                continue
            yield Meeting(
                key=f"{organization.seed}|series|{day}|{number}",
                organizer=manager,
                attendees=list(team) if random.random() < 0.6 else [random.choice(team)],
                outside=[],
                created=manager.working_moment(day, random).replace(microsecond=0),
                day=_workday(day + dt.timedelta(days=random.randrange(1, 7))),
                starts=_slot(manager, random.random()),
                minutes=random.choice(DURATIONS),
                subject=f"Weekly {random.choice(SUBJECTS).lower()}",
                occurrences=random.choice(SERIES_WEEKS),
            )


def _workday(day: dt.date) -> dt.date:
    """Returns that day, or the Monday after it."""
    return day + dt.timedelta(days=max(0, 7 - day.weekday()) if day.weekday() >= 5 else 0)


def _slot(person: Person, chance: float) -> int:
    """Returns a half hour of the person's working hours, as minutes after midnight."""
    first = -(-person.starts // 30)
    return 30 * (first + int(chance * ((person.ends - 60) // 30 - first)))
