"""An organization of five people in five time zones, as Data Connect writes it: what the mart must make of it is known.

Europe's clocks go back on Sunday 2026-10-25 at 01:00 UTC, America's on Sunday 2026-11-01.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

FIRST, LAST = dt.date(2026, 10, 23), dt.date(2026, 11, 3)

Row = dict[str, Any]

ROW_INFORMATION = {"errorInformation": None, "userReturnedNoData": False, "isUserSummaryRow": False}
BERLIN, UTC = "W. Europe Standard Time", "UTC"
SERIES = "040000008200E00074C5B7101A82E008{date}A0B1C2D3E4F5D801000000000000000010000000AABBCCDD"


def row(puser: str, **values: Any) -> Row:
    return {"puser": puser, "ptenant": "t1", "pAdditionalInfo": None, "rowinformation": ROW_INFORMATION, **values}


def address(name: str) -> Row:
    return {"emailAddress": {"name": name, "address": name if "@" in name else f"{name.title()}@Contoso.com"}}


def addresses(*names: str) -> list[Row]:
    return [address(name) for name in names]


def user(name: str, department: str) -> Row:
    mail = f"{name}@contoso.com"
    return row(
        name, id=name, displayName=name.title(), mail=mail, userPrincipalName=mail, proxyAddresses=[f"SMTP:{mail}"],
        department=department, userType="Member", accountEnabled=True,
    )  # fmt: skip


def manager(name: str, of: str) -> Row:
    return row(of, id=name, displayName=name.title(), mail=f"{name}@contoso.com", userPrincipalName=None)


WORK_WEEK = ["monday", "tuesday", "wednesday", "thursday", "friday"]

USERS = [
    user("ann", "Board"),
    user("bob", "Sales"),
    user("cat", "Sales"),
    user("dan", "Support"),
    user("eve", "Support"),
]

MANAGERS = [manager("ann", of="bob"), manager("ann", of="cat"), manager("bob", of="dan"), manager("dan", of="eve")]

MAILBOXES = [
    # As Data Connect's published samples write it.
    row(
        "ann",
        timeZone=BERLIN,
        workingHours={
            "daysOfWeek": [f"microsoft.graph.dayOfWeek'{day}'" for day in WORK_WEEK],
            "startTime": "1970-01-01T08:00:00Z",
            "endTime": "1970-01-01T16:00:00Z",
            "timeZone": {"name": BERLIN},
        },
    ),
    row("bob", timeZone="Eastern Standard Time", workingHours={}),
    # As Microsoft Graph writes it.
    row(
        "cat",
        timeZone="Tokyo Standard Time",
        workingHours={
            "daysOfWeek": WORK_WEEK,
            "startTime": "09:00:00.0000000",
            "endTime": "18:00:00.0000000",
            "timeZone": {"name": "Tokyo Standard Time"},
        },
    ),
    # As datasets of version 0 write it.
    row(
        "dan",
        TimeZone="Pacific Standard Time",
        WorkingHours={
            "DaysOfWeek": [day.title() for day in WORK_WEEK],
            "StartTime": "10:00:00.0000000",
            "EndTime": "18:00:00.0000000",
            "TimeZone": {"Name": "Pacific Standard Time"},
        },
    ),
    row("eve", timeZone="Customized Time Zone", workingHours={}),
]


def mail(
    number: int,
    sent: str,
    sender: str,
    holders: str,
    to: tuple[str, ...],
    cc: tuple[str, ...] = (),
    thread: int | None = None,
    is_draft: bool = False,
) -> list[Row]:
    """A mail's copies, one in each holder's mailbox, which call the conversation each by a name of their own."""
    return [
        row(
            puser,
            id=f"{puser}-{number}",
            internetMessageId=f"<m{number}@contoso.com>",
            conversationId=f"{puser}-thread-{thread or number}",
            sentDateTime=f"{sent}:00Z",
            receivedDateTime=f"{sent}:00Z",
            isDraft=is_draft,
            isRead=puser == sender,
            **{"from": address(sender)},
            sender=address(sender),
            toRecipients=addresses(*to),
            ccRecipients=addresses(*cc),
            bccRecipients=[],
        )
        for puser in holders.split()
    ]


MAILS = [
    # 08:30 in Berlin, in the working hours. Cat is in To and Cc.
    *mail(1, "2026-10-23T06:30", "ann", "ann bob cat", ("bob", "cat"), cc=("cat",)),
    # 07:30 in Berlin after the change of the clocks, before the working hours; Sunday 23:30 in Los Angeles.
    *mail(2, "2026-10-26T06:30", "ann", "ann dan", ("dan",)),
    # To herself.
    *mail(3, "2026-10-26T10:00", "eve", "eve", ("eve",)),
    # Between outsiders: Bob holds a copy and is not named.
    *mail(4, "2026-10-26T12:00", "x@out.example", "bob", ("y@out.example",)),
    # From outside at 19:00 in New York; answered after 90 minutes, on the next day in UTC.
    *mail(5, "2026-10-26T23:00", "client@out.example", "bob", ("bob",)),
    *mail(6, "2026-10-27T00:30", "bob", "bob", ("client@out.example",), thread=5),
    # The answer to the second mail, 630 minutes after it; 10:00 in Los Angeles, the first minute of Dan's hours.
    *mail(7, "2026-10-26T17:00", "dan", "ann dan", ("ann",), thread=2),
    # 09:30 in New York; three days later, after the change of the clocks, the same time in UTC is 08:30.
    *mail(8, "2026-10-30T13:30", "bob", "bob eve", ("eve",)),
    *mail(9, "2026-11-02T13:30", "bob", "bob eve", ("eve",)),
    *mail(10, "2026-10-27T09:00", "ann", "ann", ("bob",), is_draft=True),
]


def meeting(
    uid: str,
    starts: str,
    ends: str,
    organizer: str,
    responses: dict[str, str],
    zone: str = UTC,
    kind: str = "singleInstance",
    is_all_day: bool = False,
    is_cancelled: bool = False,
) -> list[Row]:
    """A meeting's copies in the calendars of the organizer and all who were invited."""
    attendees = [
        address(name) | {"type": "required", "status": {"response": answer, "time": "0001-01-01T00:00:00Z"}}
        for name, answer in responses.items()
    ]
    return [
        row(
            puser,
            id=f"{puser}-{uid}-{starts}",
            iCalUId=uid,
            start={"dateTime": f"{starts}:00.0000000", "timeZone": zone},
            end={"dateTime": f"{ends}:00.0000000", "timeZone": zone},
            isAllDay=is_all_day,
            isCancelled=is_cancelled,
            type=kind,
            organizer=address(organizer),
            attendees=attendees,
            responseStatus={"response": responses.get(puser, "organizer"), "time": "0001-01-01T00:00:00Z"},
        )
        for puser in (organizer, *responses)
    ]


