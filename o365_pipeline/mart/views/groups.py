"""Views of groups and teams.

What belongs here: what groups are as of the newest day, and their activity by week.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.mart.tables import agg_group_day, agg_group_person_day, dim_group
from o365_pipeline.mart.views.small_groups import FEW, ROUNDED, contributors, known_or_one, left_by, rounded, told
from o365_pipeline.mart.views.view import as_number, sums, view, view_of_newest_day

ONE: sa.ColumnElement[int] = sa.literal_column("1", sa.Integer())
KEYS = ("customer", "group_id", "week_start")
WRITTEN = ("messages", "mails", "replies", "calls")
IN_SEVERAL_GROUPS = ("mails", "replies")
"""A mail may go to several groups at once; a message of a channel, and a call, are one team's."""


def _group_week() -> sa.Select:
    people = agg_group_person_day
    by_person = [people.c[name] for name in (*KEYS, "actor_id")]
    one = (
        sa.select(
            *by_person,
            *(sa.func.max(as_number(people.c[name])).label(name) for name in ("is_member", "is_guest")),
            *sums(people, *WRITTEN, "call_minutes"),
        )
        .group_by(*by_person)
        .subquery()
        .c
    )
    without = {
        f"replies_without_{number}": count for number, count in enumerate(left_by(one.replies, one.messages, one.mails))
    }
    found = (
        sa.select(
            *(one[name] for name in KEYS),
            sa.func.count().label("people"),
            contributors(one.is_member).label("active_members"),
            contributors(one.is_guest).label("active_guests"),
            contributors(one.messages + one.mails).label("senders"),
            *(count.label(name) for name, count in without.items()),
            *(contributors(one[name]).label(f"{name}_by") for name in (*WRITTEN, "call_minutes")),
            sa.func.sum(one.call_minutes).label("call_minutes"),
        )
        .group_by(*(one[name] for name in KEYS))
        .subquery()
    )
    active, days = found.c, agg_group_day
    week = (
        sa.select(*(days.c[name] for name in KEYS), *sums(days, *WRITTEN))
        .group_by(*(days.c[name] for name in KEYS))
        .subquery()
    )
    written = week.c
    everybody = known_or_one(active.people, ONE)

    def of_week(name: str, *more: sa.ColumnElement[int]) -> sa.ColumnElement:
        number = rounded(written[name]) if name in IN_SEVERAL_GROUPS else written[name]
        return told(number, everybody, known_or_one(active[f"{name}_by"], written[name]), *more).label(name)

    def of_people(name: str) -> sa.ColumnElement:
        return told(rounded(active[name]), everybody, active[name]).label(name)

    begun = known_or_one(active.replies_without_3, written.messages + written.mails - written.replies)
    return sa.select(
        *(written[name] for name in KEYS),
        of_week("messages"),
        of_week("mails"),
        of_week("replies", begun, *(active[name] for name in without)),
        of_week("calls"),
        *map(of_people, ("active_members", "active_guests", "senders")),
        told(active.call_minutes, everybody, active.call_minutes_by).label("call_minutes"),
    ).select_from(week.outerjoin(found, sa.and_(*(active[name] == written[name] for name in KEYS))))


group_week = view(
    "group_week",
    "One row per group and week with activity: what was written, and how many different people did. A number is "
    f"{FEW}.",
    _group_week(),
    agg_group_day,
    leaves_out_small_groups=True,
    comments={
        "mails": f"Mails to the group, without the group's own, {ROUNDED}",
        "replies": f"Replies among the messages and mails, {ROUNDED}",
        "active_members": f"Members and owners who wrote or took part in a call, {ROUNDED}",
        "active_guests": f"Guests who wrote or took part in a call, {ROUNDED}",
        "senders": f"People who wrote, {ROUNDED}",
        "call_minutes": "Full minutes of all who took part in the calls",
    },
)

current_group = view_of_newest_day(
    "current_group",
    "One row per group of dim_group on each customer's newest day.",
    dim_group,
    {
        "is_team": "1 where the group is a team in Teams, else 0",
        "is_dynamic": "1 where a rule decides who is a member, else 0; null where that is unknown",
    },
)
