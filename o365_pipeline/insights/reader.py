"""Reads one customer's mart for a page: by a connection that cannot write, and no further back than a page shows.

What belongs here: what the questions have in common. Each question is in the module of its page.

The mart's tables lie by customer and day. So what is asked names its days one by one, and what is there now is asked of
the newest day: then a page reads its own rows alone, whatever the years before it hold.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from o365_pipeline.database.database import Database
from o365_pipeline.mart.read_only import reading
from o365_pipeline.mart.tables import dim_customer
from o365_pipeline.mart.views import VIEWS

WEEKS = 13
"""How far back pages look: a quarter."""

SHOWN = 25
"""How many rows a page shows of a list."""

NO_GROUP_IS_SO_LARGE = 1_000_000_000


@dataclass(frozen=True)
class Reader:
    """A customer's mart, for as long as a page is made."""

    connection: sa.Connection
    customer: str
    began: float = field(default_factory=time.monotonic)
    """When the page began to be made."""

    def rows(self, query: sa.Executable) -> Sequence[Any]:
        """Returns the rows, each with its columns by their names."""
        return self.connection.execute(query).all()

    def first(self, query: sa.Executable) -> Any:
        """Returns the first row; None where there is none."""
        return self.connection.execute(query).first()

    @cached_property
    def days(self) -> Sequence[dt.date]:
        """The newest days that were loaded, the newest first."""
        day = dim_customer.c.day
        query = sa.select(day).where(dim_customer.c.customer == self.customer).order_by(day.desc()).limit(7 * WEEKS)
        return list(self.connection.scalars(query))

    @property
    def newest_day(self) -> dt.date | None:
        return self.days[0] if self.days else None

    @property
    def first_week(self) -> dt.date:
        """The Monday with which the weeks of a page begin."""
        newest = self.newest_day or dt.date.min + dt.timedelta(weeks=2 * WEEKS)
        return newest - dt.timedelta(days=newest.weekday(), weeks=WEEKS - 1)

    @cached_property
    def group_size(self) -> int:
        """Groups of fewer people are left out."""
        found = self.connection.scalar(sa.select(sa.column("people")).select_from(sa.table("minimum_group_size")))
        return NO_GROUP_IS_SO_LARGE if found is None else int(found)

    def is_told_of(self, people: int) -> bool:
        """Whether a number may be told that so many people contributed to; that nobody did may be."""
        return people == 0 or people >= self.group_size

    def is_recent(self, table: sa.Table) -> sa.ColumnElement[bool]:
        """Whether a row is this customer's, and of the days of a page."""
        return sa.and_(table.c.customer == self.customer, table.c.day.in_(self.days))

    def is_newest(self, table: sa.Table) -> sa.ColumnElement[bool]:
        """Whether a row is this customer's, and of the newest day that the table has."""
        newest = sa.select(sa.func.max(table.c.day)).where(table.c.customer == self.customer)
        return sa.and_(table.c.customer == self.customer, table.c.day == self.connection.scalar(newest))

    def of_view(self, name: str, *columns: str) -> sa.Select[Any]:
        """Selects this customer's rows of one of the mart's views."""
        found = sa.table(name, *(sa.column(column, kind) for column, kind in VIEWS[name].types.items()))
        return sa.select(*(found.c[column] for column in columns or found.c.keys())).where(
            found.c.customer == self.customer
        )


@contextmanager
def reader_of(database: Database, customer: str) -> Iterator[Reader]:
    """Opens a customer's mart for one page."""
    with reading(database) as connection:
        yield Reader(connection, customer)
