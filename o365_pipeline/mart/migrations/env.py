"""How Alembic runs the migrations of ledger and mart: on the connection it is given, else on `-x url=...`.

What belongs here: the choice of the connection, or with `--sql` of the dialect that a script is written in. Logging is
configured by whoever runs the process, never here.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

import o365_pipeline.database.ledger
import o365_pipeline.mart.tables  # noqa: F401 - both fill the metadata
from o365_pipeline.database.database import metadata
from o365_pipeline.errors import SettingsError
from o365_pipeline.mart.dictionary import data_dictionary, write_dictionary
from o365_pipeline.mart.views import schema


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
        # The pipeline makes them anew when it starts.
        schema.drop(connection)
        context.run_migrations()
        if sa.inspect(connection).has_table(data_dictionary.name):
            write_dictionary(connection)


if context.is_offline_mode():
    context.configure(url=_url(), target_metadata=metadata, literal_binds=True)
    if (dialect := context.get_context().dialect).name == "mssql":
        # What a connection would say of itself: its schema, and a version that has DATE and NVARCHAR(max).
        dialect.default_schema_name, dialect.server_version_info = "dbo", (12,)
        vars(dialect)["deprecate_large_types"] = True
    with context.begin_transaction():
        context.run_migrations()
elif connection := context.config.attributes.get("connection"):
    _migrate(connection)
else:
    with sa.create_engine(_url()).begin() as connection:
        _migrate(connection)
