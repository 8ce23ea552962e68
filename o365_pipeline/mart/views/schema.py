"""The views in a database: whether they are there as they are written here, making them, dropping them.

What belongs here: SQL that makes and drops. `mart/upgrade.py` calls it within the upgrade of the schema.
"""

from __future__ import annotations

import hashlib

import sqlalchemy as sa

from o365_pipeline.mart.tables.settings import (
    DEFAULT_MINIMUM_GROUP_SIZE,
    MINIMUM_GROUP_SIZE,
    mart_setting,
    read_setting,
    write_minimum_group_size,
    write_setting,
)
from o365_pipeline.mart.views import VIEWS

NOTE = "view "
"""What the names of notes in mart_setting begin with: one per view that was made."""


def are_current(connection: sa.Connection) -> bool:
    """Whether the views were made of the SQL that they are written in now; of a schema that is up to date."""
    written = {NOTE + view.name: _hash(view.sql(connection.dialect)) for view in VIEWS.values()}
    return _noted(connection) == written


def create(connection: sa.Connection) -> None:
    """Make the views, let readers see them, and leave out small groups unless that is set."""
    for view in VIEWS.values():
        sql = view.sql(connection.dialect)
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {view.name}")
        connection.exec_driver_sql(f"CREATE VIEW {view.name} AS {sql}")
        if connection.dialect.name == "mssql":
            connection.exec_driver_sql(f"GRANT SELECT ON {view.name} TO mart_reader")
        write_setting(connection, NOTE + view.name, _hash(sql), "Hash of the SQL that the view was made of")
    if read_setting(connection, MINIMUM_GROUP_SIZE) is None:
        write_minimum_group_size(connection, DEFAULT_MINIMUM_GROUP_SIZE)


def drop(connection: sa.Connection) -> None:
    """Drop the views that are there, those too that are not written any more."""
    if not sa.inspect(connection).has_table(mart_setting.name):
        return
    for name in _noted(connection):
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name.removeprefix(NOTE)}")
        connection.execute(sa.delete(mart_setting).where(mart_setting.c.name == name))


def _noted(connection: sa.Connection) -> dict[str, str]:
    """The notes by their names: hashes of the views that were made."""
    notes = sa.select(mart_setting.c.name, mart_setting.c.value).where(mart_setting.c.name.like(f"{NOTE}%"))
    return {row.name: row.value for row in connection.execute(notes)}


def _hash(sql: str) -> str:
    return hashlib.sha256(sql.encode()).hexdigest()
