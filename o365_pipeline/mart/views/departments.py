"""Views of departments: where time goes, how fast mail is answered, who works with whom.

What belongs here: views that sum people up; groups of fewer people than mart_setting's minimum_group_size are left out.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.mart.tables import agg_collaboration_day, agg_person_day, agg_response
from o365_pipeline.mart.tables.settings import minimum_group_size
from o365_pipeline.mart.views.people import (
    DEPARTMENT,
    PAIR_MEASURES,
    department_of,
    departments,
    is_of,
    person_day,
)
from o365_pipeline.mart.views.view import distinct, hours, ratio, sums, view


def _department_week() -> sa.Select:
    days = person_day.select.subquery()
    people = distinct(days.c.person_id)
    sent = sa.func.sum(days.c.mails_sent + days.c.chats_sent)
    sent_after_hours = sa.func.sum(days.c.after_hours_mails_sent + days.c.after_hours_chats_sent)
    keys = (days.c.customer, days.c.department, days.c.week_start)
    return (
        sa.select(
            *keys,
            people.label("people"),
            *sums(days, "mails_sent", "mails_received", "external_mails_sent", "chats_sent"),
            hours(days.c.meeting_minutes).label("meeting_hours"),
            hours(days.c.after_hours_meeting_minutes).label("after_hours_meeting_hours"),
            hours(days.c.focus_minutes).label("focus_hours"),
            (hours(days.c.meeting_minutes) / people).label("meeting_hours_per_person"),
            (hours(days.c.focus_minutes) / people).label("focus_hours_per_person"),
            ratio(sent_after_hours, sent).label("after_hours_share"),
        )
        .group_by(*keys)
        .having(people >= minimum_group_size())
    )


def _response_week() -> sa.Select:
    found = departments()
    department = department_of(found)
    people = distinct(agg_response.c.responder_id)
    keys = (agg_response.c.customer, department.label("department"), agg_response.c.week_start)
    to_outsiders = sa.case((agg_response.c.counterpart_id.is_(None), agg_response.c.responses), else_=0)
    responses, minutes = sa.func.sum(agg_response.c.responses), sa.func.sum(agg_response.c.response_minutes)
    return (
        sa.select(
            *keys,
            people.label("people"),
            responses.label("responses"),
            sa.func.sum(to_outsiders).label("responses_to_outsiders"),
            minutes.label("response_minutes"),
            ratio(minutes, responses).label("mean_minutes"),
        )
        .select_from(agg_response.outerjoin(found, is_of(found, agg_response, agg_response.c.responder_id)))
        .group_by(agg_response.c.customer, department, agg_response.c.week_start)
        .having(people >= minimum_group_size())
    )


def _department_collaboration_week() -> sa.Select:
    pairs, a, b = agg_collaboration_day, departments(), departments()
    source = pairs.outerjoin(a, is_of(a, pairs, pairs.c.person_a)).outerjoin(b, is_of(b, pairs, pairs.c.person_b))
    is_within = department_of(a) == department_of(b)
    there = sa.select(
        pairs.c.customer,
        pairs.c.week_start,
        department_of(a).label("department"),
        department_of(b).label("other_department"),
        pairs.c.person_a.label("person"),
        pairs.c.person_b.label("other_person"),
        *(pairs.c[name] for name in PAIR_MEASURES),
    )
    # Within a department the way back has the same pair again: its people count, what they shared does not.
    back = sa.select(
        pairs.c.customer,
        pairs.c.week_start,
        department_of(b),
        department_of(a),
        pairs.c.person_b,
        pairs.c.person_a,
        *(sa.case((is_within, 0), else_=pairs.c[name]) for name in PAIR_MEASURES),
    )
    is_of_two_people = pairs.c.person_b.is_not(None)
    ways = sa.union_all(*(way.select_from(source).where(is_of_two_people) for way in (there, back))).subquery()
    keys = [ways.c[name] for name in ("customer", "week_start", "department", "other_department")]
    people, other_people = distinct(ways.c.person), distinct(ways.c.other_person)
    return (
        sa.select(
            *keys,
            people.label("people"),
            other_people.label("other_people"),
            *sums(ways, *PAIR_MEASURES),
        )
        .group_by(*keys)
        .having(people >= minimum_group_size(), other_people >= minimum_group_size())
    )


department_week = view(
    "department_week",
    "One row per department and week: where its people's time went; small departments are left out.",
    _department_week(),
    agg_person_day,
    leaves_out_small_groups=True,
    comments={
        "department": DEPARTMENT,
        "people": "People with activity or focus time in the week",
        "meeting_hours": "Hours in meetings, of all its people; those that overlap count each",
        "after_hours_meeting_hours": "Of the meeting hours, those outside the people's working hours",
        "focus_hours": "Hours in blocks of two hours or more without a meeting; null where no calendar is known",
        "meeting_hours_per_person": "meeting_hours by people",
        "focus_hours_per_person": "focus_hours by people",
        "after_hours_share": "Of the mails and chat messages sent, the share outside working hours, 0 to 1",
    },
)

response_week = view(
    "response_week",
    "One row per responder's department and week: mails answered and how fast; small groups of responders are left "
    "out, and medians are in agg_response alone, since they do not add up.",
    _response_week(),
    agg_response,
    leaves_out_small_groups=True,
    comments={
        "department": DEPARTMENT,
        "people": "Responders",
        "responses": "Mails received that were answered in the week",
        "responses_to_outsiders": "Of the responses, those to senders who are not in dim_person",
        "mean_minutes": "response_minutes by responses",
    },
)

department_collaboration_week = view(
    "department_collaboration_week",
    "One row per week and pair of departments, in both orders: what pairs of their people shared; pairs with few "
    "people on either side are left out.",
    _department_collaboration_week(),
    agg_collaboration_day,
    leaves_out_small_groups=True,
    comments={
        "department": DEPARTMENT,
        "other_department": "The department of the other person; the same one for pairs within a department",
        "people": "People of department who shared something with other_department",
        "other_people": "People of other_department who did with department",
        "mails": "Mails, counted for each pair of sender and recipient",
        "meetings": "Meetings of at most eight people, counted for each pair of people",
        "chats": "Chat messages, counted for each pair of sender and recipient",
        "weight": "Sum of the pairs' weights",
    },
)
