"""A mart made by hand: two departments of five and four people, a week of their work, a team, a site.

What belongs here: rows put into tables as they are, for tests of what is read from them.
"""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import sqlalchemy as sa

from o365_pipeline.mart.tables import (
    agg_collaboration_day,
    agg_group_day,
    agg_group_person_day,
    agg_person_day,
    agg_response,
    agg_site_exposure,
    agg_site_storage,
    bridge_sharing_grantee,
    dim_channel,
    dim_customer,
    dim_date,
    dim_group,
    dim_person,
    dim_site,
    fact_call,
    fact_channel_message,
    fact_sharing_link,
)

CUSTOMER = "contoso"
MONDAY = dt.date(2026, 1, 5)
TUESDAY = dt.date(2026, 1, 6)
SALES = ("s1", "s2", "s3", "s4", "s5")
LEGAL = ("l1", "l2", "l3", "l4")
GIGABYTE = 1 << 30


def add(connection: sa.Connection, table: sa.Table, **values: object) -> None:
    """A row of Monday's partition; what must be there and is not named is zero, false, empty or that day."""
    connection.execute(sa.insert(table).values(_filled(table, values)))


def _filled(table: sa.Table, values: dict[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {"customer": CUSTOMER, "day": MONDAY} | values
    fillers: dict[type, object] = {bool: False, int: 0, float: 0.0, str: "", dt.date: MONDAY}
    for column in table.columns:
        if not column.nullable and column.name not in given:
            given[column.name] = fillers[column.type.python_type]
    return given


def rows_of_monday(table: sa.Table, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows for one statement, filled as `add` fills one."""
    return [_filled(table, row) for row in rows]


def fill(connection: sa.Connection) -> None:
    """The whole of it."""
    _people(connection)
    _work(connection)
    _team(connection)
    _site(connection)


def add_weeks(connection: sa.Connection) -> None:
    """Two whole weeks more of everybody's work, before the others."""
    for week in (1, 2):
        day = MONDAY - dt.timedelta(weeks=week)
        add(connection, dim_customer, day=day)
        for person in (*SALES, *LEGAL):
            done = {"mails_sent": 4, "after_hours_mails_sent": 3 - week, "meeting_minutes": 60, "focus_minutes": 120}
            add(connection, agg_person_day, day=day, person_id=person, date_key=day, week_start=day, **done)


def _people(connection: sa.Connection) -> None:
    for person in (*SALES, *LEGAL):
        department = "Sales" if person in SALES else "Legal"
        manager = None if person == "s1" else "s1"
        row = {"person_id": person, "display_name": person.title(), "manager_id": manager, "is_enabled": True}
        add(connection, dim_person, **row, department="Old", day=MONDAY - dt.timedelta(days=1))
        add(connection, dim_person, **row, department=department)
    add(connection, dim_date, date_key=MONDAY, year=2026, month=1)


def _work(connection: sa.Connection) -> None:
    for person in (*SALES, *LEGAL):
        monday = {"person_id": person, "date_key": MONDAY, "week_start": MONDAY}
        add(connection, agg_person_day, **monday, mails_sent=3, meeting_minutes=60, after_hours_mails_sent=1)
        # The evening of the local date is in the next day's partition, as is its focus time.
        add(connection, agg_person_day, **monday, day=TUESDAY, mails_sent=1, meeting_minutes=30, focus_minutes=120)
        for counterpart, counterpart_id, responses in (("s1", "s1", 2), ("fabrikam.com", None, 1)):
            add(
                connection,
                agg_response,
                responder_id=person,
                counterpart=counterpart,
                counterpart_id=counterpart_id,
                week_start=MONDAY,
                responses=responses,
                response_minutes=60 * responses,
            )
    pair = {"week_start": MONDAY, "mails": 1, "weight": 0.5}
    for one, other in itertools.combinations(sorted((*SALES, *LEGAL)), 2):
        add(connection, agg_collaboration_day, person_a=one, person_b=other, counterpart=other, **pair)
    for person in SALES[:2]:
        add(
            connection,
            agg_collaboration_day,
            person_a=person,
            counterpart="fabrikam.com",
            outside_domain="fabrikam.com",
            **pair,
        )


def _team(connection: sa.Connection) -> None:
    for group, owners in (("team", 1), ("quiet", 1), ("ownerless", 0)):
        add(connection, dim_group, group_id=group, display_name=group.title(), owners=owners, members=5, is_team=True)
    add(connection, dim_channel, channel_id="general", channel_name="General", group_id="team", team_name="Team")
    for number, is_reply in enumerate((False, True)):
        message = {"channel_message_id": str(number), "channel_id": "general", "group_id": "team"}
        add(connection, fact_channel_message, **message, is_reply=is_reply)
    add(connection, fact_call, call_id="c1", kind="call", duration_minutes=12, participant_count=2, external_count=1)
    for date in (MONDAY, TUESDAY):
        activity = {"group_id": "team", "date_key": date, "week_start": MONDAY, "day": date}
        add(connection, agg_group_day, **activity, messages=5, active_members=4, active_guests=1, senders=4)
        for person in SALES[:4]:
            add(connection, agg_group_person_day, **activity, actor_id=person, is_member=True, messages=1)
        add(connection, agg_group_person_day, **activity, actor_id="g1", is_guest=True, calls=1, call_minutes=10)


def _site(connection: sa.Connection) -> None:
    site = {"site_id": "site", "url": "https://contoso.example/sites/site", "title": "Site", "is_personal": False}
    for day in (MONDAY, TUESDAY):
        add(
            connection,
            dim_site,
            **site,
            day=day,
            inactive_days=100,
            total_bytes=4 * GIGABYTE,
            version_bytes=GIGABYTE,
        )
        add(connection, agg_site_storage, day=day, template="STS", sites=day.day)
        add(connection, agg_site_exposure, day=day, site_id="site", level="File", anyone_links=day.day)
    link = {"link_scope": "Anyone", "site_id": "site"}
    for permission in ("gone", "kept", "changed"):
        add(connection, fact_sharing_link, **link, permission_id=permission, operation="Full")
        add(connection, bridge_sharing_grantee, permission_id=permission, grantee_id="g", kind="guest", domain="a.com")
    before = MONDAY - dt.timedelta(days=1)
    add(connection, fact_sharing_link, **link, permission_id="before", operation="Created", day=before)
    add(connection, fact_sharing_link, **link, permission_id="gone", operation="Deleted", day=TUESDAY)
    add(connection, fact_sharing_link, **link, permission_id="changed", operation="Updated", day=TUESDAY, role="Edit")
