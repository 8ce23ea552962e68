"""Teams calls and online meetings that took place: the rows of TeamsCallRecords_v1.

What belongs here: who joined and left when, and the columns. Planned meetings belong to `meetings.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from o365_pipeline.sandbox.tenant.calendar_rows import CALENDAR_COLUMNS, Entry, occurrences
from o365_pipeline.sandbox.tenant.groups import guid
from o365_pipeline.sandbox.tenant.organization import Organization, Person
from o365_pipeline.sandbox.tenant.row_format import Columns, Window, opaque_id, share, utc_text

CALLS_PER_DAY = 0.8
RECORDED_AFTER = dt.timedelta(hours=9)
"""A call has a record this long after its end (Microsoft: TeamsCallRecords_v1)."""

LONGEST = dt.timedelta(hours=10)


@dataclass
class Call:
    """A call that took place, whoever has a record of it."""

    key: str
    organization: Organization
    organizer: Person
    joined: list[tuple[Person, dt.datetime, dt.datetime]]
    """Who was in the call, from when to when; at least one person."""

    meeting: Entry | None = None
    is_missed: bool = False

    @property
    def start(self) -> dt.datetime:
        return min(joined for _, joined, _ in self.joined)

    @property
    def end(self) -> dt.datetime:
        return max(left for _, _, left in self.joined)

    @cached_property
    def id(self) -> str:
        return guid(self.organization, "call", self.key)


@dataclass(slots=True)
class CallRecord:
    """One call in one person's records."""

    call: Call
    holder: Person


def call_records(organization: Organization, window: Window) -> Iterator[CallRecord]:
    """Returns the records made in the window, and some outside it."""
    around = Window(window.start - RECORDED_AFTER - LONGEST, window.end)
    for call in (*_meetings(organization, around), *_calls(organization, around)):
        if call.end + RECORDED_AFTER in window:
            for holder in dict.fromkeys(person for person, _, _ in call.joined):
                yield CallRecord(call, holder)


def _meetings(organization: Organization, window: Window) -> Iterator[Call]:
    """Online meetings that took place; some people come late, leave early, or stay away."""
    for entry in occurrences(organization, window):
        meeting = entry.meeting
        if not entry.is_organizer or not meeting.is_online or meeting.is_all_day or entry.cancelled:
            continue
        start, end = meeting.start(entry.number), meeting.end(entry.number)
        joined = []
        for person in meeting.holders:
            chance = share(entry.key, person.id, "joins")
            if person is meeting.organizer or (meeting.response(person.address) != "declined" and chance < 0.9):
                late, early = int(chance * 240), int(share(entry.key, person.id, "leaves") * 300)
                joined.append((person, start + dt.timedelta(seconds=late), end - dt.timedelta(seconds=early)))
        yield Call(entry.key, organization, meeting.organizer, joined, entry)


def _calls(organization: Organization, window: Window) -> Iterator[Call]:
    """Unplanned calls of two people."""
    for day in window.days(0, 0):
        if day.weekday() >= 5:
            continue
        for person in organization.active:
            random = organization.random("call", day, person.number)
            for number in range(int(CALLS_PER_DAY * person.activity + random.random())):
                start = person.working_moment(day, random).replace(microsecond=0)
                others = organization.colleagues(person, random, 1)
                is_missed = random.random() < 0.15
                seconds = 20 if is_missed else 30 + int(random.expovariate(1 / 420))
                end = start + dt.timedelta(seconds=min(seconds, 7200))
                joined = [(one, start, end) for one in (person, *([] if is_missed else others))]
                yield Call(f"{day}|{person.number}|{number}", organization, person, joined, is_missed=is_missed)


def _participant(record: CallRecord, person: Person) -> dict[str, object]:
    return {
        "tenantId": record.call.organization.tenant_id,
        "userAADObjectId": person.id,
        "displayName": person.name,
        "recipientType": "User",
    }


def _content(record: CallRecord) -> list[dict[str, object]]:
    """Who joined and left, in the order of time."""
    events = [
        (at, action, person)
        for person, joined, left in record.call.joined
        for at, action in ((joined, "Join"), (left, "Leave"))
    ]
    return [
        {"dateTime": utc_text(at), "action": action, "participant": _participant(record, person)}
        for at, action, person in sorted(events, key=lambda event: event[0])
    ]


CALL_COLUMNS: Columns = {
    "CreatedDateTime": lambda record: utc_text(record.call.end + RECORDED_AFTER),
    "Organizer": lambda record: _participant(record, record.call.organizer),
    "Attendees": lambda record: [_participant(record, person) for person, _, _ in record.call.joined],
    "StartTime": lambda record: utc_text(record.call.start),
    "EndTime": lambda record: utc_text(record.call.end),
    "CommunicationId": lambda record: record.call.id,
    "ICalUid": lambda record: CALENDAR_COLUMNS["iCalUId"](record.call.meeting) if record.call.meeting else None,
    "Id": lambda record: opaque_id("AAMk", "call", record.call.id, record.holder.id),
    "CommunicationType": lambda record: "Meeting" if record.call.meeting else "Call",
    "CommunicationSubType": lambda record: "MissedCall" if record.call.is_missed else None,
    "ThreadId": lambda record: f"19:meeting_{record.call.id}@thread.v2" if record.call.meeting else None,
    "Content": _content,
}
