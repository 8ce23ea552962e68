"""Synthetic mail: threads that start on a day, with replies on the following days, among colleagues and outsiders.

What belongs here: who writes to whom at what time. How a mail looks in a mailbox belongs to `mail_rows.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from o365_pipeline.sandbox.tenant.organization import Organization, Person
from o365_pipeline.sandbox.tenant.row_format import Address, opaque_id

THREAD_DAYS = 3
"""A thread has no replies later than this after its start, so the mails of a window come from the threads of few
days.
"""

REPLY = 0.42
WEEKEND = 0.05
FROM_OUTSIDE = 0.25
"""How many threads outsiders start for each thread that a colleague starts."""

TOPICS = (
    "Quarterly figures", "Spring campaign", "Release plan", "Travel in March", "Contract draft", "New supplier",
    "Interview feedback", "Customer visit", "Server maintenance", "Budget review", "Training dates", "Delivery delay",
    "Workshop notes", "Invoice question", "Office move", "Roadmap", "Security update", "Press release", "Annual leave",
)  # fmt: skip


@dataclass(slots=True, eq=False)
class Mail:
    """One mail, whoever holds a copy of it."""

    message_id: str
    thread_id: str
    position: int
    sent: dt.datetime
    sender: Address
    author: Person | None
    to: list[Address]
    cc: list[Address]
    bcc: list[Address]
    holders: list[Person] = field(default_factory=list)
    topic: str = ""
    importance: str = "normal"
    attachments: int = 0


@dataclass(slots=True)
class _Audience:
    to: list[Person]
    cc: list[Person]
    bcc: list[Person]
    outside: list[Address]


def mails(organization: Organization, days: list[dt.date], mails_per_day: float) -> Iterator[Mail]:
    """Returns the mails of all threads that start on the days; the mails of a day do not depend on the other days."""
    starts_per_day = mails_per_day * (1 - REPLY)
    for day in days:
        rhythm = WEEKEND if day.weekday() >= 5 else 1.0
        for person in organization.active:
            random = organization.random("mail", day, person.number)
            for number in range(_count(random, starts_per_day * person.activity * rhythm)):
                yield from _thread(organization, person, day, random, f"{day}|{person.number}|{number}")
            for number in range(_count(random, starts_per_day * FROM_OUTSIDE * rhythm)):
                yield _from_outside(organization, person, day, random, f"{day}|{person.number}|outside|{number}")


def _thread(organization: Organization, person: Person, day: dt.date, random: Random, key: str) -> Iterator[Mail]:
    audience = _audience(organization, person, random)
    topic = f"{random.choice(TOPICS)} {random.randrange(100, 1000)}"
    sent = person.working_moment(day, random)
    author, position = person, 0
    last = sent + dt.timedelta(days=THREAD_DAYS)
    while True:
        yield _mail(organization, author, audience, sent, topic, position, random, key)
        if not audience.to or random.random() >= REPLY:
            return
        author, audience = _answer(author, audience, random)
        sent = _answered_at(author, sent, random)
        position += 1
        if sent >= last:
            return


def _mail(
    organization: Organization,
    author: Person,
    audience: _Audience,
    sent: dt.datetime,
    topic: str,
    position: int,
    random: Random,
    key: str,
) -> Mail:
    holders = {person.id: person for person in (author, *audience.to, *audience.cc, *audience.bcc)}
    return Mail(
        message_id=f"<{opaque_id('', organization.seed, key, str(position))}@{organization.domain}>",
        thread_id=f"{organization.seed}|{key}",
        position=position,
        sent=sent.replace(microsecond=0),
        sender=author.address,
        author=author,
        to=[person.address for person in audience.to] + audience.outside,
        cc=[person.address for person in audience.cc],
        bcc=[person.address for person in audience.bcc],
        holders=list(holders.values()),
        topic=topic if position == 0 else f"RE: {topic}",
        importance="high" if random.random() < 0.04 else "normal",
        attachments=random.choice((1, 1, 2, 3)) if random.random() < 0.14 else 0,
    )


def _from_outside(organization: Organization, person: Person, day: dt.date, random: Random, key: str) -> Mail:
    sender = random.choice(organization.outsiders)
    others = organization.colleagues(person, random, random.choice((0, 0, 0, 1, 2)))
    return Mail(
        message_id=f"<{opaque_id('', organization.seed, key)}@{sender.mail.partition('@')[2]}>",
        thread_id=f"{organization.seed}|{key}",
        position=0,
        sent=person.working_moment(day, random).replace(microsecond=0),
        sender=sender,
        author=None,
        to=[person.address],
        cc=[other.address for other in others],
        bcc=[],
        holders=[person, *others],
        topic=f"{random.choice(TOPICS)} {random.randrange(100, 1000)}",
        attachments=1 if random.random() < 0.1 else 0,
    )


def _audience(organization: Organization, person: Person, random: Random) -> _Audience:
    kind = random.random()
    if kind < 0.12:
        everyone = [other for other in organization.departments[person.department] if other is not person]
        return _Audience(everyone[:40], [], [], [])
    size = 1 if kind < 0.42 else random.choice((2, 3, 4)) if kind < 0.7 else random.choice((5, 7, 9, 12))
    to = organization.colleagues(person, random, size)
    named = {other.id for other in to}

    def besides(chance: float, count: int) -> list[Person]:
        others = organization.colleagues(person, random, count) if random.random() < chance else []
        fresh = [other for other in others if other.id not in named]
        named.update(other.id for other in fresh)
        return fresh

    cc, bcc = besides(0.35, random.choice((1, 2, 3))), besides(0.02, 1)
    outside = [random.choice(organization.outsiders)] if random.random() < 0.15 else []
    if outside and random.random() < 0.4:
        return _Audience([], cc, bcc, outside)
    return _Audience(to, cc, bcc, outside)


def _answer(author: Person, audience: _Audience, random: Random) -> tuple[Person, _Audience]:
    """One of the recipients answers, to all or to the author alone; hidden recipients see no answer."""
    replier = random.choice(audience.to)
    if random.random() < 0.6:
        others = [person for person in audience.to if person is not replier]
        return replier, _Audience([author, *others], audience.cc, [], audience.outside)
    return replier, _Audience([author], [], [], [])


def _answered_at(replier: Person, asked: dt.datetime, random: Random) -> dt.datetime:
    """The reply comes soon if the replier is at work then, else in the next working hours."""
    soon = asked + dt.timedelta(minutes=2 + random.expovariate(1 / 55))
    day = soon.date()
    if day.weekday() < 5 and replier.utc(day, replier.starts) <= soon <= replier.utc(day, replier.ends):
        return soon
    if soon > replier.utc(day, replier.starts) or day.weekday() >= 5:
        day += dt.timedelta(days=1)
    while day.weekday() >= 5:
        day += dt.timedelta(days=1)
    return max(soon, replier.utc(day, replier.starts + random.expovariate(1 / 70)))


def _count(random: Random, mean: float) -> int:
    """A random whole number with that mean, distributed as independent arrivals are."""
    count, rest = 0, random.expovariate(1)
    while rest < mean:
        count, rest = count + 1, rest + random.expovariate(1)
    return count
