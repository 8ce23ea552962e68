"""The star's model, made of the mart's tables and their references: what there is, and what relates to what.

What belongs here: the rules by which tables become tables of the star, and references become relationships. How they
are called is in `contents.py`, the dates are in `calendar.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property

import sqlalchemy as sa

from o365_pipeline.mart import tables
from o365_pipeline.mart.references import PARTITION, Reference, own_key, references
from o365_pipeline.mart.star.calendar import CUSTOMER_DAY, calendar, customer_day
from o365_pipeline.mart.star.contents import (
    DIMENSIONS,
    DISTINCT_PEOPLE,
    DOES_NOT_ADD_UP,
    FACTS,
    SNAPSHOTS,
    SUMS_OF_DAYS,
    UNITS,
    WITH_HISTORY,
)
from o365_pipeline.mart.star.parts import PREFIX, Expression, Kind, Relationship, StarColumn, StarTable
from o365_pipeline.mart.star.server_sql import ServerSql
from o365_pipeline.mart.tables import MART_TABLES

LONGEST_CUSTOMER = 100


@dataclass(frozen=True)
class StarModel:
    """Everything that a tool for reports is told about the star."""

    tables: tuple[StarTable, ...]

    @cached_property
    def relationships(self) -> tuple[Relationship, ...]:
        """Every column that holds a key of another table."""
        return tuple(_relationships(self.tables))

    @cached_property
    def table(self) -> Mapping[str, StarTable]:
        """The tables by their views' names."""
        return {table.name: table for table in self.tables}

    def of(self, table: StarTable) -> tuple[Relationship, ...]:
        """Returns the relationships of which the table is the many side."""
        return tuple(one for one in self.relationships if one.many == table)


@cache
def star_model() -> StarModel:
    """Returns the star: each table with its columns, and the relationships by one column.

    It is made of the mart's tables and references alone, without a database. The views are created from it, and a
    semantic model (of Power BI, say) can be: a column has a name in SQL, a caption for people, a type, a description,
    a unit, and says whether it is hidden and whether it adds up; a relationship says whether it is active, so that
    between two tables there is never more than one active way.
    """
    of_tables = {table.name: table for table in MART_TABLES}
    found = [calendar, *(_dimension(noun) for noun in DIMENSIONS), customer_day]
    found += [_snapshot(noun) for noun in WITH_HISTORY]
    found += [_fact(of_tables[name], noun) for name, noun in FACTS.items()]
    return StarModel(tuple(found))


def _relationships(found: tuple[StarTable, ...]) -> Iterator[Relationship]:
    """Gives what filters the right to be active: dimensions of facts first, then snapshots, facts of facts, and last
    dimensions of dimensions.
    """
    by_name = {table.name: table for table in found}
    named = [(many, column, by_name[column.refers_to]) for many in found for column in many.columns if column.refers_to]
    order = (Kind.DIMENSION, Kind.SNAPSHOT, Kind.EVENT)
    named.sort(key=lambda one: (one[0].kind is Kind.DIMENSION, order.index(one[2].kind)))
    reached = {table.name: {table.name} for table in found}
    for many, column, one in named:
        before = [name for name, others in reached.items() if many.name in others]
        is_active = not any(reached[name] & reached[one.name] for name in before)
        for name in before if is_active else ():
            reached[name] |= reached[one.name]
        yield Relationship(many, column.name, one, is_active)


def _dimension(noun: str) -> StarTable:
    """A table's newest row of each key."""
    table = _table_of(noun)
    key = own_key(table)
    of, same = ", ".join(("customer", *key)), "".join(f" AND latest.{name} = t.{name}" for name in key)
    # As quick as can be without a table of its own: both maxima are found in the primary key.
    source = (
        f"{table.name} AS t JOIN (SELECT {of}, MAX(day) AS day FROM {table.name} GROUP BY {of}) AS latest "
        f"ON latest.customer = t.customer AND latest.day = t.day{same} "
        f"JOIN (SELECT customer, MAX(day) AS day FROM {table.name} GROUP BY customer) AS newest "
        "ON newest.customer = t.customer"
    )
    told_on = StarColumn("told_on_day", sa.Date(), "The newest day of the mart that has it", lambda _: "t.day")
    is_current = StarColumn(
        "is_current",
        sa.Integer(),
        "1 where the customer's newest day has it, else 0; what has gone since is there as last known",
        lambda _: "CASE WHEN t.day = newest.day THEN 1 ELSE 0 END",
        is_flag=True,
    )
    columns = list(_columns(table, of_now=True))
    if key:
        columns = [_own_key(noun, table), *columns, told_on, is_current]
    return StarTable(
        noun,
        Kind.DIMENSION,
        f"{DIMENSIONS[noun]}.",
        tuple(columns),
        lambda _: source,
        key=f"{noun}_key" if key else "customer",
    )


