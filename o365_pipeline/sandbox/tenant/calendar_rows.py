"""Meetings in calendars: the rows of Event and CalendarView, one for each attendee's calendar.

What belongs here: entries and columns. Which meetings take place belongs to `meetings.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from o365_pipeline.sandbox.tenant.meetings import (
    HORIZON_DAYS,
    LONGEST_SERIES_DAYS,
    ROOMS,
    Meeting,
    series,
    single_meetings,
)
from o365_pipeline.sandbox.tenant.organization import Organization, Person
from o365_pipeline.sandbox.tenant.row_format import (
    NEVER,
    Address,
    Columns,
    Window,
    constant,
    date_time_zone,
    enum,
    opaque_id,
    share,
    utc_text,
)

LAST_CHANGE_DAYS = 2


@dataclass(slots=True)
class Entry:
    """One meeting in one calendar: the meeting or master itself, or one occurrence of a series."""

    meeting: Meeting
    holder: Person
    occurrence: int | None = None

    @property
    def number(self) -> int:
        return self.occurrence or 0

    @property
    def key(self) -> str:
        return self.meeting.key if self.occurrence is None else f"{self.meeting.key}|{self.occurrence}"

    @property
    def id(self) -> str:
        return opaque_id("AAMk", "event", self.key, self.holder.id)

    @property
    def is_organizer(self) -> bool:
        return self.holder is self.meeting.organizer

    @property
    def response(self) -> str:
        return "organizer" if self.is_organizer else self.meeting.response(self.holder.address)

    @property
    def modified(self) -> dt.datetime:
        seconds = int(share(self.meeting.key, self.holder.id) ** 3 * LAST_CHANGE_DAYS * 86400)
        return self.meeting.created + dt.timedelta(seconds=1 + seconds)

    @property
    def cancelled(self) -> bool:
        if self.meeting.is_series and self.occurrence is None:
            return self.meeting.is_cancelled
        return self.meeting.cancelled(self.number)


def created_entries(organization: Organization, window: Window) -> Iterator[Entry]:
    """Returns the entries created or changed in the window, and some outside it."""
    days = window.days(LAST_CHANGE_DAYS + 1, 1)
    for source in (single_meetings(organization, days), series(organization, days)):
        for meeting in source:
            for holder in meeting.holders:
                yield Entry(meeting, holder)


def occurrences(organization: Organization, window: Window) -> Iterator[Entry]:
    """Returns each occurrence that starts in the window."""
    for meeting in single_meetings(organization, window.days(HORIZON_DAYS + 1, 0)):
        if meeting.start() in window:
            for holder in meeting.holders:
                yield Entry(meeting, holder)
    for meeting in series(organization, window.days(LONGEST_SERIES_DAYS, 0)):
        for number in range(meeting.occurrences):
            if meeting.start(number) in window:
                for holder in meeting.holders:
                    yield Entry(meeting, holder, number)


def _kind(entry: Entry) -> str:
    if not entry.meeting.is_series:
        return "singleInstance"
    return "seriesMaster" if entry.occurrence is None else "occurrence"


def _response_status(entry: Entry) -> dict[str, str]:
    if entry.response in ("organizer", "none"):
        return {"response": enum("responseType", entry.response), "time": NEVER}
    responded = entry.meeting.responded_at(entry.holder.address)
    return {"response": enum("responseType", entry.response), "time": utc_text(responded)}


def _attendees(entry: Entry) -> list[dict[str, object]]:
    meeting = entry.meeting
    return [_attendee(meeting, address) for address in (*(p.address for p in meeting.attendees), *meeting.outside)]


def _attendee(meeting: Meeting, address: Address) -> dict[str, object]:
    response = meeting.response(address)
    return {
        "type": enum("attendeeType", "optional" if share(meeting.key, address.mail, "type") < 0.15 else "required"),
        "status": {
            "response": enum("responseType", response),
            "time": NEVER if response == "none" else utc_text(meeting.responded_at(address)),
        },
        **address.camel(),
    }


def _recurrence(entry: Entry) -> dict[str, object] | None:
    meeting = entry.meeting
    if not meeting.is_series or entry.occurrence is not None:
        return None
    last = meeting.day + dt.timedelta(weeks=meeting.occurrences - 1)
    return {
        "pattern": {
            "type": enum("recurrencePatternType", "weekly"),
            "interval": 1,
            "month": 0,
            "dayOfMonth": 0,
            "daysOfWeek": [enum("dayOfWeek", f"{meeting.day:%A}".lower())],
            "firstDayOfWeek": enum("dayOfWeek", "sunday"),
            "index": enum("weekIndex", "first"),
        },
        "range": {
            "type": enum("recurrenceRangeType", "endDate"),
            "startDate": f"{meeting.day}T00:00:00Z",
            "endDate": f"{last}T00:00:00Z",
            "recurrenceTimeZone": meeting.organizer.office.windows_zone,
            "numberOfOccurrences": 0,
        },
    }


def _show_as(entry: Entry) -> str:
    if entry.meeting.is_all_day:
        return "oof"
    if entry.cancelled:
        return "free"
    return {"organizer": "busy", "accepted": "busy", "declined": "free"}.get(entry.response, "tentative")


def _room(entry: Entry) -> str:
    if entry.meeting.is_online:
        return "Microsoft Teams Meeting"
    return "" if entry.meeting.is_all_day else ROOMS[int(share(entry.meeting.key, "room") * len(ROOMS))]


def _location(entry: Entry) -> dict[str, str]:
    room = _room(entry)
    return {
        "displayName": room,
        "locationType": enum("locationType", "default"),
        "uniqueId": room,
        "uniqueIdType": enum("locationUniqueIdType", "private"),
    }


def _text(entry: Entry) -> str:
    return f"{entry.meeting.subject} with {entry.meeting.organizer.name}."


def _subject(entry: Entry) -> str:
    return f"Canceled: {entry.meeting.subject}" if entry.cancelled else entry.meeting.subject


def _join_url(entry: Entry) -> str | None:
    return f"https://teams.microsoft.com/l/meetup-join/{_uid(entry)[:24]}" if entry.meeting.is_online else None


def _uid(entry: Entry) -> str:
    """An id that is the same in all calendars; each occurrence has its own."""
    return opaque_id("040000008200E00074C5B7101A82E008", "uid", entry.key)


CALENDAR_COLUMNS: Columns = {
    "id": lambda entry: entry.id,
    "allowNewTimeProposals": constant(True),
    "createdDateTime": lambda entry: utc_text(entry.meeting.created),
    "lastModifiedDateTime": lambda entry: utc_text(entry.modified),
    "changeKey": lambda entry: opaque_id("", "change", entry.id)[:28],
    "categories": constant([]),
    "originalStartTimeZone": lambda entry: entry.meeting.organizer.office.windows_zone,
    "originalEndTimeZone": lambda entry: entry.meeting.organizer.office.windows_zone,
    "responseStatus": _response_status,
    "iCalUId": _uid,
    "isOnlineMeeting": lambda entry: entry.meeting.is_online,
    "reminderMinutesBeforeStart": constant(15),
    "isReminderOn": lambda entry: not entry.meeting.is_all_day,
    "hasAttachments": constant(False),
    "subject": _subject,
    "body": lambda entry: {
        "contentType": enum("bodyType", "html"),
        "content": f"<html><body>{_text(entry)}</body></html>",
    },
    "bodyPreview": _text,
    "importance": constant("normal"),
    "sensitivity": lambda entry: "private" if share(entry.meeting.key, "private") < 0.03 else "normal",
    "start": lambda entry: date_time_zone(entry.meeting.start(entry.number)),
    "end": lambda entry: date_time_zone(entry.meeting.end(entry.number)),
    "location": _location,
    "locations": lambda entry: [_location(entry)] if _room(entry) else [],
    "isAllDay": lambda entry: entry.meeting.is_all_day,
    "isCancelled": lambda entry: entry.cancelled,
    "isOrganizer": lambda entry: entry.is_organizer,
    "onlineMeeting": lambda entry: {"joinUrl": url} if (url := _join_url(entry)) else None,
    "onlineMeetingProvider": lambda entry: "teamsForBusiness" if entry.meeting.is_online else "unknown",
    "onlineMeetingUrl": constant(None),
    "recurrence": _recurrence,
    "responseRequested": constant(True),
    "showAs": _show_as,
    "type": _kind,
    "attendees": _attendees,
    "organizer": lambda entry: entry.meeting.organizer.address.camel(),
    "webLink": lambda entry: f"https://outlook.office365.com/owa/?itemid={entry.id}&path=/calendar/item",
    "attachments": constant([]),
    "vseriesMasterId": lambda entry: (
        None if entry.occurrence is None else opaque_id("AAMk", "event", entry.meeting.key, entry.holder.id)
    ),
    "ODataType": constant("#microsoft.graph.event"),
}
