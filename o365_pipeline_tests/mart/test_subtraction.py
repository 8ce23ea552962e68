"""Whoever has all views of groups before them computes nothing about few people, in any organization.

Of a made-up organization every part of every number is known, as who wrote late to an outsider to answer a mail: all
sums and differences are looked through. Of five people's the differences of numbers that count the same.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from o365_pipeline.database.database import Database
from o365_pipeline.mart.tables import (
    agg_collaboration_day,
    agg_group_day,
    agg_group_person_day,
    agg_person_day,
    agg_response,
    dim_person,
)
from o365_pipeline_tests.mart.hand_made_mart import MONDAY, rows_of_monday
from o365_pipeline_tests.mart.subtraction import (
    Number,
    few_behind_a_difference,
    few_who_stand_alone,
    of_departments,
    told,
)

ENOUGH = 5
WEEKS = [MONDAY + dt.timedelta(weeks=number) for number in range(16)]
SIZES = {"Sales": 16, "Sales/North": 12, "Sales/North/Oslo": 9, "Legal": 7, "Legal/Tax": 5, "Board": 4, "Help": 7}
DEPARTMENT = {f"{name}-{number}": name for name, size in SIZES.items() for number in range(size)}
PEOPLE = list(DEPARTMENT)

Part = tuple[str, ...]
MAILS: list[Part] = [
    (kind, where, when) for kind in ("answer", "mail") for where in ("outside", "inside") for when in ("late", "early")
]
CHATS: list[Part] = [("chat", "late"), ("chat", "early")]
PARTS: list[Part] = [*MAILS, *CHATS, ("unanswered",), ("meeting", "late"), ("meeting", "early"), ("focus",)]

NUMBERS: Mapping[str, list[Part]] = {
    "mails_sent": MAILS,
    "external_mails_sent": [part for part in MAILS if "outside" in part],
    "chats_sent": CHATS,
    "after_hours_share": [part for part in (*MAILS, *CHATS) if "late" in part],
    "mails_received": [("unanswered",), *(part for part in MAILS if "answer" in part)],
    "responses": [part for part in MAILS if "answer" in part],
    "responses_to_outsiders": [part for part in MAILS if part[:2] == ("answer", "outside")],
    "meeting_hours": [("meeting", "late"), ("meeting", "early")],
    "after_hours_meeting_hours": [("meeting", "late")],
    "focus_hours": [("focus",)],
}

GROUPS = {"all": 60, "half": 30, "tenth": 8, "few": 3}
"""Each group contains the next, and a mail may go to a group alone or to those that contain it too."""
NESTED = [frozenset(list(GROUPS)[first:last]) for last in range(1, 5) for first in range(last)]

Did = dict[Any, dict[str, int]]
"""How often each person did what a part counts."""


def some_of(draw: random.Random, people: Sequence[str]) -> dict[str, int]:
    """Nobody, some few, about enough, or nearly all of the people."""
    most = len(people)
    size = draw.choice((0, 1, 2, ENOUGH - 1, ENOUGH, ENOUGH, most - 1, most, most))
    return {person: draw.randint(1, 9) for person in draw.sample(people, min(size, most))}


def holders(did: Did, people: Iterable[str]) -> dict[Hashable, set[str]]:
    return {part: {*who}.intersection(people) for part, who in did.items()}


def amount(did: Did, person: str, parts: Iterable[Hashable]) -> int:
    return sum(did[part].get(person, 0) for part in parts)


@pytest.fixture
def work(database: Database) -> dict[dt.date, Did]:
    """What the people of each department did in each week, which is put into the mart."""
    draw, found = random.Random(17), {}
    days: list[dict[str, Any]] = []
    answers: list[dict[str, Any]] = []
    for week in WEEKS:
        did: Did = {part: {} for part in PARTS}
        for name in SIZES:
            for part in PARTS:
                did[part] |= some_of(draw, [person for person in PEOPLE if DEPARTMENT[person] == name])
        found[week] = did
        for person in PEOPLE:
            late_mails, late_chats = [part for part in MAILS if "late" in part], CHATS[:1]
            counted = {
                "mails_sent": "mails_sent",
                "external_mails_sent": "external_mails_sent",
                "chats_sent": "chats_sent",
                "mails_received": "mails_received",
                "meeting_minutes": "meeting_hours",
                "after_hours_meeting_minutes": "after_hours_meeting_hours",
                "focus_minutes": "focus_hours",
            }
            days.append(
                {"person_id": person, "week_start": week, "date_key": week}
                | {column: amount(did, person, NUMBERS[name]) for column, name in counted.items()}
                | {"after_hours_mails_sent": amount(did, person, late_mails)}
                | {"after_hours_chats_sent": amount(did, person, late_chats)}
            )
            outside = amount(did, person, NUMBERS["responses_to_outsiders"])
            inside = amount(did, person, NUMBERS["responses"]) - outside
            for counterpart, counterpart_id, responses in (("a.example", None, outside), ("p", "p", inside)):
                answers.append(
                    {"responder_id": person, "week_start": week, "date_key": week, "responses": responses}
                    | {"counterpart": counterpart, "counterpart_id": counterpart_id}
                    | {"response_minutes": responses * draw.choice((0, 0, 7))}
                )
    put(database, dim_person, [{"person_id": person, "department": DEPARTMENT[person]} for person in PEOPLE])
    put(database, agg_person_day, days)
    put(database, agg_response, [row for row in answers if row["responses"]])
    return found


def put(database: Database, table: sa.Table, found: list[dict[str, Any]]) -> None:
    with database.begin() as connection:
        connection.execute(sa.insert(table), rows_of_monday(table, found))


def test_sums_and_differences_of_a_weeks_departments_are_about_enough_people(
    database: Database, work: dict[dt.date, Did]
) -> None:
    numbers: dict[tuple[dt.date, str], list[str]] = {}
    for view in ("department_week", "response_week"):
        for row in told(database, view):
            names = [name for name in NUMBERS if row.get(name) is not None]
            numbers.setdefault((row["week_start"], row["department"]), []).extend(names)

    for (week, department), names in numbers.items():
        people = [person for person in PEOPLE if DEPARTMENT[person] == department]
        counted: list[Number] = [dict.fromkeys(NUMBERS[name], 1) for name in names]
        alone = few_who_stand_alone(counted, holders(work[week], people), ENOUGH)
        assert not alone, (week, department, names)
    assert {name for names in numbers.values() for name in names} == set(NUMBERS)


def test_nobodys_share_of_a_sum_is_told(database: Database, work: dict[dt.date, Did]) -> None:
    contributed = of_departments(database, DEPARTMENT)
    for view in ("department_week", "response_week"):
        for row in told(database, view):
            for name in contributed:
                if row.get(name) is not None:
                    of = contributed[name][row["week_start"], row["department"]]
                    assert not few_behind_a_difference([of], ENOUGH), (row, name)


def test_groups_that_contain_others_are_not_told_apart_by_few_people(database: Database) -> None:
    draw = random.Random(17)
    of_people: list[dict[str, Any]] = []
    of_all: list[dict[str, Any]] = []
    parts: dict[dt.date, Did] = {}
    for week in WEEKS:
        did: Did = {}
        for reply in ("reply", "first"):
            for groups in NESTED:
                did["mail", groups, reply] = some_of(draw, PEOPLE[: min(GROUPS[group] for group in groups)])
            for group in GROUPS:
                did["message", frozenset({group}), reply] = some_of(draw, PEOPLE[: GROUPS[group]])
        parts[week] = did
        for group in GROUPS:
            counted = counted_in(did, group)
            key = {"group_id": group, "week_start": week, "date_key": week}
            by_person: list[dict[str, Any]] = [
                key | {"actor_id": person} | {name: amount(did, person, some) for name, some in counted.items()}
                for person in PEOPLE
            ]
            of_people += [row for row in by_person if any(row[name] for name in counted)]
            of_all.append(key | {name: sum(row[name] for row in by_person) for name in counted})
    put(database, agg_group_person_day, of_people)
    put(database, agg_group_day, of_all)
    rows = told(database, "group_week")

    for row in rows:
        counted = counted_in(parts[row["week_start"]], row["group_id"])
        numbers = [dict.fromkeys(some, 1) for name, some in counted.items() if row[name] is not None]
        assert not few_who_stand_alone(numbers, holders(parts[row["week_start"]], PEOPLE), ENOUGH), row
        for name in ("mails", "replies", "senders", "active_members", "active_guests"):
            assert row[name] is None or row[name] % ENOUGH == 0, (row, name)
    for name in ("mails", "replies", "messages"):
        assert {row[name] is None for row in rows} == {True, False}, name


def counted_in(did: Did, group: str) -> dict[str, list[Any]]:
    """What each number of a group counts."""
    of_group = [part for part in did if group in part[1]]
    return {
        "messages": [part for part in of_group if part[0] == "message"],
        "mails": [part for part in of_group if part[0] == "mail"],
        "replies": [part for part in of_group if part[2] == "reply"],
    }


def test_what_departments_share_cannot_be_subtracted_from_what_they_sent(database: Database) -> None:
    """Whatever is added and subtracted, numbers of people differ by enough or not at all."""
    draw = random.Random(17)
    pairs = [(one, other) for one in PEOPLE for other in PEOPLE if one < other and draw.random() < 0.5]
    put(database, dim_person, [{"person_id": person, "department": DEPARTMENT[person]} for person in PEOPLE])
    put(
        database,
        agg_collaboration_day,
        [
            {"person_a": one, "person_b": other, "counterpart": other, "week_start": MONDAY, "date_key": MONDAY}
            | {"mails": draw.randint(0, 3), "chats": draw.randint(0, 1), "weight": draw.random()}
            for one, other in pairs
        ],
    )
    rows = told(database, "department_collaboration_week")

    assert {row["department"] for row in rows} == set(SIZES) - {"Board"}
    for row in rows:
        for name in ("people", "other_people", "mails", "chats", "meetings", "weight"):
            assert row[name] is None or row[name] % ENOUGH == 0, row
