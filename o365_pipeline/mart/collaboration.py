"""Draws a day's collaboration: who wrote mail to whom, as dots and lines without names.

What belongs here: the strongest pairs of a customer's day, and their drawing. People are dots without a label; their
colour is their department's, which is not named either.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg
import sqlalchemy as sa

from o365_pipeline.dagster_ui.pictures import new_figure, picture
from o365_pipeline.mart.tables import bridge_message_recipient, dim_person, fact_message

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_PEOPLE, MAX_PAIRS = 150, 300
MIN_PEOPLE = 5
"""With fewer dots than these, somebody could recognize people."""

COLOURS = 10
UNCOLOURED = "#bbbbbb"
"""The colour of people without a department, and of departments beyond the largest ones."""


@dataclass(frozen=True)
class Pair:
    """Two people, and how many mails went from one to the other, either way."""

    one: str
    other: str
    mails: int


def strongest_pairs(connection: sa.Connection, customer: str, day: dt.date) -> list[Pair]:
    """Returns the pairs of people with the most mails between them, limited to as many people as can be drawn."""
    sender, recipient = fact_message.c.sender_id, bridge_message_recipient.c.person_id
    one = sa.case((sender < recipient, sender), else_=recipient).label("one")
    other = sa.case((sender < recipient, recipient), else_=sender).label("other")
    sent = sa.select(one, other).where(
        *(fact_message.c[name] == bridge_message_recipient.c[name] for name in ("customer", "day", "message_id")),
        fact_message.c.customer == customer,
        fact_message.c.day == day,
        sender != recipient,
        sa.or_(fact_message.c.is_draft.is_(None), fact_message.c.is_draft == sa.false()),
    )
    pair = sent.subquery()
    mails = sa.func.count().label("mails")
    query = sa.select(pair.c.one, pair.c.other, mails).group_by(pair.c.one, pair.c.other)
    people: set[str] = set()
    found = []
    for row in connection.execute(query.order_by(mails.desc(), pair.c.one, pair.c.other).limit(MAX_PAIRS)):
        if len(people | {row.one, row.other}) <= MAX_PEOPLE:
            people |= {row.one, row.other}
            found.append(Pair(row.one, row.other, row.mails))
    return found


def collaboration_picture(connection: sa.Connection, customer: str, day: dt.date) -> dg.MetadataValue | None:
    """Draws the day's network; None if too few people wrote to each other."""
    pairs = strongest_pairs(connection, customer, day)
    people = sorted({person for pair in pairs for person in (pair.one, pair.other)})
    if len(people) < MIN_PEOPLE:
        return None
    query = sa.select(dim_person.c.person_id, dim_person.c.department).where(
        dim_person.c.customer == customer, dim_person.c.day == day, dim_person.c.person_id.in_(people)
    )
    departments = {row.person_id: row.department for row in connection.execute(query) if row.department}
    caption = f"{len(people)} people, {len(pairs)} pairs who wrote to each other; a colour is a department"
    return picture(_drawn(pairs, people, departments), caption)


def _drawn(pairs: Sequence[Pair], people: Sequence[str], departments: Mapping[str, str]) -> Figure:
    import networkx as nx
    from matplotlib import colormaps

    graph = nx.Graph()
    graph.add_nodes_from(people)
    graph.add_weighted_edges_from((pair.one, pair.other, pair.mails) for pair in pairs)
    places = nx.spring_layout(graph, seed=1, k=2.2 / len(people) ** 0.5)
    palette = colormaps["tab10"]
    largest = Counter(departments.values()).most_common(COLOURS)
    colours = {name: palette(number) for number, (name, _) in enumerate(sorted(largest))}
    strongest = max(pair.mails for pair in pairs)
    figure = new_figure(6, 4.2)
    axes = figure.add_subplot()
    axes.set_axis_off()
    for pair in pairs:
        (x1, y1), (x2, y2) = places[pair.one], places[pair.other]
        weight = pair.mails / strongest
        axes.plot([x1, x2], [y1, y2], color="#666666", linewidth=0.5 + 2 * weight, alpha=0.15 + 0.5 * weight, zorder=1)
    axes.scatter(
        [places[person][0] for person in people],
        [places[person][1] for person in people],
        s=[18 + 6 * graph.degree[person] for person in people],
        c=[colours.get(departments.get(person, ""), UNCOLOURED) for person in people],
        edgecolors="white",
        linewidths=0.6,
        zorder=2,
    )
    return figure
