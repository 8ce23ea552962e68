"""Which numbers of a group are told: those that enough people contributed to, however they are subtracted.

What belongs here: that rule, for the views that sum people up, and what they round. Of how many people a number must
be is the setting minimum_group_size. What is promised by it is in `docs/privacy.md`.
"""

from __future__ import annotations

import functools
import itertools
import operator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

from o365_pipeline.mart.tables.settings import MINIMUM_GROUP_SIZE, mart_setting, minimum_group_size
from o365_pipeline.mart.views.view import view

FEW = (
    "null where fewer people than minimum_group_size contributed to it, or to what is left if it is subtracted from "
    "another number of the week that counts the same, or that from it"
)
ROUNDED = "rounded down to a multiple of minimum_group_size"


class _Whole(GenericFunction[int]):
    """A number that is not negative, without what follows its point."""

    type = sa.Integer()
    inherit_cache = True


@compiles(_Whole)
def _by_floor(element: _Whole, compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST(FLOOR({compiler.process(element.clauses, **options)}) AS INTEGER)"


@compiles(_Whole, "sqlite")
def _by_cast(element: _Whole, compiler: SQLCompiler, **options: Any) -> str:
    """SQLite need not have FLOOR, and its CAST rounds down."""
    return f"CAST({compiler.process(element.clauses, **options)} AS INTEGER)"


def contributors(value: sa.ColumnElement) -> sa.ColumnElement[int]:
    """Returns how many rows, one for each person, contribute to the sum of a value."""
    return sa.func.count(sa.case((value != 0, 1)))


def left_by(value: sa.ColumnElement, *others: sa.ColumnElement) -> list[sa.ColumnElement[int]]:
    """Returns how many contribute to a value's sum, and to what is left of it without any of others that overlap it.

    Args:
        others: no two of them have anything in common.
    """
    sums = (chosen for size in range(len(others) + 1) for chosen in itertools.combinations(others, size))
    return [contributors(functools.reduce(operator.sub, chosen, value)) for chosen in sums]


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


def rounded(number: sa.ColumnElement) -> sa.ColumnElement[int]:
    """Returns a number that is not negative, rounded down, so that such numbers differ by enough or not at all."""
    whole = number if isinstance(number.type, sa.Integer) else _Whole(number)
    return whole // minimum_group_size() * minimum_group_size()


minimum_group_size_view = view(
    "minimum_group_size",
    "One row: of how many people a group has at least that is told of; no row where none is told of.",
    sa.select(sa.cast(mart_setting.c.value, sa.Integer).label("people")).where(
        mart_setting.c.name == MINIMUM_GROUP_SIZE
    ),
    comments={"people": "The views about groups leave out those of fewer people; 1 leaves out none"},
)
