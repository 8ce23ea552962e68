"""Nobody's number is read out of a view of groups, as it stands or by subtracting one number of a row from another."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Mapping
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
from o365_pipeline_tests.mart.hand_made_mart import MONDAY, TUESDAY, add
from o365_pipeline_tests.mart.test_views import rows

ENOUGH = 5
GROUPS = 30
Row = dict[str, Any]
Rows = list[Row]


def few_or_many(draw: random.Random) -> int:
    """So many people that groups are about as large as the threshold."""
    return draw.randint(2, 4 * ENOUGH)


def contributing(people: Iterable[Row], measure: Callable[[Row], float], who: str) -> int:
    of: dict[object, float] = {}
    for row in people:
        of[row[who]] = of.get(row[who], 0) + measure(row)
    return sum(number != 0 for number in of.values())


def is_safe(people: Rows, who: str, measure: Callable[[Row], float]) -> bool:
    """Whether nobody or enough people contributed to a measure."""
    count = contributing(people, measure, who)
    return count == 0 or count >= ENOUGH


def put(database: Database, table: sa.Table, found: Rows) -> None:
    with database.begin() as connection:
        for row in found:
            add(connection, table, **row)


@pytest.fixture
def draw() -> random.Random:
    return random.Random(17)


def some(draw: random.Random, most: int) -> int:
    """Often nothing: who is there does not do everything."""
    return draw.choice((0, 0, draw.randint(1, most)))


def person_days(draw: random.Random, database: Database) -> dict[str, Rows]:
    found: dict[str, Rows] = {}
    for number in range(GROUPS):
        department, size = f"d{number}", few_or_many(draw)
        found[department] = []
        for person in (f"{department}-{one}" for one in range(size)):
            put(database, dim_person, [{"person_id": person, "department": department}])
            for date in (MONDAY, TUESDAY):
                mails, chats, meetings = some(draw, 9), some(draw, 9), some(draw, 90)
                found[department].append(
                    {
                        "person_id": person,
                        "day": date,
                        "date_key": date,
                        "week_start": MONDAY,
                        "mails_sent": mails,
                        "mails_received": some(draw, 9),
                        "external_mails_sent": draw.choice((0, mails // 2, mails)),
                        "after_hours_mails_sent": draw.choice((0, mails // 2, mails)),
                        "chats_sent": chats,
                        "after_hours_chats_sent": draw.choice((0, chats)),
                        "meeting_minutes": meetings,
                        "after_hours_meeting_minutes": draw.choice((0, meetings // 2, meetings)),
                        "focus_minutes": draw.choice((None, 0, 120)),
                    }
                )
        put(database, agg_person_day, found[department])
    return found


def late(row: Row) -> int:
    return int(row["after_hours_mails_sent"] + row["after_hours_chats_sent"])


def of(*names: str) -> tuple[Callable[[Row], float], ...]:
    """The measures of these names."""
    return tuple(lambda row, name=name: row[name] or 0 for name in names)


def without(whole: str, part: str) -> Callable[[Row], float]:
    return lambda row: row[whole] - row[part]


DEPARTMENT_NUMBERS: Mapping[str, tuple[Callable[[Row], float], ...]] = {
    "mails_sent": of("mails_sent"),
    "mails_received": of("mails_received"),
    "external_mails_sent": (*of("external_mails_sent"), without("mails_sent", "external_mails_sent")),
    "chats_sent": of("chats_sent"),
    "meeting_hours": of("meeting_minutes"),
    "meeting_hours_per_person": of("meeting_minutes"),
    "after_hours_meeting_hours": (
        *of("after_hours_meeting_minutes"),
        without("meeting_minutes", "after_hours_meeting_minutes"),
    ),
    "focus_hours": of("focus_minutes"),
    "focus_hours_per_person": of("focus_minutes"),
    "after_hours_share": (
        *of("mails_sent", "chats_sent"),
        *(
            lambda row, chosen=chosen: late(row) - sum(part(row) for part in chosen)
            for size in range(4)
            for chosen in itertools.combinations(
                (*of("external_mails_sent", "chats_sent"), without("mails_sent", "external_mails_sent")), size
            )
        ),
    ),
}

NEARLY_ALWAYS_OF_ENOUGH = ("mails_sent", "mails_received", "chats_sent")


def test_a_departments_numbers_are_those_of_enough_people(database: Database, draw: random.Random) -> None:
    given = person_days(draw, database)
    told = {row["department"]: row for row in rows(database, "department_week")}

    assert set(told) == {name for name, days in given.items() if len(days) >= 2 * ENOUGH}
    for name, measures in DEPARTMENT_NUMBERS.items():
        safe = {one for one in told if all(is_safe(given[one], "person_id", measure) for measure in measures)}
        assert {one for one, row in told.items() if row[name] is not None} == safe, name
        assert safe, name
    kept_back = {name for row in told.values() for name, value in row.items() if value is None}
    assert kept_back >= set(DEPARTMENT_NUMBERS) - set(NEARLY_ALWAYS_OF_ENOUGH)


def test_answers_to_outsiders_and_those_to_others_are_those_of_enough_people(
    database: Database, draw: random.Random
) -> None:
    given: dict[str, Rows] = {}
    for number in range(GROUPS):
        department, share = f"d{number}", draw.random()
        for person in (f"{department}-{one}" for one in range(few_or_many(draw))):
            put(database, dim_person, [{"person_id": person, "department": department}])
            inside = draw.random() < share
            given.setdefault(department, []).append(
                {
                    "responder_id": person,
                    "counterpart": "p" if inside else "fabrikam.com",
                    "counterpart_id": "p" if inside else None,
                    "week_start": MONDAY,
                    "responses": draw.randint(1, 9),
                }
            )
        put(database, agg_response, given[department])
    told = {row["department"]: row["responses_to_outsiders"] for row in rows(database, "response_week")}

    def is_told(found: Rows) -> bool:
        outside = sum(row["counterpart_id"] is None for row in found)
        return all(count == 0 or count >= ENOUGH for count in (outside, len(found) - outside))

    assert {name: value is not None for name, value in told.items()} == {
        name: is_told(found) for name, found in given.items() if len(found) >= ENOUGH
    }
    assert set(map(is_told, given.values())) == {True, False}


def test_what_pairs_of_departments_share_is_that_of_enough_people_on_both_sides(
    database: Database, draw: random.Random
) -> None:
    people = {f"{name}{number}": name for name in "abcd" for number in range(6)}
    for person, department in people.items():
        put(database, dim_person, [{"person_id": person, "department": department}])
    pairs: Rows = [
        {
            "person_a": one,
            "person_b": other,
            "counterpart": other,
            "week_start": MONDAY,
            "weight": 0.5,
            "mails": int(draw.random() < 0.3),
            "chats": int(draw.random() < 0.1),
        }
        for one in people
        for other in people
        if one < other
    ]
    put(database, agg_collaboration_day, pairs)
    told = rows(database, "department_collaboration_week")

    def sides(row: Row, name: str) -> tuple[int, int]:
        ways = [(pair["person_a"], pair["person_b"]) for pair in pairs if pair[name]]
        ways += [(other, one) for one, other in ways]
        there = [
            way for way in ways if (people[way[0]], people[way[1]]) == (row["department"], row["other_department"])
        ]
        return (len({one for one, _ in there}), len({other for _, other in there}))

    assert len(told) == 16
    for row in told:
        for name in ("mails", "chats"):
            assert (row[name] is not None) == all(side >= ENOUGH or side == 0 for side in sides(row, name)), row
    assert {row["chats"] is None for row in told} == {True, False}


def test_a_groups_numbers_are_those_of_enough_people(database: Database, draw: random.Random) -> None:
    given: dict[str, Rows] = {}
    for number in range(GROUPS):
        group = f"g{number}"
        week = {"group_id": group, "week_start": MONDAY}
        given[group] = []
        for person in range(few_or_many(draw)):
            messages, calls = some(draw, 5), some(draw, 2)
            done = {"messages": messages, "replies": draw.choice((0, messages)), "calls": calls}
            kind = draw.choice(("is_member", "is_member", "is_guest"))
            given[group].append(week | done | {"actor_id": f"p{person}", "call_minutes": 9 * calls, kind: True})
        put(database, agg_group_person_day, given[group])
        sums = {name: sum(row[name] for row in given[group]) for name in ("messages", "replies", "calls")}
        put(database, agg_group_day, [week | sums])
    numbers = {
        "messages": of("messages"),
        "replies": (*of("replies"), without("messages", "replies")),
        "calls": of("calls"),
        "call_minutes": of("call_minutes"),
        "senders": of("messages"),
        "active_members": (lambda row: row.get("is_member", False),),
        "active_guests": (lambda row: row.get("is_guest", False),),
    }
    told = {row["group_id"]: row for row in rows(database, "group_week")}

    assert set(told) == set(given)
    for group, row in told.items():
        for name, measures in numbers.items():
            large = len(given[group]) >= ENOUGH
            safe = large and all(is_safe(given[group], "actor_id", measure) for measure in measures)
            assert (row[name] is not None) == safe, (group, name)


def test_what_nobody_known_wrote_may_be_one_persons(database: Database) -> None:
    week = {"group_id": "g", "week_start": MONDAY}
    put(database, agg_group_day, [week | {"mails": 3, "calls": 5}])
    put(database, agg_group_person_day, [week | {"actor_id": f"p{number}", "calls": 1} for number in range(ENOUGH)])

    [row] = rows(database, "group_week")

    assert (row["mails"], row["messages"], row["calls"]) == (None, 0, 5)