def _snapshot(noun: str) -> StarTable:
    """A table's rows of every day."""
    table = _table_of(noun)
    key = _own_key(f"{noun}_snapshot", table, of_day=True)
    now = _own_key(noun, table, refers_to=PREFIX + noun)
    columns = (key, now, *_dates("t.day", "The day"), *_columns(table, of_now=False))
    return StarTable(
        f"{noun}_snapshot",
        Kind.SNAPSHOT,
        f"{WITH_HISTORY[noun]}.",
        columns,
        lambda _: f"{table.name} AS t",
        key=key.name,
    )


def _fact(table: sa.Table, noun: str) -> StarTable:
    is_snapshot = table.name in SNAPSHOTS
    parent = None if is_snapshot or "date_key" in table.c else _dated_parent(table)
    columns: list[StarColumn] = []
    key = f"{noun}_key" if table.name in _referred_to() else None
    if key:
        columns.append(_own_key(noun, table, of_day=True))
    if parent is not None:
        of = _noun_of(parent.key.table)
        columns += _dates("COALESCE(p.date_key, t.day)", f"Of the {of}: {_said(parent.key.table.c.date_key)}")
    elif is_snapshot or "date_key" not in table.c:
        columns += _dates("t.day", "The day that the row is as of")
    else:
        columns += _dates("t.date_key", _said(table.c.date_key))
    if is_snapshot and "date_key" in table.c:
        columns.append(_date_key("created_date_key", "t.date_key", _said(table.c.date_key)))
    columns += _columns(table, of_now=False)
    return StarTable(
        noun,
        Kind.SNAPSHOT if is_snapshot else Kind.EVENT,
        f"{_in_star(table.comment or '')}.",
        tuple(columns),
        _source(table, parent),
        key=key,
    )


def _source(table: sa.Table, parent: Reference | None) -> Expression:
    if parent is None:
        return lambda _: f"{table.name} AS t"
    of, key, column = parent.key.table.name, parent.key.name, parent.column.name
    return lambda _: (
        f"{table.name} AS t LEFT JOIN {of} AS p ON p.customer = t.customer AND p.day = t.day AND p.{key} = t.{column}"
    )


def _dates(date: str, description: str) -> Iterator[StarColumn]:
    yield _date_key("date_key", date, description)
    yield StarColumn(
        "customer_day_key",
        sa.String(111),
        "Customer and date_key",
        lambda server: server.key("t.customer", server.date_text(date)),
        refers_to=PREFIX + CUSTOMER_DAY,
        is_hidden=True,
    )


def _date_key(name: str, date: str, description: str) -> StarColumn:
    return StarColumn(
        name, sa.Date(), description, lambda server: server.date(date), refers_to=calendar.name, is_hidden=True
    )


def _columns(table: sa.Table, of_now: bool) -> Iterator[StarColumn]:
    """The table's columns without day and date_key; what refers to something by that thing's key.

    Args:
        of_now: whether it is told as of now, so that there is no day to tell what held then.
    """
    referring = {one.column.name: one for one in references(table)}
    is_customer = table is tables.dim_customer
    yield _plain(
        table, table.c.customer, is_hidden=not is_customer, refers_to=None if is_customer else f"{PREFIX}customer"
    )
    for column in table.columns:
        if column.name in (*PARTITION, "date_key"):
            continue
        if reference := referring.get(column.name):
            yield from _keys_of(reference, of_now)
        else:
            yield _plain(table, column, is_hidden=column.name.endswith(("_id", "_key")) or column.name == "week_start")


