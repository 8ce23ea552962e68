"""Provisional: the tables of groups, channels, calls, signals, tasks, devices and licenses."""

from __future__ import annotations

from alembic import op

from o365_pipeline.mart.tables import MART_TABLES

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BEFORE = {
    "dim_person",
    "dim_date",
    "fact_message",
    "bridge_message_recipient",
    "fact_meeting",
    "bridge_meeting_attendee",
    "fact_chat",
    "agg_person_day",
}
TABLES = [table for table in MART_TABLES if table.name not in BEFORE]


def upgrade() -> None:
    for table in TABLES:
        table.create(op.get_bind())
        if op.get_context().dialect.name == "mssql":
            op.create_index(f"ix_{table.name}_partition", table.name, ["customer", "day"], mssql_clustered=True)
            op.execute(f"GRANT SELECT ON {table.name} TO mart_reader")


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table.name)
