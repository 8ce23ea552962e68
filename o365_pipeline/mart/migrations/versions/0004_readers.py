"""Readers of the mart on SQL Server: a role that sees its tables and the provenance, and rows that lie by partition."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = (
    "dim_person",
    "dim_date",
    "fact_message",
    "bridge_message_recipient",
    "fact_meeting",
    "bridge_meeting_attendee",
    "fact_chat",
    "agg_person_day",
)

ROLE = """
IF NOT EXISTS (SELECT 1 FROM sys.database_principals WHERE name = 'mart_reader') CREATE ROLE mart_reader
"""
"""A role is the database's: it may be there from before."""


def upgrade() -> None:
    if op.get_context().dialect.name != "mssql":
        return
    for table in TABLES:
        # Without a clustered index a partition's rows lie anywhere, and the space of deleted ones is not given back.
        op.create_index(f"ix_{table}_partition", table, ["customer", "day"], mssql_clustered=True)
    op.execute(ROLE)
    for name in (*TABLES, "ledger_row_provenance"):
        op.execute(f"GRANT SELECT ON {name} TO mart_reader")


def downgrade() -> None:
    if op.get_context().dialect.name != "mssql":
        return
    # The role stays: it cannot be dropped while it has members.
    for name in (*TABLES, "ledger_row_provenance"):
        op.execute(f"REVOKE SELECT ON {name} FROM mart_reader")
    for table in TABLES:
        op.drop_index(f"ix_{table}_partition", table)
