"""What every database takes of a row, for messages that say where a row does not fit, and never what it holds.

What belongs here: the limits that SQLite, PostgreSQL and SQL Server have in common. Rows are made to fit in `build.py`
and in curation; this is for the day on which one was overlooked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence

import sqlalchemy as sa

INTEGER, BIGINT = 1 << 31, 1 << 63


def misfits(table: sa.Table, rows: Iterable[Sequence[object]]) -> Iterator[tuple[int, str, str]]:
    """(the row's place, column, reason) of what some database would refuse, of rows in the order of the key."""
    columns = list(table.columns)
    before: list[object] = []
    for place, row in enumerate(rows, start=1):
        for column, value in zip(columns, row, strict=True):
            if reason := _refused(column, value):
                yield place, column.name, reason
        # SQL Server fills texts up with blanks before it compares them.
        key = [
            value.rstrip(" ") if isinstance(value, str) else value
            for column, value in zip(columns, row, strict=True)
            if column.primary_key
        ]
        if key == before:
            yield place, ", ".join(column.name for column in table.primary_key), "the key is that of the row before it"
        before = key


def _refused(column: sa.Column[object], value: object) -> str | None:
    """Why a database would refuse a value of a column."""
    if value is None:
        return None if column.nullable and not column.primary_key else "there is no value"
    if isinstance(value, str):
        if "\0" in value:
            return "the text holds U+0000"
        length = getattr(column.type, "length", None)
        units = len(value.encode("utf-16-le", "surrogatepass")) // 2
        return f"the text has {units} characters, of {length}" if length and units > length else None
    if isinstance(value, int) and not isinstance(value, bool):
        most = BIGINT if isinstance(column.type, sa.BigInteger) else INTEGER
        return None if -most <= value < most else "the number is too large"
    if isinstance(value, float):
        return None if value - value == 0 else "the number is not finite"
    if isinstance(value, dt.date):
        return None if dt.MINYEAR <= value.year <= dt.MAXYEAR else "the year is not one of 1 to 9999"
    return None
