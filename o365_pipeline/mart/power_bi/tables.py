"""The semantic model's tables and relationships, as Power BI wants them.

What belongs here: what Power BI calls the star's tables and columns, and how it shows them. The text is written in
`semantic_model.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import sqlalchemy as sa

from o365_pipeline.mart.star.model import star_model
from o365_pipeline.mart.star.parts import StarColumn, StarTable

CALENDAR, MEASURE_TABLE = "Calendar", "Measures"

SECOND_PERSON = "Counterpart"
SECOND_PERSON_COLUMNS = {"star_collaboration_day": "person_b_key", "star_response_day": "counterpart_key"}
"""What holds the other one of two people. Power BI follows one relationship between two tables: the other one has a
table of people of its own.
"""

SORTED_BY = {"month_name": "month", "weekday_name": "weekday"}
"""Columns whose order is another column's."""

FLAGS, TIMES = "Yes or no", "Times"
"""Folders of columns."""


@dataclass(frozen=True)
class ModelColumn:
    """A column of the semantic model."""

    name: str
    source: str
    """What the view calls it."""
    data_type: str
    description: str
    is_hidden: bool = False
    is_key: bool = False
    is_summed: bool = False
    format: str | None = None
    folder: str | None = None
    sorted_by: str | None = None


@dataclass(frozen=True)
class ModelTable:
    """A table of the semantic model, which is filled from a view."""

    name: str
    view: str
    description: str
    columns: tuple[ModelColumn, ...]

    @property
    def is_of_customers(self) -> bool:
        """True where rows belong to a customer."""
        return any(column.source == "customer" for column in self.columns)


@dataclass(frozen=True)
class ModelRelationship:
    """Many rows of a table refer to one of another; each side is (table, column)."""

    many: tuple[str, str]
    one: tuple[str, str]
    is_active: bool


@cache
def model_tables() -> tuple[ModelTable, ...]:
    """Returns the star's tables, and the second table of people."""
    found = [_table(table, table.caption) for table in star_model().tables]
    person = star_model().table["star_person"]
    second = "The other one of two people, for Collaboration day and Response day: the same rows as Person."
    return (*found, _table(person, SECOND_PERSON, second))


@cache
def model_relationships() -> tuple[ModelRelationship, ...]:
    """Returns what Power BI can relate: a table's references to itself are not."""
    return tuple(
        ModelRelationship(
            (one.many.caption, one.many.column[one.column].caption),
            (SECOND_PERSON if is_second else one.one.caption, one.one.column[one.key].caption),
            is_active=one.is_active or is_second,
        )
        for one in star_model().relationships
        for is_second in (SECOND_PERSON_COLUMNS.get(one.many.name) == one.column,)
        if not one.is_within_a_table
    )


def _table(table: StarTable, name: str, description: str | None = None) -> ModelTable:
    columns = tuple(_column(table, column) for column in table.columns)
    return ModelTable(name, table.name, _for_people(description or table.description), columns)


def _column(table: StarTable, column: StarColumn) -> ModelColumn:
    is_calendar = table.caption == CALENDAR
    sorted_by = SORTED_BY.get(column.name) if is_calendar else None
    data_type, shown = _type_and_format(column.type)
    is_time = isinstance(column.type, sa.DateTime)
    return ModelColumn(
        column.caption,
        column.name,
        data_type,
        _for_people(column.description),
        is_hidden=column.is_hidden,
        is_key=column.name == table.key,
        is_summed=column.is_summed,
        format=shown if not is_calendar or data_type == "dateTime" else None,
        folder=FLAGS if column.is_flag else TIMES if is_time else None,
        sorted_by=table.column[sorted_by].caption if sorted_by else None,
    )


def _type_and_format(column_type: sa.types.TypeEngine) -> tuple[str, str | None]:
    """Returns Power BI's type, and how a value of it is shown."""
    for of_database, of_model, shown in (
        (sa.DateTime, "dateTime", "yyyy-mm-dd hh:nn"),
        (sa.Date, "dateTime", "yyyy-mm-dd"),
        (sa.Integer, "int64", "#,0"),
        (sa.Double, "double", "#,0.00"),
        (sa.String, "string", None),
    ):
        if isinstance(column_type, of_database):
            return of_model, shown
    raise TypeError(f"no type of Power BI for {column_type!r}")


def _for_people(description: str) -> str:
    """Returns a description that calls tables as the model does."""
    captions = {table.noun: table.caption for table in star_model().tables}
    return re.sub(r"\bstar_([a-z_]+)", lambda found: captions[found[1]], description)
