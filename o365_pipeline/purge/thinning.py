"""Thins the mart's daily snapshots to weekly ones, so that a mart does not grow without end.

What belongs here: which days stay whole, and what leaves the others. Of each week whose days are all old enough the
last loaded day keeps its snapshots whole. On its other days a dimension keeps the rows that the day's facts, bridges
and aggregates lead to, and those that these lead to: every join on customer, day and key finds what it found before.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable

import sqlalchemy as sa

from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.database import Database
from o365_pipeline.mart.references import Reference, own_key, references
from o365_pipeline.mart.tables import MART_TABLES, bridge_group_member, bridge_person_license, dim_date

STATES = (bridge_group_member, bridge_person_license)
"""What was so on a day, without anything having happened: it leaves the days that are thinned."""

WEEK = dt.timedelta(days=7)


def days_to_thin(loaded: Collection[dt.date], first_whole: dt.date) -> set[dt.date]:
    """Returns the loaded days that do not stay whole.

    Args:
        first_whole: from this day on every day does; so do the other days of its week.
    """
    weeks: dict[dt.date, list[dt.date]] = {}
    for day in loaded:
        weeks.setdefault(day - dt.timedelta(days=day.weekday()), []).append(day)
    old = {monday: days for monday, days in weeks.items() if monday + WEEK <= first_whole}
    return {day for days in old.values() for day in days if day != max(days)}


def thin(mart: Database, customer: Customer, days: Iterable[dt.date]) -> None:
    """Thins the customer's days, one transaction for each; repeating it changes nothing."""
    for day in sorted(days):

        def work(connection: sa.Connection, day: dt.date = day) -> None:
            for table in STATES:
                connection.execute(sa.delete(table).where(table.c.customer == customer.name, table.c.day == day))
            for table in _dimensions():
                connection.execute(_delete_unreferenced(table, customer.name, day))

        mart.run(work)


def _dimensions() -> list[sa.Table]:
    """Returns the dimensions with a key that is referred to, those first that others do not refer to."""
    found = [table for table in MART_TABLES if table.name.startswith("dim_") and len(own_key(table)) == 1]
    dimensions = [table for table in found if table is not dim_date]
    return sorted(dimensions, key=lambda table: sum(_leads_to(other, table) for other in dimensions))


def _leads_to(table: sa.Table, dimension: sa.Table) -> bool:
    return table is not dimension and any(found.key.table is dimension for found in references(table))


def _delete_unreferenced(table: sa.Table, customer: str, day: dt.date) -> sa.Delete:
    [key] = (table.c[name] for name in own_key(table))
    leading = [found for other in MART_TABLES for found in references(other) if found.key is key]
    unreferenced = [~_is_referenced(found, key, customer, day) for found in leading]
    return sa.delete(table).where(table.c.customer == customer, table.c.day == day, *unreferenced)


def _is_referenced(found: Reference, key: sa.Column[str], customer: str, day: dt.date) -> sa.ColumnElement[bool]:
    leading = found.column.table.alias()
    value = leading.c[found.column.name]
    of_day = leading.c.customer == customer, leading.c.day == day, value.is_not(None)
    return key.in_(sa.select(value).where(*of_day))
