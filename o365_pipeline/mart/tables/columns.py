"""What the tables have in common: the partition that loaded a row, the extraction it comes from, ids, addresses.

What belongs here: the ways to write a table and a column. The tables are in the modules beside it.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.database.database import exact_unicode, metadata

__all__ = ["address", "count", "date_key", "exact_unicode", "extraction_id", "person_id", "table", "week_start"]


def table(name: str, grain: str, key: tuple[str, ...], *columns: sa.Column) -> sa.Table:
    """A mart table: the partition's columns, its own, and the extraction that every row comes from."""
    return sa.Table(
        name,
        metadata,
        sa.Column("customer", sa.String(100), comment="Tenant whose data this is"),
        sa.Column("day", sa.Date, comment="The partition that loaded the row"),
        *columns,
        # A clustered index of SQL Server ends at 900 bytes, which these keys can pass; another one ends at 1,700.
        sa.PrimaryKeyConstraint("customer", "day", *key, mssql_clustered=False),
        comment=grain,
        # The rows lie in the key's order instead of beside an index that repeats the key: half the file.
        sqlite_with_rowid=False,
    )


def extraction_id(nullable: bool = False) -> sa.Column[str]:
    return sa.Column("extraction_id", sa.String(64), nullable=nullable, comment="The extraction that it comes from")


def person_id(name: str, comment: str) -> sa.Column[str]:
    return sa.Column(name, exact_unicode(100), comment=comment, info={"references": "dim_person.person_id"})


def address(name: str, comment: str) -> sa.Column[str]:
    return sa.Column(name, exact_unicode(320), comment=comment)


def date_key(comment: str) -> sa.Column[object]:
    return sa.Column("date_key", sa.Date, nullable=False, comment=comment)


def week_start() -> sa.Column[object]:
    return sa.Column("week_start", sa.Date, nullable=False, comment="Monday of the week that date_key is in")


def count(name: str, comment: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, comment=comment)
