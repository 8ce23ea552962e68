"""Three example questions that the demonstration asks the mart, for any database.

What belongs here: queries, as examples of how the tables join. Showing the answers belongs to `cli/demo.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from o365_pipeline.mart.tables import agg_person_day, dim_person, fact_message

UNKNOWN: sa.ColumnElement[str] = sa.literal_column("'(unknown)'", sa.Unicode())


def questions(customer: str) -> Mapping[str, sa.Select]:
    """Returns the queries about one customer, by title."""
    return {
        "Busiest senders": _busiest_senders(customer),
        "Meeting hours by department": _meeting_hours(customer),
        "Mails per day": _mails_per_day(customer),
    }


def _busiest_senders(customer: str) -> sa.Select:
    sender = sa.func.coalesce(dim_person.c.display_name, fact_message.c.sender_address).label("sender")
    mails = sa.func.count().label("mails")
    return (
        sa.select(sender, dim_person.c.department, mails)
        .select_from(fact_message.outerjoin(dim_person, _is_of(fact_message, fact_message.c.sender_id)))
        .where(fact_message.c.customer == customer, _is_no_draft())
        .group_by(sender.element, dim_person.c.department)
        .order_by(mails.desc(), sender)
        .limit(5)
    )


def _meeting_hours(customer: str) -> sa.Select:
    department = sa.func.coalesce(dim_person.c.department, UNKNOWN).label("department")
    hours = sa.func.round(sa.func.sum(agg_person_day.c.meeting_minutes) / sa.literal_column("60.0"), 1).label("hours")
    return (
        sa.select(department, sa.func.count(agg_person_day.c.person_id.distinct()).label("people"), hours)
        .select_from(agg_person_day.join(dim_person, _is_of(agg_person_day, agg_person_day.c.person_id)))
        .where(agg_person_day.c.customer == customer)
        .group_by(department.element)
        .order_by(hours.desc(), department)
        .limit(8)
    )


def _mails_per_day(customer: str) -> sa.Select:
    day = fact_message.c.date_key
    return (
        sa.select(
            day.label("day"),
            sa.func.count().label("mails"),
            sa.func.sum(fact_message.c.recipient_count).label("recipients"),
        )
        .where(fact_message.c.customer == customer, _is_no_draft())
        .group_by(day)
        .order_by(day.desc())
        .limit(10)
    )


def _is_of(table: sa.Table, person_id: sa.Column[str]) -> sa.ColumnElement[bool]:
    """Joins a table's person to the person on the same day."""
    same_partition = sa.and_(dim_person.c.customer == table.c.customer, dim_person.c.day == table.c.day)
    return sa.and_(same_partition, dim_person.c.person_id == person_id)


def _is_no_draft() -> sa.ColumnElement[bool]:
    return sa.or_(fact_message.c.is_draft.is_(None), fact_message.c.is_draft == sa.false())
