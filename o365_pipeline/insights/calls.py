"""Calls by month, and the channels of teams that are busiest.

What belongs here: those questions of the page *Overview*. The mart has no view of them, so what too few people did is
left out here, by the same rule as in `mart/views/small_groups.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from o365_pipeline.insights.reader import Reader
from o365_pipeline.mart.tables import bridge_call_participant, dim_channel, fact_call, fact_channel_message

CHANNELS = 10


@dataclass(frozen=True)
class Calls:
    """The calls or online meetings of a month."""

    year: int
    month: int
    kind: str
    calls: int
    mean_minutes: float | None
    """None where few people were in the calls whose length is known."""
    with_outsiders: int | None
    """Calls with somebody of another organization; None where few people were in them, or in the others."""


@dataclass(frozen=True)
class Channel:
    team: str
    channel: str | None
    """None where it is not known in which of the team's channels the messages are."""
    messages: int
    reply_share: float | None
    """Of the messages; None where few people replied, or began."""


def calls(reader: Reader) -> Sequence[Calls]:
    """Returns each month's calls and meetings, where enough people took part."""
    call, participant = fact_call.c, bridge_call_participant.c
    year, month = (sa.extract(part, call.date_key) for part in ("year", "month"))
    group = (year, month, call.kind)
    outside = call.external_count > 0
    is_timed = call.duration_minutes.is_not(None)
    is_recent = reader.is_recent(fact_call)
    counted = sa.select(
        *group,
        sa.func.count(),
        sa.func.sum(call.duration_minutes),
        sa.func.count(call.duration_minutes),
        sa.func.sum(sa.case((outside, 1), else_=0)),
    )
    same = (participant[name] == call[name] for name in ("customer", "day", "call_id"))
    people = sa.select(
        *group,
        sa.func.count(sa.distinct(participant.participant_id)),
        *(
            sa.func.count(sa.distinct(sa.case((did, participant.participant_id))))
            for did in (outside, sa.not_(outside), is_timed)
        ),
    ).select_from(fact_call.join(bridge_call_participant, sa.and_(*same)))
    took_part = {tuple(row[:3]): row[3:] for row in reader.rows(people.where(is_recent).group_by(*group))}
    found = []
    for *key, count, minutes, timed, external in reader.rows(counted.where(is_recent).group_by(*group)):
        everybody, in_those, in_others, in_timed = took_part.get(tuple(key), (0, 0, 0, 0))
        if everybody >= reader.group_size:
            is_told = all(reader.is_told_of(number) for number in (in_those, in_others))
            mean = float(minutes) / timed if timed and reader.is_told_of(in_timed) else None
            kind = key[2] or "other"
            found.append(Calls(int(key[0]), int(key[1]), kind, count, mean, int(external) if is_told else None))
    return sorted(found, key=lambda one: (one.year, one.month, one.kind))


def channels(reader: Reader) -> Sequence[Channel]:
    """Returns the channels with most messages, of those in which enough people write."""
    message, channel = fact_channel_message.c, dim_channel.c
    sender = sa.func.coalesce(message.sender_id, message.sender_address)
    is_reply = message.is_reply == sa.true()
    # A channel that only its messages tell of is there on their days alone.
    same = (channel[name] == message[name] for name in ("customer", "day", "channel_id"))

    def senders(*conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.count(sa.distinct(sa.case((sa.and_(*conditions), sender)) if conditions else sender))

    messages = sa.func.count().label("messages")
    busiest = (
        sa.select(
            sa.func.max(channel.team_name).label("team"),
            sa.func.max(channel.channel_name).label("channel"),
            messages,
            sa.func.sum(sa.case((is_reply, 1), else_=0)).label("replies"),
            senders(is_reply).label("repliers"),
            senders(sa.not_(is_reply)).label("beginners"),
        )
        .select_from(fact_channel_message.outerjoin(dim_channel, sa.and_(*same)))
        .where(reader.is_recent(fact_channel_message))
        .group_by(message.channel_id)
        .having(senders() >= reader.group_size)
        .order_by(messages.desc(), message.channel_id)
        .limit(CHANNELS)
    )
    return [
        Channel(
            row.team or "(unknown)",
            row.channel,
            row.messages,
            int(row.replies) / row.messages
            if reader.is_told_of(row.repliers) and reader.is_told_of(row.beginners)
            else None,
        )
        for row in reader.rows(busiest)
    ]
