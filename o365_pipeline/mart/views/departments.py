"""Views of departments: where time goes, how fast mail is answered, who works with whom.

What belongs here: views that sum people up. Groups of fewer people than mart_setting's minimum_group_size are left out;
which numbers of the others are told is decided in `small_groups.py`.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.mart.tables import agg_collaboration_day, agg_person_day, agg_response
from o365_pipeline.mart.tables.settings import minimum_group_size
from o365_pipeline.mart.views.people import (
    DEPARTMENT,
    PAIR_MEASURES,
    PERSON_MEASURES,
    department_of,
    departments,
    is_of,
    person_days,
)
from o365_pipeline.mart.views.small_groups import FEW, contributors, told
from o365_pipeline.mart.views.view import distinct, hours, ratio, sums, view


def _department_week() -> sa.Select:
    days = person_days().subquery()
    by_person = (days.c.customer, days.c.department, days.c.week_start, days.c.person_id)
    one = sa.select(*by_person, *sums(days, *PERSON_MEASURES)).group_by(*by_person).subquery().c
    people = sa.func.count()
    mails, chats, meetings = (contributors(value) for value in (one.mails_sent, one.chats_sent, one.meeting_minutes))
    external = (contributors(one.external_mails_sent), contributors(one.mails_sent - one.external_mails_sent))
    late_meetings = contributors(one.after_hours_meeting_minutes)
    early_meetings = contributors(one.meeting_minutes - one.after_hours_meeting_minutes)
    sent, late = one.mails_sent + one.chats_sent, one.after_hours_mails_sent + one.after_hours_chats_sent
    share = ratio(sa.func.sum(late), sa.func.sum(sent))
    focus = contributors(one.focus_minutes)
    keys = (one.customer, one.department, one.week_start)
    return (
        sa.select(
            *keys,
            people.label("people"),
            told(sa.func.sum(one.mails_sent), mails).label("mails_sent"),
            told(sa.func.sum(one.mails_received), contributors(one.mails_received)).label("mails_received"),
            told(sa.func.sum(one.external_mails_sent), *external).label("external_mails_sent"),
            told(sa.func.sum(one.chats_sent), chats).label("chats_sent"),
            told(hours(one.meeting_minutes), meetings).label("meeting_hours"),
            told(hours(one.after_hours_meeting_minutes), late_meetings, early_meetings).label(
                "after_hours_meeting_hours"
            ),
            told(hours(one.focus_minutes), focus).label("focus_hours"),
            told(hours(one.meeting_minutes) / people, meetings).label("meeting_hours_per_person"),
            told(hours(one.focus_minutes) / people, focus).label("focus_hours_per_person"),
            told(share, contributors(late), contributors(sent - late), mails, chats).label("after_hours_share"),
        )
        .group_by(*keys)
        .having(people >= minimum_group_size())
    )


def _response_week() -> sa.Select:
    found = departments()
    department = department_of(found)
    to_outsiders = sa.case((agg_response.c.counterpart_id.is_(None), agg_response.c.responses), else_=0)
    by_person = (agg_response.c.customer, department, agg_response.c.week_start, agg_response.c.responder_id)
    one = (
        sa.select(
            agg_response.c.customer,
            department.label("department"),
            agg_response.c.week_start,
            *sums(agg_response, "responses", "response_minutes"),
            sa.func.sum(to_outsiders).label("to_outsiders"),
        )
        .select_from(agg_response.outerjoin(found, is_of(found, agg_response, agg_response.c.responder_id)))
        .group_by(*by_person)
        .subquery()
        .c
    )
    people = sa.func.count()
    responses, minutes = sa.func.sum(one.responses), sa.func.sum(one.response_minutes)
    outside = (contributors(one.to_outsiders), contributors(one.responses - one.to_outsiders))
    keys = (one.customer, one.department, one.week_start)
    return (
        sa.select(
            *keys,
            people.label("people"),
            responses.label("responses"),
            told(sa.func.sum(one.to_outsiders), *outside).label("responses_to_outsiders"),
            minutes.label("response_minutes"),
            ratio(minutes, responses).label("mean_minutes"),
        )
        .group_by(*keys)
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
        *(pairs.c[name].label(f"{name}_of_pair") for name in PAIR_MEASURES),
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
        *(pairs.c[name] for name in PAIR_MEASURES),
    )
    is_of_two_people = pairs.c.person_b.is_not(None)
    ways = sa.union_all(*(way.select_from(source).where(is_of_two_people) for way in (there, back))).subquery()
    keys = [ways.c[name] for name in ("customer", "week_start", "department", "other_department")]
    people, other_people = distinct(ways.c.person), distinct(ways.c.other_person)

    def shared(name: str) -> sa.ColumnElement:
        did = ways.c[f"{name}_of_pair"] > 0
        both = (distinct(sa.case((did, side))) for side in (ways.c.person, ways.c.other_person))
        return told(sa.func.sum(ways.c[name]), *both).label(name)

    return (
        sa.select(
            *keys,
            people.label("people"),
            other_people.label("other_people"),
            *map(shared, PAIR_MEASURES),
        )
        .group_by(*keys)
        .having(people >= minimum_group_size(), other_people >= minimum_group_size())
    )


department_week = view(
    "department_week",
    "One row per department and week: where its people's time went; small departments are left out. A number is "
    f"{FEW}.",
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
        "responses_to_outsiders": f"Of the responses, those to senders who are not in dim_person; {FEW}",
        "mean_minutes": "response_minutes by responses",
    },
)

department_collaboration_week = view(
    "department_collaboration_week",
    "One row per week and pair of departments, in both orders: what pairs of their people shared; pairs with few "
    "people on either side are left out. A measure is null where few people on either side contributed to it.",
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
