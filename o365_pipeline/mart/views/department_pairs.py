"""The view of which departments work together.

What belongs here: summing pairs of people up to pairs of departments. To tell people apart in each of many groups is
what a database does slowest; so rows are summed up step by step, until each person has one row to be counted.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from o365_pipeline.mart.tables import agg_collaboration_day
from o365_pipeline.mart.tables.settings import minimum_group_size
from o365_pipeline.mart.views.people import DEPARTMENT, PAIR_MEASURES, department_of, departments_for_two, is_of
from o365_pipeline.mart.views.small_groups import ROUNDED, rounded, told
from o365_pipeline.mart.views.view import sums, view


def _department_collaboration_week() -> sa.Select:
    """What departments shared, from both sides: the people of one are the other people of the other."""
    own = _from_one_side().subquery()
    one, side = own.c, _both_sides()
    is_first = side.c.side == 0
    department, other_department = (
        sa.case((is_first, first), else_=second)
        for first, second in ((one.department, one.other_department), (one.other_department, one.department))
    )

    def of_first(value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        return sa.func.max(sa.case((is_first, value)))

    def of_second(value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        return sa.func.max(sa.case((side.c.side == 1, value)))

    both = (
        sa.select(
            one.customer,
            one.week_start,
            department.label("department"),
            other_department.label("other_department"),
            of_first(one.people).label("people"),
            of_second(one.people).label("other_people"),
            *(of_first(one[name]).label(name) for name in PAIR_MEASURES),
            *(of_first(one[f"people_of_{name}"]).label(f"people_of_{name}") for name in PAIR_MEASURES),
            *(of_second(one[f"people_of_{name}"]).label(f"other_people_of_{name}") for name in PAIR_MEASURES),
        )
        .select_from(_times(own, side))
        .group_by(one.customer, one.week_start, department, other_department)
        .subquery()
        .c
    )
    return sa.select(
        both.customer,
        both.week_start,
        both.department,
        both.other_department,
        rounded(both.people).label("people"),
        rounded(both.other_people).label("other_people"),
        *(
            told(rounded(both[name]), both[f"people_of_{name}"], both[f"other_people_of_{name}"]).label(name)
            for name in PAIR_MEASURES
        ),
    ).where(both.people >= minimum_group_size(), both.other_people >= minimum_group_size())


def _from_one_side() -> sa.Select:
    """What the people of a department shared with another, and how many of them did."""
    people = _people().subquery()
    one, keys = people.c, ("customer", "week_start", "department", "other_department")
    is_within = one.department == one.other_department
    return sa.select(
        *(one[name] for name in keys),
        sa.func.count().label("people"),
        *(sa.func.count(sa.case((one[name] > 0, 1))).label(f"people_of_{name}") for name in PAIR_MEASURES),
        # Within a department the way back has the same pair again: its people count, what they shared does not.
        *(_sum(sa.case((is_within, one[f"{name}_there"]), else_=one[name])).label(name) for name in PAIR_MEASURES),
    ).group_by(*(one[name] for name in keys))


def _people() -> sa.Select:
    """What each person shared with each department in a week, both ways of a pair, and of that the way there."""
    pairs, side = _pairs().subquery(), _both_sides()
    one, is_there = pairs.c, side.c.side == 0

    def by_way(there: str, back: str) -> sa.ColumnElement[Any]:
        return sa.case((is_there, one[there]), else_=one[back])

    person = by_way("person_a", "person_b")
    department, other_department = by_way("department_a", "department_b"), by_way("department_b", "department_a")
    return (
        sa.select(
            one.customer,
            one.week_start,
            person.label("person"),
            department.label("department"),
            other_department.label("other_department"),
            *sums(pairs, *PAIR_MEASURES),
            *(sa.func.sum(sa.case((is_there, one[name]), else_=0)).label(f"{name}_there") for name in PAIR_MEASURES),
        )
        .select_from(_times(pairs, side))
        .group_by(one.customer, one.week_start, person, department, other_department)
    )


def _pairs() -> sa.Select:
    """What two people shared in a week, with their departments."""
    days, (a, b) = agg_collaboration_day, departments_for_two()
    keys = (days.c.customer, days.c.week_start, days.c.person_a, days.c.person_b)
    found = (department_of(a).label("department_a"), department_of(b).label("department_b"))
    source = days.outerjoin(a, is_of(a, days, days.c.person_a)).outerjoin(b, is_of(b, days, days.c.person_b))
    return (
        sa.select(*keys, *found, *sums(days, *PAIR_MEASURES))
        .select_from(source)
        .where(days.c.person_b.is_not(None))
        .group_by(*keys, *found)
    )


def _both_sides() -> sa.Subquery:
    """Two rows: to count both sides of what was worked out once."""
    return sa.union_all(*(sa.select(sa.literal_column(side, sa.Integer()).label("side")) for side in "01")).subquery()


def _times(rows: sa.FromClause, side: sa.Subquery) -> sa.Join:
    """Returns each row twice, once for each side."""
    return rows.join(side, side.c.side >= 0)


def _sum(value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Returns a sum of sums; whole numbers stay whole, which PostgreSQL would make decimals of."""
    total = sa.func.sum(value)
    return sa.cast(total, sa.BigInteger()) if isinstance(value.type, sa.Integer) else total


department_collaboration_week = view(
    "department_collaboration_week",
    "One row per week and pair of departments, in both orders: what pairs of their people shared; pairs with few "
    "people on either side are left out. A measure is null where few people on either side contributed to it; each is "
    f"{ROUNDED}, since department_week has sums that contain it.",
    _department_collaboration_week(),
    agg_collaboration_day,
    leaves_out_small_groups=True,
    comments={
        "department": DEPARTMENT,
        "other_department": "The department of the other person; the same one for pairs within a department",
        "people": f"People of department who shared something with other_department, {ROUNDED}",
        "other_people": f"People of other_department who did with department, {ROUNDED}",
        "mails": "Mails, counted for each pair of sender and recipient",
        "meetings": "Meetings of at most eight people, counted for each pair of people",
        "chats": "Chat messages, counted for each pair of sender and recipient",
        "weight": "Sum of the pairs' weights",
    },
)
