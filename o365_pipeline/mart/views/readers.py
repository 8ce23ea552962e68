"""The roles of those who read the mart: one sees tables and views, one what the pages of insights show, one the views
of groups alone.

What belongs here: making the roles and granting to them, on servers that have roles. It changes nothing if it is
repeated, and follows each making of the views, since a view that is made anew has lost its grants.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from o365_pipeline.database.transient import transient_code
from o365_pipeline.errors import OptionRefusedError
from o365_pipeline.mart.dictionary import data_dictionary
from o365_pipeline.mart.tables import MART_TABLES
from o365_pipeline.mart.views import VIEWS

LOG = logging.getLogger("o365_pipeline")

READER = "mart_reader"
INSIGHTS_READER = "mart_insights"
GROUP_READER = "mart_group_reader"
OF_GROUPS = tuple(view.name for view in VIEWS.values() if view.leaves_out_small_groups)
"""The views that tell nothing about few people."""

OF_INSIGHTS = (
    *("dim_channel", "dim_customer", "dim_group", "dim_person", "dim_site"),
    *("fact_call", "fact_channel_message", "bridge_call_participant", "bridge_sharing_grantee"),
    *("agg_collaboration_day", "agg_group_day", "agg_person_day", "agg_site_exposure"),
    *("current_sharing_link", "department_collaboration_week", "department_week", "response_week"),
    *("ledger_row_provenance", "minimum_group_size"),
)
"""What the pages of insights are made of. The role is for the application alone, which asks who looks at a page."""

MAKE = {
    "mssql": "IF DATABASE_PRINCIPAL_ID('{role}') IS NULL CREATE ROLE {role}",
    "postgresql": "CREATE ROLE {role} NOLOGIN",
}


def roles(connection: sa.Connection) -> Mapping[str, Sequence[str]]:
    """Returns what each role may read.

    PostgreSQL's roles are the server's, not the database's: the name has the database's number, so that readers of one
    deployment are none of another's, nor of a later database of the same name.

    Raises:
        OptionRefusedError: the database has no roles.
    """
    if connection.dialect.name == "mssql":
        everything = (*(table.name for table in (*MART_TABLES, data_dictionary)), *VIEWS)
        return {READER: everything, INSIGHTS_READER: OF_INSIGHTS, GROUP_READER: OF_GROUPS}
    if connection.dialect.name == "postgresql":
        number = connection.scalar(sa.text("SELECT oid FROM pg_database WHERE datname = current_database()"))
        return {f"{INSIGHTS_READER}_{number}": OF_INSIGHTS, f"{GROUP_READER}_{number}": OF_GROUPS}
    raise OptionRefusedError(f"{connection.dialect.name} has no roles; nothing was changed")


def serve(connection: sa.Connection) -> Mapping[str, Sequence[str]]:
    """Makes the roles that are missing, and lets each read what it may; returns that.

    Raises:
        OptionRefusedError: the database has no roles, or its user may neither make them nor grant.
    """
    found = roles(connection)
    try:
        with connection.begin_nested():
            for role, names in found.items():
                _make(connection, role)
                for name in names:
                    connection.exec_driver_sql(f"GRANT SELECT ON {name} TO {role}")
    except sa.exc.DBAPIError as error:
        if transient_code(error):
            raise
        make = MAKE[connection.dialect.name]
        statements = "; ".join(make.format(role=role) for role in found)
        raise OptionRefusedError(
            f"the database's user may not make roles of readers: let somebody run `{statements}`, and then "
            "`o365-pipeline mart readers`"
        ) from error
    return found


def serve_if_allowed(connection: sa.Connection) -> None:
    """Does it where the database has roles, and says it in one line where the user may not."""
    if connection.dialect.name not in MAKE:
        return
    try:
        serve(connection)
    except OptionRefusedError as error:
        LOG.warning("The mart's schema is up to date, but %s", error)


def _make(connection: sa.Connection, role: str) -> None:
    if connection.dialect.name == "postgresql":
        known = sa.text("SELECT 1 FROM pg_roles WHERE rolname = :role")
        if not connection.scalar(known, {"role": role}):
            connection.exec_driver_sql(MAKE["postgresql"].format(role=role))
        schema = connection.scalar(sa.text("SELECT current_schema()"))
        if not connection.scalar(
            sa.text("SELECT has_schema_privilege(:role, :schema, 'USAGE')"), {"role": role, "schema": schema}
        ):
            quoted = connection.dialect.identifier_preparer.quote(str(schema))
            connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {quoted} TO {role}")
    else:
        connection.exec_driver_sql(MAKE["mssql"].format(role=role))
