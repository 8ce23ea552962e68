"""The ledger's tables: what was approved, extracted, landed and purged.

What belongs here: the tables alone. Each is written by one stage: `consent/approval_ledger.py`,
`extraction/extraction_ledger.py`, `raw/landing.py`. Times are UTC without offset.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.database import metadata, timestamp

approval_event = sa.Table(
    "ledger_approval_event",
    metadata,
    sa.Column("customer", sa.String(100), primary_key=True),
    sa.Column("event_id", sa.String(100), primary_key=True, comment="Id of the audit record"),
    sa.Column("application_id", sa.String(100), nullable=False),
    sa.Column("state", sa.String(30), nullable=False),
    sa.Column("updated_at", timestamp(), nullable=False, comment="When the approver decided"),
    sa.Column("expires_at", timestamp(), comment="When the approval ends"),
    sa.Column("approver", sa.Unicode(320)),
    sa.Column("reason", sa.Unicode(4000)),
    sa.Column("event", sa.UnicodeText, nullable=False, comment="The whole event as JSON"),
    sa.Column("recorded_at", timestamp(), nullable=False),
    comment="Append-only: every consent event that was read, once",
)

extraction = sa.Table(
    "ledger_extraction",
    metadata,
    sa.Column("extraction_id", sa.String(64), primary_key=True, comment="Key of customer, dataset and window"),
    sa.Column("customer", sa.String(100), nullable=False, index=True),
    sa.Column("dataset", sa.String(100), nullable=False),
    sa.Column("first_day", sa.Date, nullable=False),
    sa.Column("last_day", sa.Date, nullable=False),
    sa.Column("columns", sa.UnicodeText, nullable=False, comment="The requested columns, a JSON list"),
    sa.Column("approval_event_id", sa.String(100), nullable=False, comment="The approval that allowed it"),
    sa.Column("requested_by", sa.String(20), nullable=False, comment="extraction (the job) or raw (an asset by hand)"),
    sa.Column("status", sa.String(20), nullable=False, index=True),
    sa.Column("claim", sa.String(64), nullable=False, comment="Who may create the factory run"),
    sa.Column("claimed_at", timestamp(), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="1"),
    sa.Column("factory_run_id", sa.String(100)),
    sa.Column("submitted_at", timestamp()),
    sa.Column("finished_at", timestamp()),
    sa.Column("rows_reported", sa.BigInteger, comment="rowsCopied, as the factory counted"),
    sa.Column("files_reported", sa.BigInteger, comment="filesWritten, as the factory counted"),
    sa.Column("error", sa.Unicode(4000)),
    comment="One row per dataset and window that was ever submitted; never two factory runs under way for one",
)
# A unique column of SQL Server holds one null at most, and a window that is still claimed has no run yet.
sa.Index(None, extraction.c.factory_run_id, unique=True, mssql_where=extraction.c.factory_run_id.is_not(None))

landing = sa.Table(
    "ledger_landing",
    metadata,
    sa.Column("extraction_id", sa.String(64), primary_key=True),
    sa.Column("factory_run_id", sa.String(100), nullable=False),
    sa.Column("manifest", sa.Unicode(1000), nullable=False, comment="The manifest's path in the lake"),
    sa.Column("rows_landed", sa.BigInteger, nullable=False),
    sa.Column("bytes_landed", sa.BigInteger, nullable=False),
    sa.Column("sealed_at", timestamp(), nullable=False),
    sa.Column("loaded_at", timestamp(), comment="When its days were last in the mart, whole"),
    comment="The landing of each extraction that was verified and sealed",
)

purge = sa.Table(
    "ledger_purge",
    metadata,
    sa.Column("purge_id", sa.String(64), primary_key=True),
    sa.Column("customer", sa.String(100), nullable=False, index=True),
    sa.Column("reason", sa.Unicode(1000), nullable=False),
    sa.Column("purged_at", timestamp(), nullable=False),
    comment="What was deleted because an approval ended",
)
