"""The pictures of the pages: which numbers of an answer are drawn, and under which title.

What belongs here: choosing what is drawn. How a chart looks is in `charts.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from o365_pipeline.insights import charts
from o365_pipeline.insights.my_time import MyWeek, Person
from o365_pipeline.insights.overview import Flow
from o365_pipeline.insights.relationships import NEIGHBORS, Contact
from o365_pipeline.insights.sites import REACH, Oversharing, Storage

OUTSIDE = 5
"""How many outside organizations stand in a person's picture."""

FEWEST_WEEKS = 2
"""A line needs so many."""

CENTER, COLLEAGUE, ORGANIZATION = 0, 1, 2
GIGABYTE = 1 << 30


@dataclass(frozen=True)
class Picture:
    title: str
    chart: Markup
    legend: tuple[str, ...] = ()
    """What the colours mean, in their order."""


def weeks_of(found: Flow) -> list[Picture]:
    """Draws each measure over the weeks; nothing where there is one week alone."""
    measures = {
        "Mails sent": "mails_sent",
        "Hours in meetings": "meeting_hours",
        "Chat messages sent": "chats_sent",
        "Hours of focus": "focus_hours",
        "Sent after hours": "after_hours_share",
    }
    drawn = []
    for title, name in measures.items():
        points = tuple((week, float(value)) for week, work in found.weeks if (value := getattr(work, name)) is not None)
        if len(points) >= FEWEST_WEEKS:
            drawn.append(Picture(title, charts.weekly(f"{title}, by week", points, name == "after_hours_share")))
    return drawn


def departments_of(found: Flow) -> list[Picture]:
    """Draws the departments' averages, the largest first."""
    measures = {
        "Hours in meetings per person and week": ("meeting_hours_per_person", 1, "{:,.1f}"),
        "Hours of focus per person and week": ("focus_hours_per_person", 1, "{:,.1f}"),
        "Of what is sent, after hours": ("after_hours_share", 100, "{:,.0f}%"),
    }
    drawn = []
    for title, (name, factor, form) in measures.items():
        values = [(who, factor * float(v)) for who, work in found.departments if (v := getattr(work, name)) is not None]
        if values:
            values.sort(key=lambda value: (-value[1], value[0]))
            drawn.append(Picture(title, charts.bars(f"{title}, by department", tuple(values[:20]), form)))
    return drawn


def my_weeks_of(weeks: Sequence[MyWeek]) -> list[Picture]:
    """Draws one person's weeks."""
    if len(weeks) < FEWEST_WEEKS:
        return []
    measures = {
        "Hours in meetings": [week.meeting_minutes / 60 for week in weeks],
        "Hours of focus": [(week.focus_minutes or 0) / 60 for week in weeks],
        "Mails and messages sent": [float(week.mails_sent + week.chats_sent) for week in weeks],
        "Sent after hours": [float(week.after_hours_mails_sent + week.after_hours_chats_sent) for week in weeks],
    }
    days = [week.week_start for week in weeks]
    return [
        Picture(title, charts.weekly(f"{title}, by week", tuple(zip(days, values, strict=True))))
        for title, values in measures.items()
    ]


def reach_of(found: Oversharing) -> Picture | None:
    """Draws the permissions of each level by whom they reach."""
    levels = tuple((level, tuple(float(value) for value in values)) for level, values in found.by_level if any(values))
    title = "Permissions, by whom they reach"
    return Picture(title, charts.stacked(title, levels), tuple(REACH.values())) if levels else None


def stored_by(found: Storage) -> Picture | None:
    """Draws what each template of sites stores, earlier versions apart."""
    shown = tuple(
        (name, tuple(value / GIGABYTE for value in sizes)) for name, sizes in found.by_template[:10] if sum(sizes)
    )
    title = "Gigabytes, by template of sites"
    parts = ("Newest versions", "Earlier versions, recycle bin")
    return Picture(title, charts.stacked(title, shown), parts) if shown else None


def around_somebody(
    who: Person,
    colleagues: Sequence[Contact],
    organizations: Sequence[Contact],
    ties: Mapping[tuple[str, str], float],
) -> Picture | None:
    """Draws a person's nearest colleagues and outside organizations, and how the colleagues are tied to each other."""
    near, outside = colleagues[:NEIGHBORS], organizations[:OUTSIDE]
    if not (near or outside):
        return None
    nodes = [
        (who.person_id, who.name, CENTER),
        *((contact.key, contact.name, COLLEAGUE) for contact in near),
        *((contact.key, contact.name, ORGANIZATION) for contact in outside),
    ]
    to_center = [(who.person_id, contact.key, contact.weight) for contact in (*near, *outside)]
    among = [(one, other, weight) for (one, other), weight in ties.items()]
    title = f"The people and organizations nearest to {who.name}"
    drawn = charts.network(title, tuple(nodes), tuple(to_center + among), who.person_id)
    return Picture(title, drawn, (who.name, "Colleagues", "Outside organizations"))
