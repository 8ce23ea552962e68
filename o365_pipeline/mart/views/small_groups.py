"""Which numbers of a group are told: those that enough people contributed to.

What belongs here: that rule, for the views that sum people up. Below how many people a number is null is the setting
minimum_group_size.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.mart.tables.settings import MINIMUM_GROUP_SIZE, mart_setting, minimum_group_size
from o365_pipeline.mart.views.view import view

FEW = "null where fewer people than minimum_group_size contributed to it, or to what is left of its whole without it"


def contributors(value: sa.ColumnElement) -> sa.ColumnElement[int]:
    """Returns how many rows, one for each person, contribute to the sum of a value."""
    return sa.func.count(sa.case((value > 0, 1)))


def known_or_one(people: sa.ColumnElement[int], number: sa.ColumnElement) -> sa.ColumnElement[int]:
    """Returns how many people contributed to a number; where nobody is known who did, it may have been one."""
    return sa.case((number == 0, 0), (sa.func.coalesce(people, 0) == 0, 1), else_=people)


def told(number: sa.ColumnElement, *people: sa.ColumnElement[int]) -> sa.ColumnElement:
    """Returns a number, or null where few people contributed.

    Args:
        people: how many contributed to it; and to what is left if it is subtracted from a number that stands beside it.
            That nobody did is told of a group that is large enough.
    """
    return sa.case((sa.and_(*(sa.or_(count >= minimum_group_size(), count == 0) for count in people)), number))


minimum_group_size_view = view(
    "minimum_group_size",
    "One row: of how many people a group has at least that is told of; no row where none is told of.",
    sa.select(sa.cast(mart_setting.c.value, sa.Integer).label("people")).where(
        mart_setting.c.name == MINIMUM_GROUP_SIZE
    ),
    comments={"people": "The views about groups leave out those of fewer people; 1 leaves out none"},
)
