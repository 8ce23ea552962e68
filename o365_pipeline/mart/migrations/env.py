"""Runs Alembic's migrations of ledger and mart on the given connection, or else on `-x url=...`.

What belongs here: the choice of the connection, or with `--sql` of the dialect that a script is written in. Logging is
configured by the process that runs it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

import o365_pipeline.database.deletion_ledger
import o365_pipeline.database.ledger
import o365_pipeline.database.news_ledger
import o365_pipeline.mart.dictionary
import o365_pipeline.mart.tables  # noqa: F401 - all five fill the metadata
from o365_pipeline.database.database import metadata
from o365_pipeline.errors import SettingsError


def _url() -> str:
    if url := context.get_x_argument(as_dictionary=True).get("url"):
        return url
    raise SettingsError("no database to migrate; name it: alembic -x url=sqlite:///.o365/mart.db upgrade head")


def _migrate(connection: sa.Connection) -> None:
    # SQLite cannot alter a column: Alembic copies the table instead.
    context.configure(
        connection=connection, target_metadata=metadata, render_as_batch=connection.dialect.name == "sqlite"
    )
    with context.begin_transaction():
        context.run_migrations()


if connection := context.config.attributes.get("connection"):
    _migrate(connection)
else:
    with sa.create_engine(_url()).begin() as connection:
        _migrate(connection)
