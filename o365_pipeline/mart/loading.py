"""Writing a partition's frames to a mart table, at any SQLAlchemy database.

What belongs here: delete-and-insert of one partition, and what a frame's values are to a database. Building the frames
is `build.py`'s; the transaction is the caller's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pandas as pd
import sqlalchemy as sa


def load_partition(
    connection: sa.Connection, table: sa.Table, customer: str, day: dt.date, chunks: Iterator[pd.DataFrame]
) -> int:
    """Replace the partition's rows by those of the chunks, in the caller's transaction; returns how many.

    The rows go one per execution of one statement (executemany), so SQL Server's 2,100 parameters are never near.

    Raises:
        ValueError: a row belongs to another partition.
    """
    connection.execute(sa.delete(table).where(table.c.customer == customer, table.c.day == day))
    rows = 0
    for chunk in chunks:
        if not (chunk["customer"].eq(customer) & chunk["day"].eq(pd.Timestamp(day))).all():
            raise ValueError(f"{table.name}: a row of another partition in the load of {customer}, {day}")
        connection.execute(sa.insert(table), _records(table, chunk))
        rows += len(chunk)
    return rows


def _records(table: sa.Table, chunk: pd.DataFrame) -> list[dict[str, object]]:
    """The rows as Python values: None for every kind of missing value, and dates rather than timestamps."""
    values = {}
    for name in chunk.columns:
        series = chunk[name]
        missing = series.isna()
        if isinstance(table.c[name].type, sa.Date):
            series = series.dt.date
        values[name] = series.astype(object).mask(missing, None).tolist()
    return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
