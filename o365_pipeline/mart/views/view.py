"""A view of the mart: its name, its description, its select, and the comments of its columns.

What belongs here: the ways to write a view. The views are in the modules beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

UNKNOWN: sa.ColumnElement[str] = sa.literal_column("'(unknown)'", sa.Unicode())
SIXTY: sa.ColumnElement[float] = sa.literal_column("60.0", sa.Float())


NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True)
class View:
    """A view that is created when the schema is upgraded. No view reads another, so their order does not matter."""

    name: str
    description: str
    """One sentence: the grain of a row and its content."""
    comments: Mapping[str, str]
    """The comment of each column, by name, in the columns' order."""
    types: Mapping[str, sa.types.TypeEngine]
    """The type of each column."""
    sql: Callable[[sa.Dialect], str]
    """Returns the select in a database's SQL."""
    leaves_out_small_groups: bool = False
    """True if groups of fewer than minimum_group_size people are left out, or their people's measures are null."""
    refers_to: Mapping[str, str] = field(default_factory=dict)
    """The view whose key a column holds."""
    captions: Mapping[str, str] = field(default_factory=dict)
    """The name that people read, with the unit, of columns that they read."""

    def creation(self, dialect: sa.Dialect) -> str:
        """Returns the statement that creates the view.

        PostgreSQL would hand the rows of small groups to a reader's own function, or to a division that fails for some
        of them, before it leaves them out.
        """
        is_guarded = self.leaves_out_small_groups and dialect.name == "postgresql"
        return f"CREATE VIEW {self.name}{' WITH (security_barrier)' if is_guarded else ''} AS {self.sql(dialect)}"


def view(
    name: str,
    description: str,
    select: sa.Select,
    *sources: sa.Table,
    comments: Mapping[str, str] = NOTHING,
    leaves_out_small_groups: bool = False,
) -> View:
    """Makes a view; a column without a comment takes the comment of the source's column of that name."""
    inherited = {column.name: column.comment for table in reversed(sources) for column in table.columns}
    told = {**inherited, **comments}

    def sql(dialect: sa.Dialect) -> str:
        return str(select.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))

    return View(
        name,
        description,
        {column.name: told[column.name] or "" for column in select.selected_columns},
        {column.name: column.type for column in select.selected_columns},
        sql,
        leaves_out_small_groups,
    )


def view_of_newest_day(name: str, description: str, table: sa.Table, comments: Mapping[str, str] = NOTHING) -> View:
    """A view of the table's rows of each customer's last day."""
    select = sa.select(*columns_of(table)).select_from(of_newest_day(table))
    return view(name, description, select, table, comments={"day": "The newest day", **comments})


def sums(source: sa.FromClause, *names: str) -> list[sa.ColumnElement[int]]:
    """Returns the sums of some columns, under their names."""
    return [sa.func.sum(source.c[name]).label(name) for name in names]


def hours(minutes: sa.ColumnElement[int]) -> sa.ColumnElement:
    """Returns the sum of a column of minutes, in hours."""
    return sa.func.sum(minutes) / SIXTY


def ratio(part: sa.ColumnElement, whole: sa.ColumnElement) -> sa.ColumnElement[float]:
    """Returns one sum divided by another; null if that is 0."""
    return sa.type_coerce(part / sa.func.nullif(whole, 0), sa.Float())


def distinct(value: sa.ColumnElement) -> sa.ColumnElement[int]:
    """Returns the number of distinct values."""
    return sa.func.count(sa.distinct(value))


def as_number(flag: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    """Returns 1, 0 or null: databases differ in how they compare a truth value."""
    return sa.case((flag == sa.true(), 1), (flag == sa.false(), 0))


def columns_of(source: sa.FromClause) -> list[sa.ColumnElement]:
    """Returns all columns of a table; truth values as numbers."""
    return [
        as_number(column).label(column.name) if isinstance(column.type, sa.Boolean) else column
        for column in source.columns
    ]


def newest_day(table: sa.Table) -> sa.Subquery:
    """Returns (customer, day): each customer's last day in the table."""
    return sa.select(table.c.customer, sa.func.max(table.c.day).label("day")).group_by(table.c.customer).subquery()


def of_newest_day(table: sa.Table) -> sa.FromClause:
    """Returns the table's rows of each customer's last day."""
    newest = newest_day(table)
    return table.join(newest, sa.and_(newest.c.customer == table.c.customer, newest.c.day == table.c.day))
