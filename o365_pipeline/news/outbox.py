"""What is to be told, and how far each channel was told of it, in the ledger.

What belongs here: reading and changing `ledger_news` and `ledger_news_told`. Each change is one transaction that
compares before it sets, so that one of several processes sends. What happened is found in `happenings.py`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

import sqlalchemy as sa

from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import IDS_PER_QUERY, insert_new, naive_utc, truncated
from o365_pipeline.database.news_ledger import news, news_told

HOUR = dt.timedelta(hours=1)
"""Of one kind of one customer a channel gets one message in this time. A claim whose process died lapses after it."""

NEW_CHANNEL = dt.timedelta(days=1)
"""A channel that was never told of a kind of news hears of what was found in this time, and not of all the past."""

FORGOTTEN_AFTER = dt.timedelta(days=90)
"""News is deleted after this time; what still holds is then told again."""

SUBJECTS = 10
"""How many subjects a message names; of the others it tells the number."""

OF_THE_DEPLOYMENT = ""
"""Stands for the customer where news is about none."""


class Kind(StrEnum):
    """The kinds of news; a message is about one of them."""

    RUNS = "runs"
    CHECKS = "checks"
    CONSENT = "consent"
    STUCK = "stuck"
    COST = "cost"
    DIGEST = "digest"


@dataclass(frozen=True)
class Happening:
    """Something that is worth a message. The same parts of its identity make it the same, however often it is found."""

    customer: str
    kind: Kind
    identity: tuple[str, ...]
    subject: str
    """What happened, with names of ours alone: datasets, jobs, checks; no person, no error, no value of a row."""

    first_day: dt.date | None = None
    last_day: dt.date | None = None

    @property
    def news_id(self) -> str:
        return hashlib.sha256("\0".join([self.kind, *self.identity]).encode()).hexdigest()


@dataclass(frozen=True)
class Waiting:
    """News of one kind of one customer that a channel was not told of."""

    channel: str
    customer: str
    kind: Kind
    first: int
    tried_at: dt.datetime | None


@dataclass(frozen=True)
class Subject:
    """One subject of a message: how often it happened, and of which days."""

    text: str
    times: int
    first_day: dt.date | None
    last_day: dt.date | None


@dataclass(frozen=True)
class Claimed:
    """What one process is about to tell a channel, and nobody else until it says how that ended."""

    waiting: Waiting
    claim: str
    up_to: int
    times: int
    subjects: tuple[Subject, ...]
    others: int
    """How many subjects are not among them."""


def record(database: Database, happenings: Iterable[Happening], now: dt.datetime) -> int:
    """Records what was not known before; returns how much that is."""
    rows = [
        {
            "customer": happening.customer,
            "news_id": happening.news_id,
            "kind": happening.kind.value,
            "subject": truncated(happening.subject, news.c.subject),
            "first_day": happening.first_day,
            "last_day": happening.last_day,
            "found_at": naive_utc(now),
        }
        for happening in happenings
    ]
    return sum(
        len(database.run(partial(insert_new, table=news, rows=some)))
        for some in (rows[start : start + IDS_PER_QUERY] for start in range(0, len(rows), IDS_PER_QUERY))
    )


def forget(database: Database, now: dt.datetime) -> None:
    """Deletes old news; the newest stays, since the numbers go on from it."""
    newest = sa.select(sa.func.max(news.c.sequence)).scalar_subquery()
    with database.begin() as connection:
        last = connection.scalar(sa.select(newest))
    if last is not None:
        old = news.c.found_at < naive_utc(now - FORGOTTEN_AFTER)
        database.execute(sa.delete(news).where(old, news.c.sequence < last))


def waiting(database: Database, channel: str, now: dt.datetime) -> list[Waiting]:
    """Returns what a channel may be told of now: what was tried longest ago first, then what waits longest."""
    told = sa.and_(
        news_told.c.channel == channel, news_told.c.customer == news.c.customer, news_told.c.kind == news.c.kind
    )
    query = (
        sa.select(news.c.customer, news.c.kind, sa.func.min(news.c.sequence).label("first"), news_told.c.tried_at)
        .outerjoin(news_told, told)
        .where(
            sa.or_(
                news.c.sequence > news_told.c.told_up_to,
                sa.and_(news_told.c.channel.is_(None), news.c.found_at >= naive_utc(now - NEW_CHANNEL)),
            ),
            _is_over_an_hour_ago(news_told.c.told_at, now),
        )
        .group_by(news.c.customer, news.c.kind, news_told.c.tried_at)
    )
    with database.begin() as connection:
        rows = connection.execute(query).all()
    found = [Waiting(channel, row.customer, Kind(row.kind), row.first, row.tried_at) for row in rows]
    return sorted(found, key=lambda entry: (str(entry.tried_at or ""), entry.first))


def told_in_the_last_hour(database: Database, channel: str, now: dt.datetime) -> int:
    """Returns how many messages a channel got."""
    within = news_told.c.told_at > naive_utc(now - HOUR), news_told.c.told_at <= naive_utc(now)
    query = sa.select(sa.func.count()).where(news_told.c.channel == channel, *within)
    with database.begin() as connection:
        return connection.scalar(query) or 0


def claim(database: Database, entry: Waiting, now: dt.datetime) -> Claimed | None:
    """Takes the right to tell a channel; None if another process has it, or told the channel within the hour."""
    mine = uuid.uuid4().hex
    row = _of(entry)

    def take(connection: sa.Connection) -> int | None:
        known = connection.execute(sa.select(news_told).where(*row)).first()
        if known is None:
            begun = news_told.insert().values(
                channel=entry.channel,
                customer=entry.customer,
                kind=entry.kind.value,
                told_up_to=entry.first - 1,
                claim=mine,
                tried_at=naive_utc(now),
            )
            connection.execute(begun)
            return entry.first - 1
        is_free = sa.or_(news_told.c.claim.is_(None), _is_over_an_hour_ago(news_told.c.tried_at, now))
        is_due = _is_over_an_hour_ago(news_told.c.told_at, now)
        change = news_told.update().where(*row, is_free, is_due, news_told.c.told_up_to == known.told_up_to)
        taken = connection.execute(change.values(claim=mine, tried_at=naive_utc(now))).rowcount
        return int(known.told_up_to) if taken else None

    after = database.run(take)
    return None if after is None else _read(database, entry, mine, after)


def _read(database: Database, entry: Waiting, mine: str, after: int) -> Claimed | None:
    untold = news.c.customer == entry.customer, news.c.kind == entry.kind.value, news.c.sequence > after
    times = sa.func.count().label("times")
    query = sa.select(
        news.c.subject,
        times,
        sa.func.min(news.c.first_day).label("first_day"),
        sa.func.max(news.c.last_day).label("last_day"),
        sa.func.max(news.c.sequence).label("last"),
    )
    with database.begin() as connection:
        rows = connection.execute(query.where(*untold).group_by(news.c.subject)).all()
    if not rows:
        give_back(database, entry, mine)
        return None
    ordered = sorted(rows, key=lambda row: (-row.times, row.subject))
    return Claimed(
        entry,
        mine,
        max(row.last for row in rows),
        sum(row.times for row in rows),
        tuple(Subject(row.subject, row.times, row.first_day, row.last_day) for row in ordered[:SUBJECTS]),
        len(ordered[SUBJECTS:]),
    )


def note_told(database: Database, claimed: Claimed, now: dt.datetime) -> None:
    """Records that a channel was told."""
    change = news_told.update().where(*_of(claimed.waiting), news_told.c.claim == claimed.claim)
    database.execute(change.values(told_up_to=claimed.up_to, told_at=naive_utc(now), claim=None))


def give_back(database: Database, entry: Waiting, mine: str) -> None:
    """Lets the next tick try again."""
    database.execute(news_told.update().where(*_of(entry), news_told.c.claim == mine).values(claim=None))


def recorded_since(database: Database, since: dt.datetime) -> Sequence[tuple[str, Kind, int]]:
    """Returns how much news of each kind was found of each customer since a moment, without the digests."""
    query = (
        sa.select(news.c.customer, news.c.kind, sa.func.count().label("times"))
        .where(news.c.found_at >= naive_utc(since), news.c.kind != Kind.DIGEST.value)
        .group_by(news.c.customer, news.c.kind)
        .order_by(news.c.customer, news.c.kind)
    )
    with database.begin() as connection:
        return [(row.customer, Kind(row.kind), row.times) for row in connection.execute(query)]


def _of(entry: Waiting) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        news_told.c.channel == entry.channel,
        news_told.c.customer == entry.customer,
        news_told.c.kind == entry.kind.value,
    )


def _is_over_an_hour_ago(moment: sa.Column[dt.datetime], now: dt.datetime) -> sa.ColumnElement[bool]:
    """Whether a moment is over an hour ago, or there was none; one that lies ahead is: the clock was put back since."""
    return sa.or_(moment.is_(None), moment <= naive_utc(now - HOUR), moment > naive_utc(now))
