"""Who knows whom: with whom a person works, who of us works with an outside organization, and the best way in.

What belongs here: the questions of the page *Who knows whom*, over the weeks that pages look back. How strong a
relation is says `agg_collaboration_day.weight`. What people wrote about is in none of it: topics are not asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import sqlalchemy as sa

from o365_pipeline.insights.my_time import NAMES, shown_name
from o365_pipeline.insights.reader import SHOWN, Reader
from o365_pipeline.mart.tables import agg_collaboration_day, dim_person

FOUND = 20
"""How many answers a search gives of each kind."""

KNOWN = 20_000
"""Among how many outside organizations a search looks, the nearest ones."""

INSIDERS = 200
"""Among how many who work with an organization a way to it is looked for."""

NEIGHBORS = 15
"""How many people stand around somebody in a picture."""

LEADERS = 10

MEASURES = ("mails", "meetings", "chats", "weight")


@dataclass(frozen=True)
class Contact:
    """Somebody, or an outside organization, and how much was shared."""

    key: str
    """A person's id, or a domain."""
    name: str
    department: str | None
    mails: int
    meetings: int
    chats: int
    weight: float


@dataclass(frozen=True)
class WayIn:
    """Whom to ask for an introduction."""

    insider: Contact
    strength: float
    """Of the weaker of the relations on the way."""


@dataclass(frozen=True)
class Leader:
    person_id: str
    name: str
    department: str | None
    reports: int


def people_called(reader: Reader, text: str) -> Sequence[Contact]:
    """Finds a few people by a part of a name or address."""
    wanted = f"%{_escaped(text.lower())}%"
    people = dim_person
    names = (sa.func.lower(people.c[name]) for name in ("display_name", "mail", "user_principal_name"))
    query = (
        sa.select(people.c.person_id, shown_name(), people.c.department)
        .where(reader.is_newest(people), sa.or_(*(name.like(wanted, escape="!") for name in names)))
        .order_by("name", people.c.person_id)
        .limit(FOUND)
    )
    return [Contact(row.person_id, row.name, row.department, 0, 0, 0, 0.0) for row in reader.rows(query)]


def called(organizations: Iterable[Contact], text: str) -> Sequence[Contact]:
    """Returns the first few organizations whose domain holds a text."""
    return list(islice((one for one in organizations if text.lower() in one.key), FOUND))


def nearest_organizations(reader: Reader) -> Sequence[Contact]:
    """Returns the outside organizations that most is shared with, by everybody."""
    return organizations(reader, None, KNOWN)


def organizations(reader: Reader, of_person: str | None, limit: int = SHOWN) -> Sequence[Contact]:
    """Returns the outside organizations that most is shared with, by everybody or by one person."""
    pairs = agg_collaboration_day
    whose = [pairs.c.person_a == of_person] if of_person else []
    weight = sa.func.sum(pairs.c.weight).label("weight")
    query = (
        sa.select(pairs.c.outside_domain, *_sums(pairs, "mails", "meetings", "chats"), weight)
        .where(reader.is_recent(pairs), pairs.c.outside_domain.is_not(None), *whose)
        .group_by(pairs.c.outside_domain)
        .order_by(weight.desc(), pairs.c.outside_domain)
        .limit(limit)
    )
    return [_organization(row) for row in reader.rows(query)]


def leaders(reader: Reader) -> Sequence[Leader]:
    """Returns who leads most people directly, as of the newest day."""
    people, reports = dim_person, dim_person.alias()
    count = sa.func.count().label("reports")
    same = (reports.c.customer == people.c.customer, reports.c.day == people.c.day)
    of_manager = (people.c.person_id, shown_name(), people.c.department)
    query = (
        sa.select(*of_manager, count)
        .select_from(people.join(reports, sa.and_(*same, reports.c.manager_id == people.c.person_id)))
        .where(reader.is_newest(people))
        .group_by(people.c.department, *NAMES)
        .order_by(count.desc(), people.c.person_id)
        .limit(LEADERS)
    )
    return [Leader(*row) for row in reader.rows(query)]


def colleagues(reader: Reader, person_id: str) -> Sequence[Contact]:
    """Returns with whom of the organization a person works, the strongest relations first."""
    pairs = agg_collaboration_day
    recent = (reader.is_recent(pairs), pairs.c.person_b.is_not(None))
    measures = [pairs.c[name] for name in MEASURES]
    there = sa.select(pairs.c.person_b.label("person"), *measures).where(*recent, pairs.c.person_a == person_id)
    back = _of_counterpart(reader, sa.select(pairs.c.person_a.label("person"), *measures), person_id).where(*recent)
    both = sa.union_all(there, back).subquery()
    weight = sa.func.sum(both.c.weight).label("weight")
    query = (
        sa.select(both.c.person, *_sums(both, "mails", "meetings", "chats"), weight)
        .group_by(both.c.person)
        .order_by(weight.desc(), both.c.person)
        .limit(SHOWN)
    )
    return _named(reader, reader.rows(query))


