"""The installations of the managed application, and Azure's notifications of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mssql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TIMESTAMP = sa.DateTime().with_variant(mssql.DATETIME2(6), "mssql")


def upgrade() -> None:
    op.create_table(
        "ledger_notification",
        sa.Column(
            "notification_id",
            sa.String(length=64),
            nullable=False,
            comment="Hash of application, event, state and time",
        ),
        sa.Column(
            "application_id",
            sa.Unicode(length=400),
            nullable=False,
            comment="The managed application, in small letters",
        ),
        sa.Column("event_type", sa.String(length=10), nullable=False, comment="PUT, PATCH or DELETE"),
        sa.Column("provisioning_state", sa.String(length=30), nullable=False),
        sa.Column("event_at", TIMESTAMP, nullable=False, comment="When it happened, as Azure says"),
        sa.Column(
            "notification", sa.UnicodeText(), nullable=False, comment="What was received, as JSON, without addresses"
        ),
        sa.Column("received_at", TIMESTAMP, nullable=False),
        sa.Column("looked_at", TIMESTAMP, nullable=True, comment="When Azure was last asked whether it holds"),
        sa.Column(
            "settled_at", TIMESTAMP, nullable=True, comment="When something, or nothing, had come of it; null before"
        ),
        sa.Column("outcome", sa.Unicode(length=1000), nullable=True, comment="What came of it, or what it waits for"),
        sa.PrimaryKeyConstraint("notification_id", name="pk_ledger_notification"),
        comment="Every accepted notification of Azure about an installation, once; only what came of it is added later",
    )
    op.create_index("ix_ledger_notification_settled_at", "ledger_notification", ["settled_at"], unique=False)
    op.create_table(
        "ledger_installation",
        sa.Column(
            "application_id",
            sa.Unicode(length=400),
            nullable=False,
            comment="The managed application, in small letters",
        ),
        sa.Column("resource_id", sa.Unicode(length=400), nullable=False, comment="The same, as Azure spells it"),
        sa.Column("customer", sa.String(length=100), nullable=False, comment="The customer's name here"),
        sa.Column("state", sa.String(length=30), nullable=False, comment="The newest that Azure told and confirmed"),
        sa.Column("event_at", TIMESTAMP, nullable=False, comment="When that was"),
        sa.Column(
            "definition",
            sa.Unicode(length=400),
            nullable=True,
            comment="The definition, or the marketplace's plan, that it is one of",
        ),
        sa.Column("version", sa.Unicode(length=50), nullable=True, comment="The package's version"),
        sa.Column("sku", sa.Unicode(length=100), nullable=True),
        sa.Column("region", sa.String(length=50), nullable=True),
        sa.Column("tenant_id", sa.String(length=100), nullable=True, comment="The customer's tenant"),
        sa.Column("subscription_id", sa.String(length=100), nullable=True),
        sa.Column("resource_group", sa.Unicode(length=90), nullable=True, comment="The managed resource group"),
        sa.Column("factory", sa.Unicode(length=100), nullable=True),
        sa.Column("storage_account", sa.Unicode(length=100), nullable=True),
        sa.Column("container", sa.Unicode(length=100), nullable=True),
        sa.Column(
            "key_vault",
            sa.Unicode(length=200),
            nullable=True,
            comment="Where the application's secret lies for the factory",
        ),
        sa.Column("secret_name", sa.Unicode(length=200), nullable=True),
        sa.Column("sql_server", sa.Unicode(length=300), nullable=True),
        sa.Column("database", sa.Unicode(length=200), nullable=True, comment="The mart's"),
        sa.Column(
            "extract_groups",
            sa.UnicodeText(),
            nullable=True,
            comment="The groups whose data is read, a JSON list; empty: everybody's",
        ),
        sa.Column("first_day", sa.Date(), nullable=True, comment="The first day of data to extract"),
        sa.Column("installed_at", TIMESTAMP, nullable=True, comment="When Azure first told that it stands"),
        sa.Column("secret_written_at", TIMESTAMP, nullable=True, comment="From when on it is a customer"),
        sa.Column("deleted_at", TIMESTAMP, nullable=True),
        sa.Column("purged_at", TIMESTAMP, nullable=True, comment="When all of the customer's data was deleted"),
        sa.Column("error_code", sa.Unicode(length=200), nullable=True, comment="The last error, as Azure told it"),
        sa.Column("error_message", sa.Unicode(length=4000), nullable=True),
        sa.PrimaryKeyConstraint("application_id", name="pk_ledger_installation"),
        comment="One row per installation of the managed application that Azure confirmed",
    )
    op.create_index("ix_ledger_installation_customer", "ledger_installation", ["customer"], unique=False)


def downgrade() -> None:
    op.drop_table("ledger_installation")
    op.drop_table("ledger_notification")
