"""The life of an approval: the feed's position, datasets of an approval, operations, purges, provenance."""

from __future__ import annotations

import datetime as dt
import json

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mssql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TIMESTAMP = sa.DateTime().with_variant(mssql.DATETIME2(6), "mssql")

PROVENANCE = """
CREATE VIEW ledger_row_provenance AS
SELECT x.extraction_id, x.customer, x.dataset, x.first_day, x.last_day, x.columns AS extracted_columns,
    x.factory_run_id, e.event_id AS approval_event_id, e.approver, e.updated_at AS approved_at, e.expires_at,
    e.application_id, e.application_version, d.columns AS approved_columns, d.scope AS approved_scope, d.deny_groups
FROM ledger_extraction x
JOIN ledger_approval_event e ON e.customer = x.customer AND e.event_id = x.approval_event_id
LEFT JOIN ledger_approval_dataset d
    ON d.customer = e.customer AND d.event_id = e.event_id AND d.dataset = x.dataset
"""
"""From a mart row's extraction_id to the approval that allowed it."""


def upgrade() -> None:
    # Not every server can make a column NOT NULL afterwards; one that is added to no rows need not be altered.
    is_added_whole = _is_known_to_be_empty("ledger_approval_event")
    with op.batch_alter_table("ledger_approval_event") as batch:
        for column in _columns_of_events(nullable=not is_added_whole):
            batch.add_column(column)
    op.create_table(
        "ledger_approval_dataset",
        sa.Column("customer", sa.String(100), nullable=False),
        sa.Column("event_id", sa.String(100), nullable=False, comment="The event in ledger_approval_event"),
        sa.Column("dataset", sa.String(100), nullable=False, comment="Message_v1"),
        sa.Column("columns", sa.UnicodeText(), nullable=False, comment="The columns that it covers, with commas"),
        sa.Column("scope", sa.UnicodeText(), nullable=False, comment="Whose data: All, or the groups or the filter"),
        sa.Column(
            "deny_groups", sa.UnicodeText(), nullable=False, comment="Groups whose members are left out, with commas"
        ),
        sa.PrimaryKeyConstraint("customer", "event_id", "dataset", name="pk_ledger_approval_dataset"),
        comment="Append-only: what each consent event says of each dataset",
    )
    if not is_added_whole:
        _fill_from_events()
        with op.batch_alter_table("ledger_approval_event") as batch:
            for column in _columns_of_events(nullable=True):
                batch.alter_column(column.name, existing_type=column.type, nullable=False)
    op.create_index("ix_ledger_approval_event_sequence", "ledger_approval_event", ["sequence"], unique=True)
    op.create_table(
        "ledger_operation",
        sa.Column("customer", sa.String(100), nullable=False),
        sa.Column("record_id", sa.String(100), nullable=False, comment="Id of the audit record"),
        sa.Column("sequence", sa.BigInteger(), nullable=False, comment="1, 2, 3, ... in the order of recording"),
        sa.Column("dataset", sa.String(100), nullable=False, comment="Message_v1"),
        sa.Column("pipeline_run_id", sa.String(100), comment="The factory run"),
        sa.Column("status", sa.Unicode(50), nullable=False),
        sa.Column("reason", sa.Unicode(4000)),
        sa.Column("rows_counted", sa.BigInteger(), comment="RowCount, as Microsoft counted"),
        sa.Column("people_requested", sa.BigInteger(), comment="ScopeCountRequested"),
        sa.Column("people_delivered", sa.BigInteger(), comment="ScopeCountDelivered"),
        sa.Column("undelivered", sa.UnicodeText(), nullable=False, comment="UndeliveredScope, a JSON list"),
        sa.Column("started_at", TIMESTAMP),
        sa.Column("ended_at", TIMESTAMP),
        sa.Column("recorded_at", TIMESTAMP, nullable=False),
        sa.PrimaryKeyConstraint("customer", "record_id", name="pk_ledger_operation"),
        comment="Append-only: what Microsoft counted of each extraction (record 183)",
    )
    op.create_index("ix_ledger_operation_pipeline_run_id", "ledger_operation", ["pipeline_run_id"])
    op.create_index("ix_ledger_operation_sequence", "ledger_operation", ["sequence"], unique=True)
    op.create_table(
        "ledger_record_aside",
        sa.Column("customer", sa.String(100), nullable=False),
        sa.Column("record_id", sa.String(100), nullable=False, comment="Id of the record, or a hash of its content"),
        sa.Column("reason", sa.Unicode(1000), nullable=False, comment="Why it could not be read"),
        sa.Column("record", sa.UnicodeText(), nullable=False, comment="What was read, cut where it is very long"),
        sa.Column("recorded_at", TIMESTAMP, nullable=False),
        sa.PrimaryKeyConstraint("customer", "record_id", name="pk_ledger_record_aside"),
        comment="Records of the feed that could not be read, kept aside",
    )
    op.create_table(
        "ledger_feed",
        sa.Column("customer", sa.String(100), nullable=False),
        sa.Column("read_until", TIMESTAMP, nullable=False, comment="What became available before it was read"),
        sa.Column("window_end", TIMESTAMP, comment="End of the window that is read in part"),
        sa.Column("next_page", sa.UnicodeText(), comment="Where its reading goes on"),
        sa.Column("looked_at", TIMESTAMP, comment="When the feed last answered, or was last asked in vain"),
        sa.Column("not_before", TIMESTAMP, comment="When the feed may be asked again, as it said"),
        sa.Column("missed_from", TIMESTAMP, comment="From when decisions may have been missed, the last time"),
        sa.Column("missed_until", TIMESTAMP, comment="Until when"),
        sa.Column("told", sa.Unicode(200), comment="What the UI was last told of the customer's consent"),
        sa.PrimaryKeyConstraint("customer", name="pk_ledger_feed"),
        comment="How far each customer's feed of audit records was read",
    )
    with op.batch_alter_table("ledger_extraction") as batch:
        batch.add_column(
            sa.Column(
                "scope",
                sa.UnicodeText(),
                nullable=False,
                server_default='{"kind": "All"}',
                comment="Whose data was asked for, as JSON",
            )
        )
        batch.add_column(sa.Column("looked_at", TIMESTAMP, comment="When its copy activity was last looked at"))
    op.drop_index("ix_ledger_purge_customer", "ledger_purge")
    op.drop_table("ledger_purge")
    op.create_table(
        "ledger_purge",
        sa.Column("purge_id", sa.String(64), nullable=False),
        sa.Column("customer", sa.String(100), nullable=False),
        sa.Column("reason", sa.Unicode(1000), nullable=False),
        sa.Column("event_id", sa.String(100), comment="The consent event because of which; null where time ended it"),
        sa.Column("what", sa.UnicodeText(), nullable=False, comment="Extractions and columns to delete, as JSON"),
        sa.Column(
            "lake_objects", sa.BigInteger(), comment="Objects deleted or written anew; null until they are counted"
        ),
        sa.Column("lake_bytes", sa.BigInteger()),
        sa.Column("mart_rows", sa.BigInteger(), comment="Rows of the mart from what was deleted"),
        sa.Column(
            "dagster_runs", sa.BigInteger(), nullable=False, comment="Runs whose events were deleted from Dagster"
        ),
        sa.Column("started_at", TIMESTAMP, nullable=False),
        sa.Column("purged_at", TIMESTAMP, comment="Null while the purge is unfinished"),
        sa.PrimaryKeyConstraint("purge_id", name="pk_ledger_purge"),
        comment="What was deleted because an approval ended, or a new one covers less",
    )
    op.create_index("ix_ledger_purge_customer", "ledger_purge", ["customer"])
    op.execute(PROVENANCE)