def _keys_of(reference: Reference, of_now: bool) -> Iterator[StarColumn]:
    """The column that holds the key of what is referred to; a second one for what it was on that day."""
    column, noun = reference.column, _noun_of(reference.key.table)
    role = noun if column.name == reference.key.name else column.name.removesuffix("_id")
    of = PREFIX + noun
    if noun not in DIMENSIONS:
        yield _key_column(f"{role}_key", column, f"{_said(column)}: leads to its row", of_day=True, refers_to=of)
        return
    yield _key_column(f"{role}_key", column, f"{_said(column)}: leads to what is known now", refers_to=of)
    if noun in WITH_HISTORY and not of_now:
        then = f"{of}_snapshot"
        told = f"{_said(column)}: leads to what held on the day that loaded the row"
        yield _key_column(f"{role}_snapshot_key", column, told, of_day=True, refers_to=then)


def _own_key(noun: str, table: sa.Table, of_day: bool = False, refers_to: str | None = None) -> StarColumn:
    [name] = own_key(table)
    told = f"Customer, day and {name}" if of_day else f"Customer and {name}"
    return _key_column(f"{noun}_key", table.c[name], told, of_day, refers_to)


def _key_column(
    name: str, column: sa.Column, description: str, of_day: bool = False, refers_to: str | None = None
) -> StarColumn:
    """A key that is unique over customers: the customer's name, the day where it counts, and the id."""
    assert isinstance(column.type, sa.String)
    assert column.type.length
    length = column.type.length

    def expression(server: ServerSql) -> str:
        day = [server.date_text("t.day")] if of_day else []
        return server.key("t.customer", *day, server.id_text(f"t.{server.name(column.name)}", length))

    kind = sa.Unicode(LONGEST_CUSTOMER + len("/2026-01-01/~") + 4 * length)
    return StarColumn(name, kind, description, expression, refers_to, is_hidden=True)


def _plain(table: sa.Table, column: sa.Column, refers_to: str | None = None, is_hidden: bool = False) -> StarColumn:
    is_flag = isinstance(column.type, sa.Boolean)
    is_number = isinstance(column.type, sa.Integer | sa.Double)
    never = DOES_NOT_ADD_UP - SUMS_OF_DAYS.get(table.name, set()) | DISTINCT_PEOPLE.get(table.name, set())
    is_hours = table is tables.fact_viva_metric and is_number and column.name != "influence_score"

    def value(server: ServerSql) -> str:
        return f"t.{server.name(column.name)}"

    return StarColumn(
        column.name,
        sa.Integer() if is_flag else column.type,
        _said_of_flag(column) if is_flag else _said(column),
        (lambda server: server.flag(value(server))) if is_flag else value,
        refers_to=refers_to,
        is_hidden=is_hidden,
        is_flag=is_flag,
        is_summed=is_number and not is_flag and column.name not in never,
        told_unit="hours" if is_hours else UNITS.get(column.name),
    )


def _said(column: sa.Column) -> str:
    """What the column holds, in the star's names."""
    return _in_star(column.comment or "").replace(", as of the day", "")


def _said_of_flag(column: sa.Column) -> str:
    """A truth value's comment begins with True, and ends where it is null."""
    holds, semicolon, rest = _said(column).removeprefix("True").partition(";")
    return f"1{holds}, else 0{semicolon}{rest}"


def _in_star(text: str) -> str:
    """A text with the star's names instead of those of tables."""
    return re.sub(r"\b(?:dim|fact|bridge|agg)_[a-z_]+", lambda found: PREFIX + _noun_of_name(found[0]), text)


def _table_of(noun: str) -> sa.Table:
    [table] = [table for table in MART_TABLES if table.name == f"dim_{noun}"]
    return table


def _noun_of(table: sa.Table) -> str:
    return _noun_of_name(table.name)


def _noun_of_name(name: str) -> str:
    return calendar.noun if name == tables.dim_date.name else FACTS.get(name) or name.removeprefix("dim_")


@cache
def _referred_to() -> frozenset[str]:
    return frozenset(one.key.table.name for table in MART_TABLES for one in references(table))


def _dated_parent(table: sa.Table) -> Reference | None:
    """The fact that a bridge belongs to, if it has a date."""
    found = [one for one in references(table) if one.key.table.name in FACTS and "date_key" in one.key.table.c]
    return found[0] if found else None
