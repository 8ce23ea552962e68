"""The star's dates: the calendar, and each customer's day.

What belongs here: both tables. Which dates there are is told by `dim_date`, and who works when by `dim_person`.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.mart.star.parts import Expression, Kind, StarColumn, StarTable
from o365_pipeline.mart.star.server_sql import ServerSql

CALENDAR, CUSTOMER_DAY = "calendar", "customer_day"

MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

DIGITS = 7
"""Ten million days hold all dates that there are."""


def _date_rows(server: ServerSql) -> str:
    """Returns (date_key, weekday): every date from the first to the last of the mart, without gaps."""
    first, last = server.day_number("MIN(date_key)"), server.day_number("MAX(date_key)")
    bounds = f"(SELECT MIN(date_key) AS first_date, {first} AS first_day, {last} AS last_day FROM dim_date) AS bounds"
    date = server.plus_days("first_date", "number - first_day")
    return (
        f"(SELECT {date} AS date_key, number - 7 * (number / 7) + 1 AS weekday "
        f"FROM {server.numbers(bounds, 'first_day', 'last_day', DIGITS)}) AS d"
    )


def _name_of(number: Expression, names: tuple[str, ...]) -> Expression:
    whens = " ".join(f"WHEN {place} THEN '{name}'" for place, name in enumerate(names, start=1))
    return lambda server: f"CASE {number(server)} {whens} END"


def _thursday(server: ServerSql) -> str:
    """The Thursday of a date's week: the year that it is in has the week (ISO 8601)."""
    return server.plus_days("d.date_key", "4 - d.weekday")


def _iso_week(server: ServerSql) -> str:
    return f"({server.day_of_year(_thursday(server))} - 1) / 7 + 1"


def _quarter(server: ServerSql) -> str:
    return f"({server.month('d.date_key')} + 2) / 3"


def _week_name(server: ServerSql) -> str:
    week = _iso_week(server)
    two_digits = f"CASE WHEN {week} < 10 THEN '-W0' ELSE '-W' END"
    return server.joined(server.number_text(server.year(_thursday(server))), two_digits, server.number_text(week))


def _number(name: str, description: str, expression: Expression, is_hidden: bool = False) -> StarColumn:
    return StarColumn(name, sa.Integer(), description, expression, is_hidden=is_hidden)


def _text(name: str, description: str, expression: Expression) -> StarColumn:
    return StarColumn(name, sa.String(20), description, expression)


calendar = StarTable(
    CALENDAR,
    Kind.DIMENSION,
    "One row per date, without gaps, from the first to the last that any row of the mart falls on. A customer's "
    "working days are in star_customer_day.",
    (
        StarColumn("date_key", sa.Date(), "The date", lambda _: "d.date_key"),
        _number("year", "Calendar year", lambda server: server.year("d.date_key")),
        _number("quarter", "Quarter, 1 to 4", _quarter),
        _text(
            "quarter_name",
            "Year and quarter: 2026-Q4",
            lambda server: server.joined(
                server.date_text("d.date_key", 4), "'-Q'", server.number_text(_quarter(server))
            ),
        ),
        _number("month", "Month, 1 to 12", lambda server: server.month("d.date_key")),
        _text("month_name", "Month: January", _name_of(lambda server: server.month("d.date_key"), MONTHS)),
        _text("year_month", "Year and month: 2026-11", lambda server: server.date_text("d.date_key", 7)),
        _number("iso_year", "Year that the week of ISO 8601 belongs to", lambda server: server.year(_thursday(server))),
        _number("iso_week", "Week of ISO 8601, 1 to 53", _iso_week),
        _text("week_name", "Year and week of ISO 8601: 2026-W47", _week_name),
        StarColumn(
            "week_start",
            sa.Date(),
            "Monday of the week",
            lambda server: server.plus_days("d.date_key", "1 - d.weekday"),
        ),
        _number("weekday", "1 is Monday, 7 is Sunday", lambda _: "d.weekday"),
        _text("weekday_name", "Day of the week: Monday", _name_of(lambda _: "d.weekday", WEEKDAYS)),
        StarColumn(
            "is_weekend",
            sa.Integer(),
            "1 on Saturday and Sunday, else 0",
            lambda _: "CASE WHEN d.weekday > 5 THEN 1 ELSE 0 END",
            is_flag=True,
        ),
    ),
    _date_rows,
    key="date_key",
)


def _customer_days(server: ServerSql) -> str:
    """Returns each customer's dates; with what its people's mailboxes say about working days on the newest day."""
    counts = ", ".join(
        f"SUM(CASE WHEN {server.holds('p.work_days', day.lower())} THEN 1 ELSE 0 END) AS {day.lower()}"
        for day in WEEKDAYS
    )
    newest = "(SELECT customer, MAX(day) AS day FROM dim_person GROUP BY customer) AS newest"
    working = (
        f"(SELECT p.customer, COUNT(p.work_days) AS people, {counts} FROM dim_person AS p "
        f"JOIN {newest} ON newest.customer = p.customer AND newest.day = p.day GROUP BY p.customer) AS w"
    )
    return (
        f"{_date_rows(server)} CROSS JOIN (SELECT DISTINCT customer FROM dim_date) AS c "
        f"LEFT JOIN {working} ON w.customer = c.customer "
        "LEFT JOIN dim_customer AS t ON t.customer = c.customer AND t.day = d.date_key"
    )


def _is_working_day(_: ServerSql) -> str:
    people = " ".join(f"WHEN {place} THEN w.{day.lower()}" for place, day in enumerate(WEEKDAYS, start=1))
    known = f"CASE WHEN 2 * CASE d.weekday {people} END >= w.people THEN 1 ELSE 0 END"
    return f"CASE WHEN w.people > 0 THEN {known} WHEN d.weekday < 6 THEN 1 ELSE 0 END"


customer_day = StarTable(
    CUSTOMER_DAY,
    Kind.DIMENSION,
    "One row per customer and date of star_calendar: whether it is a working day, and how many people there were.",
    (
        StarColumn(
            "customer_day_key",
            sa.String(111),
            "Customer and date",
            lambda server: server.key("c.customer", server.date_text("d.date_key")),
            is_hidden=True,
        ),
        StarColumn(
            "customer",
            sa.String(100),
            "Tenant whose data this is",
            lambda _: "c.customer",
            refers_to="star_customer",
            is_hidden=True,
        ),
        StarColumn(
            "date_key", sa.Date(), "The date", lambda _: "d.date_key", refers_to="star_calendar", is_hidden=True
        ),
        StarColumn(
            "is_working_day",
            sa.Integer(),
            "1 where at least half of the customer's people work on that day of the week, by their mailboxes' settings "
            "on the newest day, else 0; holidays are not known",
            _is_working_day,
            is_flag=True,
        ),
        _number(
            "people",
            "People that the mart has on that day, guests included; null on days without data",
            lambda _: "t.people",
        ),
        _number("guests", "Guests among them", lambda _: "t.guests"),
    ),
    _customer_days,
    key="customer_day_key",
)
