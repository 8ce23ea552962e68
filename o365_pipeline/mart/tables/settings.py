"""Settings that the mart's views read, so that whoever changes one needs no new views.

What belongs here: the table, and reading and writing a setting. It is no table of partitions: `MART_TABLES` is without.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.database.database import metadata
from o365_pipeline.database.ledger import put

MINIMUM_GROUP_SIZE = "minimum_group_size"
DEFAULT_MINIMUM_GROUP_SIZE = 5

mart_setting = sa.Table(
    "mart_setting",
    metadata,
    sa.Column("name", sa.String(100), primary_key=True, comment="minimum_group_size; or 'view' and a view's name"),
    sa.Column("value", sa.Unicode(200), nullable=False, comment="A number as text; of a view the hash of its SQL"),
    sa.Column("comment", sa.Unicode(400), nullable=False, comment="What the value does"),
    comment="One row per setting of the mart's views, and one per view that there is",
)


def write_setting(connection: sa.Connection, name: str, value: str, comment: str) -> None:
    """Give a setting its value."""
    put(connection, mart_setting, {"name": name, "value": value, "comment": comment})


def write_minimum_group_size(connection: sa.Connection, people: int) -> None:
    """Let views about groups leave out those of fewer people; 1 leaves out none."""
    write_setting(
        connection, MINIMUM_GROUP_SIZE, str(people), "Views about groups leave out those of fewer people than this"
    )


def read_setting(connection: sa.Connection, name: str) -> str | None:
    """The value of a setting; None where there is none."""
    return connection.scalar(sa.select(mart_setting.c.value).where(mart_setting.c.name == name))


def minimum_group_size() -> sa.ScalarSelect[int]:
    """The number, as views read it; without a row it is null, and no group is large enough."""
    return (
        sa.select(sa.cast(mart_setting.c.value, sa.Integer))
        .where(mart_setting.c.name == MINIMUM_GROUP_SIZE)
        .scalar_subquery()
    )
