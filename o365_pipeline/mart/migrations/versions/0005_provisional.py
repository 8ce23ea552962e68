"""Provisional: the tables as the models say, made anew."""

from __future__ import annotations

from alembic import op

from o365_pipeline.mart.tables import MART_TABLES

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

OLD = (
    "dim_person",
    "dim_date",
    "fact_message",
    "bridge_message_recipient",
    "fact_meeting",
    "bridge_meeting_attendee",
    "fact_chat",
    "agg_person_day",
)


def upgrade() -> None:
    on_sql_server = op.get_context().dialect.name == "mssql"
    for table in MART_TABLES:
        if table.name in OLD:
            op.drop_table(table.name)
        table.create(op.get_bind())
        if on_sql_server:
            op.create_index(f"ix_{table.name}_partition", table.name, ["customer", "day"], mssql_clustered=True)
            op.execute(f"GRANT SELECT ON {table.name} TO mart_reader")


def downgrade() -> None:
    for table in MART_TABLES:
        if table.name not in OLD:
            op.drop_table(table.name)