FIRST_OCCURRENCE, SECOND_OCCURRENCE = SERIES.format(date="07EA0A1A"), SERIES.format(date="07EA0B02")
WHOLE_SERIES = SERIES.format(date="00000000")

MEETINGS = [
    # A day of 25 hours.
    *meeting("whole day", "2026-10-25T00:00", "2026-10-26T00:00", "ann", {}, zone=BERLIN, is_all_day=True),
    # Two hours by the clocks of Berlin, in which three go by.
    *meeting("night", "2026-10-25T01:30", "2026-10-25T03:30", "ann", {"eve": "accepted"}, zone=BERLIN),
    # 16:00 to 17:00 in Berlin, after Ann's hours, is 15:00 to 16:00 in UTC.
    *meeting(
        FIRST_OCCURRENCE, "2026-10-26T16:00", "2026-10-26T17:00", "ann", {"bob": "accepted", "cat": "declined"},
        zone=BERLIN, kind="occurrence",
    ),
    # The same hour in UTC is 10:00 in New York now, and midnight of the next day in Tokyo.
    *meeting(
        SECOND_OCCURRENCE, "2026-11-02T16:00", "2026-11-02T17:00", "ann", {"bob": "accepted", "cat": "accepted"},
        zone=BERLIN, kind="occurrence",
    ),
    *meeting("cancelled", "2026-10-26T14:00", "2026-10-26T15:00", "ann", {"eve": "accepted"}, is_cancelled=True),
    # The first half of it overlaps with Bob's other meeting; 08:30 in Los Angeles, before Dan's hours.
    *meeting("overlap", "2026-10-26T15:30", "2026-10-26T16:30", "dan", {"bob": "tentativelyAccepted"}),
    # 10:00 in Berlin, exactly two hours after Ann began.
    *meeting("stand-up", "2026-10-27T09:00", "2026-10-27T09:30", "ann", {"eve": "accepted"}),
]  # fmt: skip

EVENTS = [
    # What was created on a day without meetings: a meeting of some other day, and the master of the series.
    *(
        entry | {"createdDateTime": "2026-10-23T08:00:00Z"}
        for entry in (
            *meeting("later", "2026-12-01T09:00", "2026-12-01T10:00", "ann", {}),
            *meeting(WHOLE_SERIES, "2026-10-26T15:00", "2026-10-26T16:00", "ann", {}, kind="seriesMaster"),
        )
    ),
]


def chat(epoch: int, sent: str, sender: str, to: str) -> list[Row]:
    return [
        row(
            puser,
            Id=f"{puser}-{epoch}",
            InternetMessageId=str(epoch),
            ConversationId=f"{puser}-chat",
            SentDateTime=f"{sent}:00Z",
            From=address(sender),
            Sender=address(sender),
            ToRecipients=addresses(to),
        )
        for puser in (sender, to)
    ]


CHATS = [
    # 11:00 in Tokyo, 19:00 of the day before in Los Angeles: in Cat's hours, and after Dan's.
    *chat(1793066400000, "2026-10-27T02:00", "cat", "dan"),
    *chat(1793066700000, "2026-10-27T02:05", "dan", "cat"),
]

FILES = {
    "User_v1": USERS,
    "Manager_v0": MANAGERS,
    "MailboxSettings_v0": MAILBOXES,
    "Message_v1": MAILS,
    "CalendarView_v0": MEETINGS,
    "Event_v1": EVENTS,
    "TeamChat_v1": CHATS,
}


def write(directory: Path) -> Path:
    """The files, as Data Connect writes them: JSON, one row per line."""
    directory.mkdir(parents=True)
    for name, rows in FILES.items():
        (directory / f"{name}.json").write_text("".join(json.dumps(entry) + "\n" for entry in rows), encoding="utf-8")
    return directory
