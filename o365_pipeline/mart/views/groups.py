"""Views of groups and teams.

What belongs here: what groups are as of the newest day, and their activity by week.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.mart.tables import agg_group_day, agg_group_person_day, dim_group
from o365_pipeline.mart.tables.settings import minimum_group_size
from o365_pipeline.mart.views.view import distinct, sums, view, view_of_newest_day

FEW = "null where fewer people than minimum_group_size were active"


def _group_week() -> sa.Select:
    people = agg_group_person_day
    keys = ("customer", "group_id", "week_start")

    def actors(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return distinct(sa.case((condition, people.c.actor_id)))

    active = (
        sa.select(
            *(people.c[name] for name in keys),
            distinct(people.c.actor_id).label("people"),
            actors(people.c.is_member == sa.true()).label("active_members"),
            actors(people.c.is_guest == sa.true()).label("active_guests"),
            actors(people.c.messages + people.c.mails > 0).label("senders"),
            *sums(people, "call_minutes"),
        )
        .group_by(*(people.c[name] for name in keys))
        .subquery()
    )
    days = agg_group_day
    written = (
        sa.select(*(days.c[name] for name in keys), *sums(days, "messages", "mails", "replies", "calls"))
        .group_by(*(days.c[name] for name in keys))
        .subquery()
    )
    same = sa.and_(*(active.c[name] == written.c[name] for name in keys))
    return sa.select(
        *written.columns,
        *(
            sa.case((active.c.people >= minimum_group_size(), active.c[name])).label(name)
            for name in ("active_members", "active_guests", "senders", "call_minutes")
        ),
    ).select_from(written.outerjoin(active, same))


group_week = view(
    "group_week",
    "One row per group and week with activity: what was written, and how many different people did.",
    _group_week(),
    agg_group_day,
    leaves_out_small_groups=True,
    comments={
        "active_members": f"Members and owners who wrote or took part in a call; {FEW}",
        "active_guests": f"Guests who wrote or took part in a call; {FEW}",
        "senders": f"People who wrote; {FEW}",
        "call_minutes": f"Full minutes of all who took part in the calls; {FEW}",
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