def insiders(reader: Reader, domain: str) -> Sequence[Contact]:
    """Returns who of the organization works with an outside organization, the strongest relations first."""
    pairs = agg_collaboration_day
    weight = sa.func.sum(pairs.c.weight).label("weight")
    query = (
        sa.select(pairs.c.person_a.label("person"), *_sums(pairs, "mails", "meetings", "chats"), weight)
        .where(pairs.c.outside_domain == domain)
        .group_by(pairs.c.person_a)
        .order_by(weight.desc(), pairs.c.person_a)
        .limit(INSIDERS)
    )
    return _named(reader, reader.rows(_of_counterpart(reader, query, domain)))


def _of_counterpart(reader: Reader, query: sa.Select[Any], counterpart: str) -> sa.Select[Any]:
    """Narrows a question about pairs to the recent ones whose other side somebody or some organization is.

    Which these are is asked of the index by the other side alone, which has their keys: a server that knows little of
    the table would look through its days instead.
    """
    pairs, found = agg_collaboration_day, agg_collaboration_day.alias()
    same = (pairs.c[column.name] == found.c[column.name] for column in pairs.primary_key)
    return query.join_from(found, pairs, sa.and_(*same)).where(
        found.c.customer == reader.customer, found.c.day.in_(reader.days), found.c.counterpart == counterpart
    )


def ways_in(insiders: Iterable[Contact], known: Mapping[str, float], asking: str | None) -> list[WayIn]:
    """Returns whom to ask for an introduction, the best way first.

    A way is as strong as the weaker of its relations: to the colleague, and from there to the organization. Whoever
    works with the organization needs nobody between.

    Args:
        insiders: who works with the organization.
        known: how strongly the person who asks is tied to whom.
        asking: the person who asks; where it is nobody, whoever is nearest to the organization is the best to ask.
    """
    ways = []
    for insider in insiders:
        if asking is None or insider.key == asking:
            ways.append(WayIn(insider, insider.weight))
        elif insider.key in known:
            ways.append(WayIn(insider, min(insider.weight, known[insider.key])))
    return sorted(ways, key=lambda way: (-way.strength, way.insider.key != asking, way.insider.key))


def ties_to(reader: Reader, person_id: str, people: Collection[str]) -> Mapping[str, float]:
    """Returns how strongly a person is tied to some others, by their ids."""
    pairs = agg_collaboration_day
    weight = sa.func.sum(pairs.c.weight)
    first = (pairs.c.person_a == person_id, pairs.c.counterpart.in_(people))
    second = (pairs.c.counterpart == person_id, pairs.c.person_a.in_(people))
    found: Counter[str] = Counter()
    for other, conditions in ((pairs.c.person_b, first), (pairs.c.person_a, second)):
        query = sa.select(other, weight).where(reader.is_recent(pairs), *conditions).group_by(other)
        found.update({key: float(value) for key, value in reader.rows(query)})
    return found


def ties_among(reader: Reader, people: Collection[str]) -> Mapping[tuple[str, str], float]:
    """Returns how strongly a few people are tied to each other, by the pairs of their ids."""
    pairs = agg_collaboration_day
    query = (
        sa.select(pairs.c.person_a, pairs.c.person_b, sa.func.sum(pairs.c.weight))
        .where(reader.is_recent(pairs), pairs.c.person_a.in_(people), pairs.c.counterpart.in_(people))
        .group_by(pairs.c.person_a, pairs.c.person_b)
    )
    return {(one, other): float(weight) for one, other, weight in reader.rows(query)}


def _named(reader: Reader, rows: Sequence[Any]) -> list[Contact]:
    people = dim_person
    query = sa.select(people.c.person_id, shown_name(), people.c.department).where(
        reader.is_newest(people), people.c.person_id.in_([row.person for row in rows])
    )
    known = {row.person_id: row for row in reader.rows(query)}
    return [
        Contact(
            row.person,
            known[row.person].name if row.person in known else row.person,
            known[row.person].department if row.person in known else None,
            int(row.mails),
            int(row.meetings),
            int(row.chats),
            float(row.weight),
        )
        for row in rows
    ]


def _organization(row: Any) -> Contact:
    domain = row.outside_domain
    return Contact(domain, domain, None, int(row.mails), int(row.meetings), int(row.chats), float(row.weight))


def _sums(source: sa.FromClause, *names: str) -> list[sa.Label]:
    return [sa.func.sum(source.c[name]).label(name) for name in names]


def _escaped(text: str) -> str:
    """Returns a text as LIKE finds it, whatever it holds; `[` begins a pattern on SQL Server."""
    return "".join(f"!{letter}" if letter in "!%_[" else letter for letter in text)
