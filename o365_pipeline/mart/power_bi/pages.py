"""The four pages of the report: what they show, and where.

What belongs here: the pages as data. How they are written is in `visuals.py`; what a measure counts, in `measures/`.
"""

from __future__ import annotations

from collections.abc import Sequence

from o365_pipeline.mart.power_bi.tables import CALENDAR, SECOND_PERSON
from o365_pipeline.mart.power_bi.visuals import GAP, HEIGHT, WIDTH, Field, Page, Visual

_SLICERS, _CARDS = 60, 96
_TOP = _SLICERS + _CARDS + 3 * GAP
"""Where the pictures begin, below slicers and cards."""

MONTH, WEEK = Field("Year month", CALENDAR), Field("Week name", CALENDAR)
CUSTOMER = Field("Customer", "Customer")
DEPARTMENT, PERSON = Field("Department", "Person"), Field("Display name", "Person")
OTHER = Field("Display name", SECOND_PERSON)
OUTSIDE = Field("Outside domain", "Collaboration day")
SITE, LABEL = Field("URL", "Site"), Field("Sensitivity label", "Site")


def _measures(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name) for name in names)


def _row(top: int, height: int, count: int) -> list[tuple[int, int, int, int]]:
    """Returns the places of visuals that stand beside each other."""
    width = (WIDTH - GAP * (count + 1)) // count
    return [(GAP + number * (width + GAP), top, width, height) for number in range(count)]


def _head(slicers: Sequence[Field], cards: Sequence[Field]) -> tuple[Visual, ...]:
    """What each page begins with: slicers, and the most important numbers."""
    return (
        *(
            Visual("slicer", field.name, {"Values": (field,)}, place)
            for field, place in zip(slicers, _row(GAP, _SLICERS, len(slicers)), strict=True)
        ),
        *(
            Visual("card", field.name, {"Values": (field,)}, place)
            for field, place in zip(cards, _row(_SLICERS + 2 * GAP, _CARDS, len(cards)), strict=True)
        ),
    )


_HALF = (HEIGHT - _TOP - 2 * GAP) // 2
_UPPER, _LOWER = _row(_TOP, _HALF, 2), _row(_TOP + _HALF + GAP, _HALF, 2)
_LEFT, _RIGHT = _row(_TOP, HEIGHT - _TOP - GAP, 2)

HOW_WORK_FLOWS = Page(
    "How work flows",
    (
        *_head(
            (CUSTOMER, MONTH, DEPARTMENT),
            _measures(
                "Active people", "Mails sent", "Meeting hours per person", "Focus hours per person", "Chats sent"
            ),
        ),
        Visual(
            "lineChart",
            "Mails and chats by week",
            {"Category": (WEEK,), "Y": _measures("Mails sent", "Chats sent")},
            _UPPER[0],
        ),
        Visual(
            "lineChart",
            "Meetings and focus by week",
            {"Category": (WEEK,), "Y": _measures("Meeting hours", "Focus hours", "After-hours meeting hours")},
            _UPPER[1],
        ),
        Visual(
            "clusteredBarChart",
            "After hours by department",
            {"Category": (DEPARTMENT,), "Y": _measures("After-hours share of mails", "After-hours share of meetings")},
            _LOWER[0],
            leaves_out_small_groups=True,
        ),
        Visual(
            "tableEx",
            "Departments",
            {
                "Values": (
                    DEPARTMENT,
                    *_measures("Active people", "Mails sent", "External share of mails", "Meeting hours per person"),
                    *_measures("Focus hours per person", "Hours to an answer"),
                )
            },
            _LOWER[1],
            sorted_by=Field("Active people"),
            leaves_out_small_groups=True,
        ),
    ),
)

WHO_WORKS_WITH_WHOM = Page(
    "Who works with whom",
    (
        *_head(
            (CUSTOMER, MONTH, DEPARTMENT),
            _measures(
                "Strength",
                "Counterparts",
                "Outside organisations",
                "People with outside contacts",
                "Outside share of strength",
            ),
        ),
        Visual(
            "pivotTable",
            "Departments with departments",
            {
                "Rows": (DEPARTMENT,),
                "Columns": (Field("Department", SECOND_PERSON),),
                "Values": _measures("Strength"),
            },
            _UPPER[0],
        ),
        Visual(
            "clusteredBarChart",
            "Outside organisations by strength",
            {"Category": (OUTSIDE,), "Y": _measures("Outside strength")},
            _UPPER[1],
            sorted_by=Field("Outside strength"),
        ),
        Visual(
            "tableEx",
            "Pairs",
            {"Values": (PERSON, OTHER, *_measures("Strength", "Shared mails", "Shared meetings", "Shared chats"))},
            _LOWER[0],
            sorted_by=Field("Strength"),
        ),
        Visual(
            "tableEx",
            "Ways into outside organisations",
            {"Values": (OUTSIDE, PERSON, *_measures("Outside strength", "Shared mails", "Shared meetings"))},
            _LOWER[1],
            sorted_by=Field("Outside strength"),
        ),
    ),
)

OVERSHARING = Page(
    "Copilot readiness: oversharing",
    (
        *_head(
            (CUSTOMER, MONTH, LABEL),
            _measures(
                "Shared sites",
                "Open permissions",
                "Open share of permissions",
                "Links for anyone",
                "Shared sites without a label",
            ),
        ),
        Visual(
            "tableEx",
            "Sites to look at first",
            {
                "Values": (
                    SITE,
                    LABEL,
                    Field("Owner address", "Site"),
                    *_measures("Open permissions", "Links for anyone", "Grants to everyone", "Grants to guests"),
                )
            },
            _LEFT,
            sorted_by=Field("Open permissions"),
        ),
        Visual(
            "clusteredBarChart",
            "Open permissions by label",
            {
                "Category": (LABEL,),
                "Y": _measures(
                    "Links for anyone",
                    "Links for the organisation",
                    "Grants to everyone but external people",
                    "Grants to everyone",
                ),
            },
            _UPPER[1],
        ),
        Visual(
            "lineChart",
            "Open permissions over time",
            {"Category": (Field("Date", CALENDAR),), "Y": _measures("Open permissions", "Links for anyone")},
            _LOWER[1],
        ),
    ),
)

STORAGE = Page(
    "Storage and inactive sites",
    (
        *_head(
            (CUSTOMER, MONTH, Field("Template", "Site")),
            _measures(
                "Sites", "Storage (GB)", "Version share of storage", "Inactive share of sites", "Sites without an owner"
            ),
        ),
        Visual(
            "tableEx",
            "Largest sites",
            {
                "Values": (
                    SITE,
                    Field("Owner address", "Site"),
                    Field("Inactive (days)", "Site"),
                    *_measures("Storage (GB)", "Versions (GB)", "Version share of storage"),
                )
            },
            _LEFT,
            sorted_by=Field("Storage (GB)"),
        ),
        Visual(
            "lineChart",
            "Storage over time",
            {
                "Category": (Field("Date", CALENDAR),),
                "Y": _measures("Storage (GB)", "Versions (GB)", "Inactive storage (GB)"),
            },
            _UPPER[1],
        ),
        Visual(
            "clusteredColumnChart",
            "Sites by template",
            {
                "Category": (Field("Template", "Site"),),
                "Y": _measures("Sites", "Inactive sites", "Sites without an owner", "Archived sites"),
            },
            _LOWER[1],
            sorted_by=Field("Sites"),
        ),
    ),
)

PAGES = (HOW_WORK_FLOWS, WHO_WORKS_WITH_WHOM, OVERSHARING, STORAGE)
