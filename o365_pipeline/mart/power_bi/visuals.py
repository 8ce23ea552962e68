"""What a page of the report is made of, and how that is written in PBIR, Power BI's JSON for reports.

What belongs here: the parts of a page and their JSON. What the four pages show is in `pages.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from o365_pipeline.mart.power_bi.tables import MEASURE_TABLE
from o365_pipeline.mart.power_bi.tmdl import derived_id

SCHEMAS = "https://developer.microsoft.com/json-schemas/fabric"
DEFINITION = f"{SCHEMAS}/item/report/definition"

WIDTH, HEIGHT, GAP = 1280, 720, 12

AT_LEAST = 2
"""The kind of comparison that means greater than or equal."""

SMALLEST_GROUP = 5
"""Visuals by department leave out those of fewer active people."""

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Field:
    """A column of the model, or a measure where no table is named."""

    name: str
    table: str = MEASURE_TABLE

    def expression(self, source: Mapping[str, str] | None = None) -> Json:
        """Returns the field as a query names it."""
        kind = "Measure" if self.table == MEASURE_TABLE else "Column"
        return {kind: {"Expression": {"SourceRef": source or {"Entity": self.table}}, "Property": self.name}}

    def projection(self) -> Json:
        """Returns the field as a visual shows it."""
        return {"field": self.expression(), "queryRef": f"{self.table}.{self.name}", "nativeQueryRef": self.name}


@dataclass(frozen=True)
class Visual:
    """A picture or table on a page.

    Args:
        kind: what Power BI calls it.
        fields: its fields, by what they are for: Category, Y, Values ...
        place: left, top, width and height.
        sorted_by: what the rows are sorted by, the largest first.
    """

    kind: str
    title: str
    fields: Mapping[str, Sequence[Field]]
    place: tuple[int, int, int, int]
    sorted_by: Field | None = None
    leaves_out_small_groups: bool = False

    def json(self, page: str, number: int) -> Json:
        """Returns the content of visual.json."""
        left, top, width, height = self.place
        visual: dict[str, Any] = {
            "visualType": self.kind,
            "query": {
                "queryState": {
                    role: {"projections": [field.projection() for field in fields]}
                    for role, fields in self.fields.items()
                },
                **self._sort(),
            },
            "visualContainerObjects": {
                "title": [{"properties": {"show": _flag(self.kind not in TITLED_BY_FIELD), "text": _text(self.title)}}]
            },
            "drillFilterOtherVisuals": True,
        }
        if self.kind in LOOKS:
            visual["objects"] = LOOKS[self.kind]
        found: dict[str, Any] = {
            "$schema": f"{DEFINITION}/visualContainer/2.4.0/schema.json",
            "name": visual_id(page, self),
            "position": {"x": left, "y": top, "z": number, "width": width, "height": height, "tabOrder": number},
            "visual": visual,
        }
        if self.leaves_out_small_groups:
            found["filterConfig"] = {"filters": [_of_enough_people(page, self)]}
        return found

    def _sort(self) -> Json:
        """A line goes by time, whatever is largest."""
        by, direction = self.sorted_by, "Descending"
        if self.kind == "lineChart":
            [by], direction = self.fields["Category"], "Ascending"
        return {"sortDefinition": {"sort": [{"field": by.expression(), "direction": direction}]}} if by else {}


@dataclass(frozen=True)
class Page:
    """A page of the report."""

    title: str
    visuals: tuple[Visual, ...]

    @property
    def name(self) -> str:
        """What files and links call it."""
        return short_id("page", self.title)

    def json(self) -> Json:
        """Returns the content of page.json."""
        return {
            "$schema": f"{DEFINITION}/page/2.0.0/schema.json",
            "name": self.name,
            "displayName": self.title,
            "displayOption": "FitToPage",
            "height": HEIGHT,
            "width": WIDTH,
        }


def visual_id(page: str, visual: Visual) -> str:
    """Returns what files call a visual of a page."""
    return short_id("visual", page, visual.title)


def short_id(*names: str) -> str:
    """Returns twenty digits, as Power BI names pages and visuals."""
    return derived_id(*names).replace("-", "")[:20]


def _of_enough_people(page: str, visual: Visual) -> Json:
    people = Field("Active people")
    condition = {
        "Comparison": {
            "ComparisonKind": AT_LEAST,
            "Left": people.expression({"Source": "m"}),
            "Right": {"Literal": {"Value": f"{SMALLEST_GROUP}L"}},
        }
    }
    return {
        "name": short_id("filter", page, visual.title),
        "field": people.expression(),
        "type": "Advanced",
        "filter": {
            "Version": 2,
            "From": [{"Name": "m", "Entity": people.table, "Type": 0}],
            "Where": [{"Condition": condition}],
        },
    }


def _flag(flag: bool) -> Json:
    return _value("true" if flag else "false")


def _text(text: str) -> Json:
    return _value("'" + text.replace("'", "''") + "'")


def _value(literal: str) -> Json:
    return {"expr": {"Literal": {"Value": literal}}}


TITLED_BY_FIELD = ("card", "slicer")
"""Visuals that show the name of their one field by themselves."""

LOOKS: Mapping[str, Json] = {"slicer": {"data": [{"properties": {"mode": _text("Dropdown")}}]}}
"""How visuals look that are not shown as they come."""
