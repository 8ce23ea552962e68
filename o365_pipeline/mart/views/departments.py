"""Views of departments: where time goes, and how fast mail is answered.

What belongs here: views that sum people up by their department. Which departments work together is in
`department_pairs.py`. Groups of fewer people than mart_setting's minimum_group_size are left out;
which numbers of the others are told is decided in `small_groups.py`.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.mart.tables import agg_person_day, agg_response
from o365_pipeline.mart.tables.settings import minimum_group_size
from o365_pipeline.mart.views.people import (
    DEPARTMENT,
    PERSON_MEASURES,
    department_of,
    departments,
    departments_for_two,
    is_of,
)
from o365_pipeline.mart.views.small_groups import FEW, ROUNDED, contributors, left_by, rounded, told
from o365_pipeline.mart.views.view import hours, ratio, sums, view

ANSWERED = ("responses", "response_minutes", "to_outsiders")
BESIDE_ANSWERS = (
    "mails_sent",
    "mails_received",
    "external_mails_sent",
    "chats_sent",
    "after_hours_mails_sent",
    "after_hours_chats_sent",
)
"""What department_week tells of: an answer is one of the mails sent, to one of the mails received."""


def _department_week() -> sa.Select:
    days, found = agg_person_day, departments()
    by_person = (days.c.customer, days.c.week_start, days.c.person_id, department_of(found).label("department"))
    one = (
        sa.select(*by_person, *sums(days, *PERSON_MEASURES))
        .select_from(days.outerjoin(found, is_of(found, days, days.c.person_id)))
        .group_by(*by_person)
        .subquery()
        .c
    )
    people = sa.func.count()
    mails, chats, meetings = (contributors(value) for value in (one.mails_sent, one.chats_sent, one.meeting_minutes))
    external = one.external_mails_sent
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
            told(sa.func.sum(external), *left_by(external, one.mails_sent)).label("external_mails_sent"),
            told(sa.func.sum(one.chats_sent), chats).label("chats_sent"),
            told(hours(one.meeting_minutes), meetings).label("meeting_hours"),
            told(
                hours(one.after_hours_meeting_minutes), *left_by(one.after_hours_meeting_minutes, one.meeting_minutes)
            ).label("after_hours_meeting_hours"),
            told(hours(one.focus_minutes), focus).label("focus_hours"),
            told(hours(one.meeting_minutes) / people, meetings).label("meeting_hours_per_person"),
            told(hours(one.focus_minutes) / people, focus).label("focus_hours_per_person"),
            told(share, mails, chats, *left_by(late, external, one.mails_sent - external, one.chats_sent)).label(
                "after_hours_share"
            ),
        )
        .group_by(*keys)
        .having(people >= minimum_group_size())
    )


def _response_week() -> sa.Select:
    """The answers, where they can be subtracted from no number of department_week so that few people are left."""
    of_responders, found = departments_for_two()
    answers, days, nothing = agg_response.c, agg_person_day.c, sa.literal_column("0", sa.Integer())
    to_outsiders = sa.case((answers.counterpart_id.is_(None), answers.responses), else_=0)
    rows = sa.union_all(
        sa.select(
            answers.customer,
            answers.week_start,
            answers.responder_id.label("person_id"),
            department_of(of_responders).label("department"),
            answers.responses,
            answers.response_minutes,
            to_outsiders.label("to_outsiders"),
            *(nothing.label(name) for name in BESIDE_ANSWERS),
        ).select_from(agg_response.outerjoin(of_responders, is_of(of_responders, agg_response, answers.responder_id))),
        sa.select(
            days.customer,
            days.week_start,
            days.person_id,
            department_of(found),
            *(nothing for _ in ANSWERED),
            *(days[name] for name in BESIDE_ANSWERS),
        ).select_from(agg_person_day.outerjoin(found, is_of(found, agg_person_day, days.person_id))),
    ).subquery()
    by_person = (rows.c.customer, rows.c.week_start, rows.c.person_id, rows.c.department)
    one = sa.select(*by_person, *sums(rows, *ANSWERED, *BESIDE_ANSWERS)).group_by(*by_person).subquery().c
    outside, inside = one.to_outsiders, one.responses - one.to_outsiders
    late = one.after_hours_mails_sent + one.after_hours_chats_sent
    other_external, sent_inside = one.external_mails_sent - outside, one.mails_sent - one.external_mails_sent
    parts = (outside, inside, other_external, sent_inside - inside)
    unanswered = one.mails_received - one.responses
    answered = [*map(contributors, (*parts, unanswered)), *left_by(late, *parts, one.chats_sent)]
    took = contributors(one.response_minutes)
    keys = (one.customer, one.department, one.week_start)
    week = (
        sa.select(
            *keys,
            contributors(one.responses).label("people"),
            *(sa.func.sum(one[name]).label(name) for name in ANSWERED),
            told(sa.literal_column("1", sa.Integer()), *answered).label("is_safe"),
            took.label("took"),
        )
        .group_by(*keys)
        .subquery()
        .c
    )

    def if_safe(number: sa.ColumnElement) -> sa.ColumnElement:
        return sa.case((week.is_safe == 1, number))

    minutes = told(week.response_minutes, week.took)
    return sa.select(
        week.customer,
        week.department,
        week.week_start,
        rounded(week.people).label("people"),
        if_safe(week.responses).label("responses"),
        if_safe(week.to_outsiders).label("responses_to_outsiders"),
        minutes.label("response_minutes"),
        if_safe(ratio(minutes, week.responses)).label("mean_minutes"),
    ).where(week.people >= minimum_group_size())


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
    "out, and medians are in agg_response alone, since they do not add up. A number is "
    f"{FEW}.",
    _response_week(),
    agg_response,
    leaves_out_small_groups=True,
    comments={
        "department": DEPARTMENT,
        "people": f"Responders, {ROUNDED}",
        "responses": "Mails received that were answered in the week",
        "responses_to_outsiders": "Of the responses, those to senders who are not in dim_person",
        "mean_minutes": "response_minutes by responses",
    },
)