def _columns_of_events(nullable: bool) -> list[sa.Column[object]]:
    """The columns that ledger_approval_event gets."""
    return [
        sa.Column("sequence", sa.BigInteger(), nullable=nullable, comment="1, 2, 3, ... in the order of recording"),
        sa.Column("application_version", sa.Unicode(100), nullable=nullable),
        sa.Column("created_at", TIMESTAMP, nullable=nullable, comment="When the record was made"),
    ]


def _is_known_to_be_empty(table: str) -> bool:
    """Whether a table holds no row; a script does not know, and SQLite asks for a default even then."""
    if op.get_context().as_sql or op.get_context().dialect.name == "sqlite":
        return False
    query = sa.select(sa.literal_column("1", sa.Integer())).select_from(sa.table(table)).limit(1)
    return op.get_bind().execute(query).first() is None


def _fill_from_events() -> None:
    """Give the events of before their places, and their datasets rows; a script, which reads nothing, has none."""
    if op.get_context().as_sql:
        return
    connection = op.get_bind()
    event = sa.table(
        "ledger_approval_event",
        *(sa.column(name) for name in ("customer", "event_id", "event", "recorded_at")),
        sa.column("sequence", sa.BigInteger()),
        sa.column("application_version", sa.Unicode()),
        sa.column("created_at", TIMESTAMP),
    )
    dataset = sa.table(
        "ledger_approval_dataset",
        *(
            sa.column(name, sa.UnicodeText())
            for name in ("customer", "event_id", "dataset", "columns", "scope", "deny_groups")
        ),
    )
    query = sa.select(event.c.customer, event.c.event_id, event.c.event).order_by(event.c.recorded_at, event.c.event_id)
    for sequence, row in enumerate(connection.execute(query).all(), start=1):
        told = json.loads(row.event)
        connection.execute(
            event.update()
            .where(event.c.customer == row.customer, event.c.event_id == row.event_id)
            .values(
                sequence=sequence,
                application_version=told["application_version"][:100],
                created_at=dt.datetime.fromisoformat(told["created_at"]).astimezone(dt.UTC).replace(tzinfo=None),
            )
        )
        for entry in told["datasets"]:
            scope = entry["scope_kind"]
            if entry["groups"]:
                scope += f" of groups {', '.join(entry['groups'])}"
            elif entry["filter_uri"]:
                scope += f" {entry['filter_uri']}"
            connection.execute(
                dataset.insert().values(
                    customer=row.customer,
                    event_id=row.event_id,
                    dataset=entry["name"].rpartition(".")[2],
                    columns=", ".join(entry["columns"]),
                    scope=scope,
                    deny_groups="",
                )
            )


def downgrade() -> None:
    op.execute("DROP VIEW ledger_row_provenance")
    for name in ("scope", "looked_at"):
        with op.batch_alter_table("ledger_extraction") as batch:
            batch.drop_column(name, mssql_drop_default=True)
    for name in ("ledger_feed", "ledger_record_aside", "ledger_operation", "ledger_approval_dataset"):
        op.drop_table(name)
    op.drop_index("ix_ledger_approval_event_sequence", "ledger_approval_event")
    with op.batch_alter_table("ledger_approval_event") as batch:
        for name in ("sequence", "application_version", "created_at"):
            batch.drop_column(name)
    op.drop_index("ix_ledger_purge_customer", "ledger_purge")
    op.drop_table("ledger_purge")
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
