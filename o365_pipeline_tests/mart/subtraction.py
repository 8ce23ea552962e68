"""Somebody who reads the views of groups and subtracts what they tell, to learn what few people did.

What belongs here: what is computed, and who is behind it, which the attacked know from the tables. The organizations
that are attacked are in the tests.

A number is a sum of parts, each of which some people contributed to. Whoever adds and subtracts numbers, however often,
gets a number about the people of the parts that do not vanish.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa

from o365_pipeline.database.database import Database
from o365_pipeline.mart.tables import agg_person_day, agg_response
from o365_pipeline.mart.views import VIEWS

Number = Mapping[Hashable, int]
"""How often a published number counts each part."""

Holders = Mapping[Hashable, set[str]]
"""Who contributed to each part."""


def few_who_stand_alone(numbers: Sequence[Number], holders: Holders, enough: int) -> set[str]:
    """Returns fewer people than enough whom some sum or difference of the numbers is about; nobody if there are none.

    If few people's parts are taken out of the numbers and these then span less, some combination of the numbers holds
    nothing but these parts.
    """
    parts = [part for part in set().union(*numbers) if holders[part]]
    matrix = np.array([[number.get(part, 0) for part in parts] for number in numbers]).reshape(len(numbers), len(parts))
    rank = np.linalg.matrix_rank(matrix) if matrix.size else 0
    for alone in _few(parts, holders, enough):
        others = matrix[:, [part not in alone for part in parts]]
        if (np.linalg.matrix_rank(others) if others.size else 0) < rank:
            return set().union(*(holders[part] for part in alone))
    return set()


def few_behind_a_difference(numbers: Sequence[Mapping[str, int]], enough: int) -> set[str]:
    """Returns fewer people than enough whom one number is about, or the difference of two.

    Args:
        numbers: what each person contributed to a number, where the parts of it are not known.
    """
    nothing: Mapping[str, int] = {}
    for one, other in itertools.combinations((nothing, *numbers), 2):
        people = {person for person in {*one, *other} if one.get(person, 0) != other.get(person, 0)}
        if 0 < len(people) < enough:
            return people
    return set()


def _few(parts: Sequence[Hashable], holders: Holders, enough: int) -> Iterator[set[Hashable]]:
    """Yields sets of parts behind which there are fewer people than enough."""
    small = [part for part in parts if len(holders[part]) < enough]
    for size in range(1, len(small) + 1):
        for alone in itertools.combinations(small, size):
            if len(set().union(*(holders[part] for part in alone))) < enough:
                yield set(alone)


Key = tuple[Hashable, ...]
Of = Mapping[str, dict[Key, Counter[str]]]
"""What each person contributed, by number and by the week and the department or group."""


def told(database: Database, view: str) -> list[dict[str, Any]]:
    """Returns the rows of a view, as whoever reads it sees them."""
    names = [sa.column(name, kind) for name, kind in VIEWS[view].types.items()]
    with database.begin() as connection:
        return [dict(row) for row in connection.execute(sa.select(*names).select_from(sa.table(view))).mappings()]


def of_departments(database: Database, department: Mapping[str, str]) -> Of:
    """Returns what each person contributed to the numbers of departments, from the tables."""
    found: dict[str, dict[Key, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    with database.begin() as connection:
        for row in connection.execute(sa.select(agg_person_day)):
            late = row.after_hours_mails_sent + row.after_hours_chats_sent
            for name, number in {
                "mails_sent": row.mails_sent,
                "mails_received": row.mails_received,
                "external_mails_sent": row.external_mails_sent,
                "chats_sent": row.chats_sent,
                "sent": row.mails_sent + row.chats_sent,
                "after_hours_share": late,
                "meeting_hours": row.meeting_minutes,
                "after_hours_meeting_hours": row.after_hours_meeting_minutes,
                "focus_hours": row.focus_minutes or 0,
            }.items():
                found[name][row.week_start, department[row.person_id]][row.person_id] += number
        for row in connection.execute(sa.select(agg_response)):
            key = (row.week_start, department[row.responder_id])
            found["responses"][key][row.responder_id] += row.responses
            found["response_minutes"][key][row.responder_id] += row.response_minutes
            if row.counterpart_id is None:
                found["responses_to_outsiders"][key][row.responder_id] += row.responses
    return found
