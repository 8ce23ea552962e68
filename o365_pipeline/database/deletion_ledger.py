"""The ledger's tables of deletions: what was deleted, why, and who is kept out since.

What belongs here: the tables, which `purge/` writes. Writing to them has in common what `ledger.py` says of all tables.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.database.database import metadata, timestamp

purge = sa.Table(
    "ledger_purge",
    metadata,
    sa.Column("purge_id", sa.String(64), primary_key=True),
    sa.Column("customer", sa.String(100), nullable=False, index=True),
    sa.Column("reason", sa.Unicode(1000), nullable=False),
    sa.Column("event_id", sa.String(100), comment="The consent event because of which; null where time ended it"),
    sa.Column("what", sa.UnicodeText, nullable=False, comment="What to delete, as JSON: extractions, columns, days"),
    sa.Column("lake_objects", sa.BigInteger, comment="Objects deleted or written anew; null until they are counted"),
    sa.Column("lake_bytes", sa.BigInteger),
    sa.Column("mart_rows", sa.BigInteger, comment="Rows of the mart from what was deleted"),
    sa.Column("dagster_runs", sa.BigInteger, nullable=False, comment="Runs whose events were deleted from Dagster"),
    sa.Column("started_at", timestamp(), nullable=False),
    sa.Column("purged_at", timestamp(), comment="Null while the purge is unfinished"),
    comment="What was deleted because an approval ended, a new one covers less, or it was older than it is kept",
)

retention = sa.Table(
    "ledger_retention",
    metadata,
    sa.Column("customer", sa.String(100), primary_key=True),
    sa.Column("raw_before", sa.Date, nullable=False, comment="Raw files that landed before this day are deleted"),
    sa.Column("quarantine_before", sa.Date, nullable=False, comment="Rejected rows that landed before this day are"),
    sa.Column("curated_before", sa.Date, nullable=False, comment="All files of days before this one are"),
    sa.Column("mart_before", sa.Date, nullable=False, comment="The mart's rows of days before this one are"),
    sa.Column(
        "snapshots_before", sa.Date, nullable=False, comment="Of weeks before this day one day is whole in the mart"
    ),
    comment="What of each customer counts as deleted because of its age",
)

last_look = sa.Table(
    "ledger_last_look",
    metadata,
    sa.Column("name", sa.String(100), primary_key=True, comment="Who looked: purge"),
    sa.Column("day", sa.Date, nullable=False, comment="The day that the clock said"),
    comment="When it was last looked for what is due to be deleted: a clock that is far ahead of it is not believed",
)

erasure_salt = sa.Table(
    "ledger_erasure_salt",
    metadata,
    sa.Column("customer", sa.String(100), primary_key=True),
    sa.Column("salt", sa.String(64), nullable=False, comment="What ids and addresses of erased people are hashed with"),
    comment="One secret for each customer, made when the first person is erased; without it erased people come back",
)

erased_person = sa.Table(
    "ledger_erased_person",
    metadata,
    sa.Column("customer", sa.String(100), primary_key=True),
    sa.Column("digest", sa.String(64), primary_key=True, comment="Salted hash of an id or an address"),
    comment="Who was erased, and is kept out by curation from then on",
)

person_request = sa.Table(
    "ledger_person_request",
    metadata,
    sa.Column("request_id", sa.String(64), primary_key=True),
    sa.Column("customer", sa.String(100), nullable=False, index=True),
    sa.Column("kind", sa.String(10), nullable=False, comment="erase or export"),
    sa.Column("person", sa.String(64), nullable=False, comment="Salted hash of the id or address that was asked for"),
    sa.Column("reason", sa.Unicode(1000), nullable=False),
    sa.Column("identity", sa.UnicodeText, comment="Whom to erase, as JSON; null once it is done"),
    sa.Column("days", sa.UnicodeText, comment="Days whose mart is made anew, a JSON list; null once it is done"),
    sa.Column("raw_rows", sa.BigInteger, comment="Rows of raw files that named the person"),
    sa.Column("curated_rows", sa.BigInteger, comment="Rows of curated files, rejected rows among them"),
    sa.Column("mart_rows", sa.BigInteger),
    sa.Column("started_at", timestamp(), nullable=False),
    sa.Column("finished_at", timestamp(), comment="Null while it is unfinished"),
    comment="What was erased or exported because one person asked for it",
)
