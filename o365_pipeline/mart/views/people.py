"""Views of single people: what each did on a date, and with whom.

What belongs here: views whose rows are about one person or pair. What people sum up to is in `departments.py`.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.mart.tables import agg_collaboration_day, agg_person_day, dim_person
from o365_pipeline.mart.views.view import UNKNOWN, sums, view, view_of_newest_day

PERSON_MEASURES = (
    "mails_sent",
    "mails_received",
    "external_mails_sent",
    "after_hours_mails_sent",
    "meetings",
    "meeting_minutes",
    "busy_minutes",
    "after_hours_meeting_minutes",
    "chats_sent",
    "chats_received",
    "after_hours_chats_sent",
    "focus_minutes",
)
PAIR_MEASURES = ("mails", "meetings", "chats", "weight")

DEPARTMENT = (
    "Department as of the newest day that tells of the person, in one spelling whatever its case; (unknown) where none "
    "does"
)


def departments() -> sa.Subquery:
    """(customer, person_id, department) as of the newest day that tells of the person: who has left keeps the last.

    Departments that differ by case alone are one, in one spelling, whether or not the server tells case apart.
    """
    return _departments().subquery()


def departments_for_two() -> tuple[sa.CTE, sa.FromClause]:
    """The same under two names, for a view that looks people up twice: it is worked out once."""
    found = _departments().cte("departments")
    return found, found.alias("other_departments")


def _departments() -> sa.Select:
    newest = (
        sa.func.row_number()
        .over(partition_by=(dim_person.c.customer, dim_person.c.person_id), order_by=dim_person.c.day.desc())
        .label("newest")
    )
    key = sa.func.coalesce(dim_person.c.department_key, sa.func.lower(dim_person.c.department)).label("key")
    told = sa.select(dim_person.c.customer, dim_person.c.person_id, dim_person.c.department, key, newest).subquery()
    last = sa.select(told).where(told.c.newest == 1).subquery()
    spelling = sa.func.min(last.c.department).over(partition_by=(last.c.customer, last.c.key)).label("department")
    return sa.select(last.c.customer, last.c.person_id, spelling)


def department_of(found: sa.FromClause) -> sa.ColumnElement[str]:
    """Returns the department from `departments`, by a left join."""
    return sa.func.coalesce(found.c.department, UNKNOWN)


def is_of(found: sa.FromClause, source: sa.Table, person: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Joins `departments` to the person of a table's rows, not of what was summed up: SQLite takes that for few rows,
    and would look through all departments for each.
    """
    return sa.and_(found.c.customer == source.c.customer, found.c.person_id == person)


def person_days() -> sa.Select:
    """Returns what each person did on a local date, summed over the partitions, with the department."""
    days, found = agg_person_day, departments()
    keys = (days.c.customer, days.c.person_id, days.c.date_key, days.c.week_start)
    return (
        sa.select(*keys, department_of(found).label("department"), *sums(days, *PERSON_MEASURES))
        .select_from(days.outerjoin(found, is_of(found, days, days.c.person_id)))
        .group_by(*keys, department_of(found))
    )


def _collaboration_week() -> sa.Select:
    days = agg_collaboration_day
    keys = [
        days.c[name] for name in ("customer", "week_start", "person_a", "counterpart", "person_b", "outside_domain")
    ]
    return sa.select(*keys, *sums(days, *PAIR_MEASURES)).group_by(*keys)


person_day = view(
    "person_day",
    "One row per person and local date: what agg_person_day holds, summed over the partitions, with the department.",
    person_days(),
    agg_person_day,
    comments={
        "department": DEPARTMENT,
        "focus_minutes": "Minutes of the working hours in blocks of two hours or more without a meeting in the "
        "person's own calendar; null on days off and where no calendar is known",
    },
)

collaboration_week = view(
    "collaboration_week",
    "One row per week and pair of two people, or a person and the domain of outsiders: what they shared.",
    _collaboration_week(),
    agg_collaboration_day,
)

current_person = view_of_newest_day(
    "current_person",
    "One row per person of dim_person on each customer's newest day.",
    dim_person,
    {"is_enabled": "1 where the account can sign in, else 0"},
)
