"""What the star is made of: tables with columns, and the relationships between them.

What belongs here: these words, and how they become SQL and names that a person reads. What the star holds is decided
in `model.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

import sqlalchemy as sa

from o365_pipeline.mart.star.server_sql import ServerSql

Expression = Callable[[ServerSql], str]
"""Writes an expression, or a source of rows, for a kind of server."""

PREFIX = "star_"

DATE_KEY = "date_key"
"""The one key that people read: it is the date itself."""

UNITS = {"minutes": "minutes", "bytes": "bytes", "days": "days", "at": "UTC"}
"""The unit of a column, by the last word of its name."""

SPELLED = {"id": "ID", "url": "URL", "iso": "ISO", "sku": "SKU", "iana": "IANA"}


class Kind(Enum):
    """What a row of a table is."""

    EVENT = "event"
    """Something that happened, or a sum of it: rows add up over dates."""
    SNAPSHOT = "snapshot"
    """Something as it was on a date: rows add up within a date, and not over dates."""
    DIMENSION = "dimension"
    """Something as it is now: what the others are filtered and grouped by."""


@dataclass(frozen=True)
class StarColumn:
    """A column of a star's table."""

    name: str
    type: sa.types.TypeEngine
    description: str
    expression: Expression
    refers_to: str | None = None
    """The table whose key it holds."""
    is_hidden: bool = False
    """True for keys and ids, which nobody reads."""
    is_flag: bool = False
    """True where it is 1 for yes and 0 for no."""
    is_summed: bool = False
    """True where the numbers of several rows add up."""
    told_unit: str | None = None

    @property
    def unit(self) -> str | None:
        """The unit of a number or time; None where there is none."""
        return self.told_unit or UNITS.get(self.name.rpartition("_")[2])

    @property
    def caption(self) -> str:
        """The name that a person reads: Duration (minutes)."""
        words = ["date"] if self.name == DATE_KEY else self.name.split("_")
        unit = self.unit
        if unit and words[-1] == unit and len(words) > 1:
            words.pop()
        text = " ".join(SPELLED.get(word, word) for word in words)
        return text[0].upper() + text[1:] + (f" ({unit})" if unit else "")


@dataclass(frozen=True)
class StarTable:
    """A table of the star: a view in the database."""

    noun: str
    kind: Kind
    description: str
    columns: tuple[StarColumn, ...]
    source: Expression
    """The FROM clause."""
    key: str | None = None
    """The column that is unique: what relationships to it hold."""

    @property
    def name(self) -> str:
        """The view's name."""
        return PREFIX + self.noun

    @property
    def caption(self) -> str:
        """The name that a person reads: Mail recipient."""
        return self.noun.replace("_", " ").capitalize()

    @cached_property
    def column(self) -> Mapping[str, StarColumn]:
        """The columns by name."""
        return {column.name: column for column in self.columns}

    def sql(self, dialect: sa.Dialect) -> str:
        """Returns the view's select in a server's SQL."""
        server = ServerSql(dialect)
        columns = ", ".join(f"{column.expression(server)} AS {server.name(column.name)}" for column in self.columns)
        # SQLite makes an index of rows that it has set aside, and not of an expression: it sets these aside.
        aside = " LIMIT -1" if server.is_sqlite and self.key else ""
        return f"SELECT {columns} FROM {self.source(server)}{aside}"


@dataclass(frozen=True)
class Relationship:
    """Many rows of a table refer to one row of another, by one column on either side."""

    many: StarTable
    column: str
    one: StarTable
    is_active: bool
    """True where a filter of the one side always reaches the many; between two tables there is one active way."""

    @property
    def key(self) -> str:
        """The column of the one side."""
        assert self.one.key
        return self.one.key

    @property
    def is_within_a_table(self) -> bool:
        """True for a person's manager and the like, which SQL can join and Power BI cannot relate."""
        return self.many == self.one
