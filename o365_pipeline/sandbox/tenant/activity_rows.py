"""Signals of what people did in Outlook and Teams: the rows of the activity datasets.

What belongs here: which signals there are at what time, and their columns.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from o365_pipeline.sandbox.tenant.groups import Channel, Group, groups, guid
from o365_pipeline.sandbox.tenant.organization import Organization, Person
from o365_pipeline.sandbox.tenant.row_format import Columns, Window, opaque_id, utc_text

SIGNALS_PER_DAY = 3.0
WEEKEND = 0.05


@dataclass(slots=True)
class Signal:
    """One thing that a person did."""

    key: str
    organization: Organization
    holder: Person
    kind: str
    item: str
    at: dt.datetime
    seconds: int
    app: str
    team: Group | None
    channel: Channel | None


Signals = Callable[[Organization, Window], Iterator[Signal]]


def signals(item: str, kinds: Sequence[str], apps: Sequence[str] = ("Outlook", "Outlook Mobile")) -> Signals:
    """Returns the function that makes the signals of one kind of item."""

    def made(organization: Organization, window: Window) -> Iterator[Signal]:
        teams = _teams(organization)
        for day in window.days(1, 1):
            rhythm = WEEKEND if day.weekday() >= 5 else 1.0
            for person in organization.active:
                random = organization.random("signal", item, day, person.number)
                for number in range(int(SIGNALS_PER_DAY * person.activity * rhythm + random.random())):
                    at = person.working_moment(day, random).replace(microsecond=0)
                    team = random.choice(teams.get(person.id) or [None])
                    yield Signal(
                        key=f"{item}|{day}|{person.number}|{number}",
                        organization=organization,
                        holder=person,
                        kind=random.choice(kinds),
                        item=item,
                        at=at,
                        seconds=random.randrange(1, 120),
                        app=random.choice(apps),
                        team=team,
                        channel=random.choice(team.channels) if team else None,
                    )

    return made


def _teams(organization: Organization) -> dict[str, list[Group]]:
    """Returns person's id -> the teams of that person."""
    found: dict[str, list[Group]] = {}
    for group in groups(organization):
        for person in group.members if group.channels else ():
            found.setdefault(person.id, []).append(group)
    return found


def _id(signal: Signal) -> str:
    return opaque_id("", "signal", signal.organization.seed, signal.key)


SIGNAL_COLUMNS: Columns = {
    "SignalType": lambda signal: signal.kind,
    "Id": _id,
    "StartTime": lambda signal: utc_text(signal.at),
    "CreationTime": lambda signal: utc_text(signal.at),
    "EndTime": lambda signal: utc_text(signal.at + dt.timedelta(seconds=signal.seconds)),
    "ItemType": lambda signal: signal.item,
    "AppName": lambda signal: signal.app,
    "AadTenantId": lambda signal: signal.organization.tenant_id,
    "ClientSessionId": lambda signal: guid(signal.organization, "session", signal.key),
    "MailboxGuid": lambda signal: guid(signal.organization, "mailbox", signal.holder.id),
    "TenantName": lambda signal: signal.organization.domain,
    "OId": lambda signal: signal.holder.id,
    "ThreadName": lambda signal: signal.channel.name if signal.channel else None,
    "ThreadType": lambda signal: "Channel" if signal.channel else "Chat",
    "Team_Id": lambda signal: signal.channel.id if signal.channel else None,
    "TeamGroupId": lambda signal: signal.team.id if signal.team else None,
    "TeamName": lambda signal: signal.team.name if signal.team else None,
    "User_TenantRole": lambda signal: "Member" if signal.team else None,
    "Emotion": lambda signal: "like" if signal.kind == "ReactedWithEmoji" else None,
}
