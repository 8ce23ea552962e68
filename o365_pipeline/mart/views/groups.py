"""Views of groups and teams.

What belongs here: what groups are as of the newest day, and their activity by week.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.mart.tables import agg_group_day, agg_group_person_day, dim_group
from o365_pipeline.mart.views.small_groups import FEW, contributors, known_or_one, told
from o365_pipeline.mart.views.view import as_number, sums, view, view_of_newest_day

ONE: sa.ColumnElement[int] = sa.literal_column("1", sa.Integer())
WRITTEN = ("messages", "mails", "replies", "calls")


def _group_week() -> sa.Select:
    people = agg_group_person_day
    keys = ("customer", "group_id", "week_start")
    by_person = [people.c[name] for name in (*keys, "actor_id")]
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
    found = (
        sa.select(
            *(one[name] for name in keys),
            sa.func.count().label("people"),
            contributors(one.is_member).label("active_members"),
            contributors(one.is_guest).label("active_guests"),
            contributors(one.messages + one.mails).label("senders"),
            contributors(one.messages + one.mails - one.replies).label("beginners"),
            *(contributors(one[name]).label(f"{name}_by") for name in (*WRITTEN, "call_minutes")),
            sa.func.sum(one.call_minutes).label("call_minutes"),
        )
        .group_by(*(one[name] for name in keys))
        .subquery()
    )
    active, days = found.c, agg_group_day
    week = (
        sa.select(*(days.c[name] for name in keys), *sums(days, *WRITTEN))
        .group_by(*(days.c[name] for name in keys))
        .subquery()
    )
    written = week.c
    everybody = known_or_one(active.people, ONE)

    def of_week(name: str, *more: sa.ColumnElement[int]) -> sa.ColumnElement:
        by = known_or_one(active[f"{name}_by"], written[name])
        return told(written[name], everybody, by, *more).label(name)

    begun = known_or_one(active.beginners, written.messages + written.mails - written.replies)
    return sa.select(
        *(written[name] for name in keys),
        of_week("messages"),
        of_week("mails"),
        of_week("replies", begun),
        of_week("calls"),
        told(active.active_members, everybody, active.active_members).label("active_members"),
        told(active.active_guests, everybody, active.active_guests).label("active_guests"),
        told(active.senders, everybody, active.senders, active.people - active.senders).label("senders"),
        told(active.call_minutes, everybody, active.call_minutes_by).label("call_minutes"),
    ).select_from(week.outerjoin(found, sa.and_(*(active[name] == written[name] for name in keys))))


group_week = view(
    "group_week",
    "One row per group and week with activity: what was written, and how many different people did. A number is "
    f"{FEW}.",
    _group_week(),
    agg_group_day,
    leaves_out_small_groups=True,
    comments={
        "active_members": "Members and owners who wrote or took part in a call",
        "active_guests": "Guests who wrote or took part in a call",
        "senders": "People who wrote",
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
