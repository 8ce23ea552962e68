"""Creates and drops the views in a database, and tells whether they are up to date.

What belongs here: that SQL. `mart/upgrade.py` runs it within the upgrade of the schema.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache

import sqlalchemy as sa

from o365_pipeline.mart.tables.settings import (
    DEFAULT_MINIMUM_GROUP_SIZE,
    MINIMUM_GROUP_SIZE,
    mart_setting,
    read_setting,
    write_minimum_group_size,
    write_setting,
)
from o365_pipeline.mart.views import VIEWS, View

NOTE = "view "
"""The prefix of settings in mart_setting that describe the created views, one per view."""


def are_current(connection: sa.Connection) -> bool:
    """Tells whether the views were created with their present SQL; the schema must be up to date."""
    return _noted(connection) == _hashes(connection.dialect.name)


def create(connection: sa.Connection) -> None:
    """Creates the views, and leaves out small groups unless that is already set."""
    hashes = _hashes(connection.dialect.name)
    for view in VIEWS.values():
        note = NOTE + view.name
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {view.name}")
        connection.exec_driver_sql(view.creation(connection.dialect))
        if connection.dialect.supports_comments:
            connection.exec_driver_sql(comments(view, connection.dialect))
        write_setting(connection, note, hashes[note], "Hash of the SQL that the view was made of")
    if read_setting(connection, MINIMUM_GROUP_SIZE) is None:
        write_minimum_group_size(connection, DEFAULT_MINIMUM_GROUP_SIZE)


def comments(view: View, dialect: sa.Dialect) -> str:
    """Returns one statement by which a server that keeps comments says what the view and its columns hold."""
    text = sa.Unicode().dialect_impl(dialect).literal_processor(dialect)
    assert text
    quoted = [(text(name), text(comment)) for name, comment in view.comments.items()]
    if dialect.name == "mssql":
        says = "EXEC sp_addextendedproperty N'MS_Description',"
        of = f"N'schema', {text(dialect.default_schema_name or 'dbo')}, N'view', {text(view.name)}"
        columns = [f"{says} {comment}, {of}, N'column', {name}" for name, comment in quoted]
        return ";\n".join([f"{says} {text(view.description)}, {of}", *columns])
    quote = dialect.identifier_preparer.quote
    columns = [
        f"COMMENT ON COLUMN {view.name}.{quote(name)} IS {comment}"
        for name, (_, comment) in zip(view.comments, quoted, strict=True)
    ]
    return "DO $comments$ BEGIN\n{};\nEND $comments$".format(
        ";\n".join([f"COMMENT ON VIEW {view.name} IS {text(view.description)}", *columns])
    )


def drop(connection: sa.Connection) -> None:
    """Drops all views, including those that no longer exist in the code."""
    if not sa.inspect(connection).has_table(mart_setting.name):
        return
    for name in _noted(connection):
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name.removeprefix(NOTE)}")
        connection.execute(sa.delete(mart_setting).where(mart_setting.c.name == name))


def _noted(connection: sa.Connection) -> dict[str, str]:
    """Returns hashes of the created views, by the names of their settings."""
    notes = sa.select(mart_setting.c.name, mart_setting.c.value).where(mart_setting.c.name.like(f"{NOTE}%"))
    return {row.name: row.value for row in connection.execute(notes)}


@cache
def _hashes(dialect_name: str) -> Mapping[str, str]:
    """Returns hashes of the views as they are now in a database's SQL."""
    dialect = sa.make_url(f"{dialect_name}://").get_dialect()()
    return {NOTE + view.name: _hash(view.creation(dialect)) for view in VIEWS.values()}


def _hash(sql: str) -> str:
    return hashlib.sha256(sql.encode()).hexdigest()
