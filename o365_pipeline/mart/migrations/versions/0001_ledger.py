"""The ledger: what was approved, extracted, landed and purged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mssql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIMESTAMP = sa.DateTime().with_variant(mssql.DATETIME2(6), "mssql")


def upgrade() -> None:
    op.create_table(
        "ledger_approval_event",
        sa.Column("customer", sa.String(100), nullable=False),
        sa.Column("event_id", sa.String(100), nullable=False, comment="Id of the audit record"),
        sa.Column("application_id", sa.String(100), nullable=False),
        sa.Column("state", sa.String(30), nullable=False),
        sa.Column("updated_at", TIMESTAMP, nullable=False, comment="When the approver decided"),
        sa.Column("expires_at", TIMESTAMP, comment="When the approval ends"),
        sa.Column("approver", sa.Unicode(320)),
        sa.Column("reason", sa.Unicode(4000)),
        sa.Column("event", sa.UnicodeText(), nullable=False, comment="The whole event as JSON"),
        sa.Column("recorded_at", TIMESTAMP, nullable=False),
        sa.PrimaryKeyConstraint("customer", "event_id", name="pk_ledger_approval_event"),
        comment="Append-only: every consent event that was read, once",
    )
    op.create_table(
        "ledger_extraction",
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="Key of customer, dataset and window"),
        sa.Column("customer", sa.String(100), nullable=False),
        sa.Column("dataset", sa.String(100), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("columns", sa.UnicodeText(), nullable=False, comment="The requested columns, a JSON list"),
        sa.Column("approval_event_id", sa.String(100), nullable=False, comment="The approval that allowed it"),
        sa.Column(
            "requested_by", sa.String(20), nullable=False, comment="extraction (the job) or raw (an asset by hand)"
        ),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("claim", sa.String(64), nullable=False, comment="Who may create the factory run"),
        sa.Column("claimed_at", TIMESTAMP, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("factory_run_id", sa.String(100)),
        sa.Column("submitted_at", TIMESTAMP),
        sa.Column("finished_at", TIMESTAMP),
        sa.Column("rows_reported", sa.BigInteger(), comment="rowsCopied, as the factory counted"),
        sa.Column("files_reported", sa.BigInteger(), comment="filesWritten, as the factory counted"),
        sa.Column("error", sa.Unicode(4000)),
        sa.PrimaryKeyConstraint("extraction_id", name="pk_ledger_extraction"),
        comment="One row per dataset and window that was ever submitted; never two factory runs under way for one",
    )
    op.create_index("ix_ledger_extraction_customer", "ledger_extraction", ["customer"])
    op.create_index(
        "ix_ledger_extraction_factory_run_id",
        "ledger_extraction",
        ["factory_run_id"],
        unique=True,
        mssql_where=sa.text("factory_run_id IS NOT NULL"),
    )
    op.create_index("ix_ledger_extraction_status", "ledger_extraction", ["status"])
    op.create_table(
        "ledger_landing",
        sa.Column("extraction_id", sa.String(64), nullable=False),
        sa.Column("factory_run_id", sa.String(100), nullable=False),
        sa.Column("manifest", sa.Unicode(1000), nullable=False, comment="The manifest's path in the lake"),
        sa.Column("rows_landed", sa.BigInteger(), nullable=False),
        sa.Column("bytes_landed", sa.BigInteger(), nullable=False),
        sa.Column("sealed_at", TIMESTAMP, nullable=False),
        sa.Column("loaded_at", TIMESTAMP, comment="When its days were last in the mart, whole"),
        sa.PrimaryKeyConstraint("extraction_id", name="pk_ledger_landing"),
        comment="The landing of each extraction that was verified and sealed",
    )
    op.create_table(
        "ledger_purge",
        sa.Column("purge_id", sa.String(64), nullable=False),
        sa.Column("customer", sa.String(100), nullable=False),
        sa.Column("reason", sa.Unicode(1000), nullable=False),
        sa.Column("purged_at", TIMESTAMP, nullable=False),
        sa.PrimaryKeyConstraint("purge_id", name="pk_ledger_purge"),
        comment="What was deleted because an approval ended",
    )
    op.create_index("ix_ledger_purge_customer", "ledger_purge", ["customer"])


def downgrade() -> None:
    op.drop_table("ledger_purge")
    op.drop_table("ledger_landing")
    op.drop_table("ledger_extraction")
    op.drop_table("ledger_approval_event")
