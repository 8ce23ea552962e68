"""The ledger's tables: what was approved, extracted, landed and purged, and how far the feed was read.

What belongs here: the tables, and what writing to them has in common. Each table is written by one stage: those of the
feed by `consent/`, then `extraction/extraction_ledger.py`, `raw/landing.py`, `purge/`, `managed_app/`. Times are UTC
without offset.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from o365_pipeline.database.database import Database, metadata, timestamp

Row = Mapping[str, Any]

IDS_PER_QUERY = 500
"""SQL Server accepts 2,100 parameters in a statement."""

approval_event = sa.Table(
    "ledger_approval_event",
    metadata,
    sa.Column("customer", sa.String(100), primary_key=True),
    sa.Column("event_id", sa.String(100), primary_key=True, comment="Id of the audit record"),
    sa.Column("sequence", sa.BigInteger, nullable=False, comment="1, 2, 3, ... in the order of recording"),
    sa.Column("application_id", sa.String(100), nullable=False),
    sa.Column("application_version", sa.Unicode(100), nullable=False),
    sa.Column("state", sa.String(30), nullable=False),
    sa.Column("created_at", timestamp(), nullable=False, comment="When the record was made"),
    sa.Column("updated_at", timestamp(), nullable=False, comment="When the approver decided"),
    sa.Column("expires_at", timestamp(), comment="When the approval ends"),
    sa.Column("approver", sa.Unicode(320)),
    sa.Column("reason", sa.Unicode(4000)),
    sa.Column("event", sa.UnicodeText, nullable=False, comment="The whole event as JSON"),
    sa.Column("recorded_at", timestamp(), nullable=False),
    comment="Append-only: every consent event that was read, once",
)
sa.Index(None, approval_event.c.sequence, unique=True)

approval_dataset = sa.Table(
    "ledger_approval_dataset",
    metadata,
    sa.Column("customer", sa.String(100), primary_key=True),
    sa.Column("event_id", sa.String(100), primary_key=True, comment="The event in ledger_approval_event"),
    sa.Column("dataset", sa.String(100), primary_key=True, comment="Message_v1"),
    sa.Column("columns", sa.UnicodeText, nullable=False, comment="The columns that it covers, with commas"),
    sa.Column("scope", sa.UnicodeText, nullable=False, comment="Whose data: All, or the groups or the filter"),
    sa.Column("deny_groups", sa.UnicodeText, nullable=False, comment="Groups whose members are left out, with commas"),
    comment="Append-only: what each consent event says of each dataset",
)

operation = sa.Table(
    "ledger_operation",
    metadata,
    sa.Column("customer", sa.String(100), primary_key=True),
    sa.Column("record_id", sa.String(100), primary_key=True, comment="Id of the audit record"),
    sa.Column("sequence", sa.BigInteger, nullable=False, comment="1, 2, 3, ... in the order of recording"),
    sa.Column("dataset", sa.String(100), nullable=False, comment="Message_v1"),
    sa.Column("pipeline_run_id", sa.String(100), index=True, comment="The factory run"),
    sa.Column("status", sa.Unicode(50), nullable=False),
    sa.Column("reason", sa.Unicode(4000)),
    sa.Column("rows_counted", sa.BigInteger, comment="RowCount, as Microsoft counted"),
    sa.Column("people_requested", sa.BigInteger, comment="ScopeCountRequested"),
    sa.Column("people_delivered", sa.BigInteger, comment="ScopeCountDelivered"),
    sa.Column("undelivered", sa.UnicodeText, nullable=False, comment="UndeliveredScope, a JSON list"),
    sa.Column("started_at", timestamp()),
    sa.Column("ended_at", timestamp()),
    sa.Column("recorded_at", timestamp(), nullable=False),
    comment="Append-only: what Microsoft counted of each extraction (record 183)",
)
sa.Index(None, operation.c.sequence, unique=True)

record_aside = sa.Table(
    "ledger_record_aside",
    metadata,
    sa.Column("customer", sa.String(100), primary_key=True),
    sa.Column("record_id", sa.String(100), primary_key=True, comment="Id of the record, or a hash of its content"),
    sa.Column("reason", sa.Unicode(1000), nullable=False, comment="Why it could not be read"),
    sa.Column("record", sa.UnicodeText, nullable=False, comment="What was read, cut where it is very long"),
    sa.Column("recorded_at", timestamp(), nullable=False),
    comment="Records of the feed that could not be read, kept aside",
)

feed = sa.Table(
    "ledger_feed",
    metadata,
    sa.Column("customer", sa.String(100), primary_key=True),
    sa.Column("read_until", timestamp(), nullable=False, comment="What became available before it was read"),
    sa.Column("window_end", timestamp(), comment="End of the window that is read in part"),
    sa.Column("next_page", sa.UnicodeText, comment="Where its reading goes on"),
    sa.Column("looked_at", timestamp(), comment="When the feed last answered, or was last asked in vain"),
    sa.Column("not_before", timestamp(), comment="When the feed may be asked again, as it said"),
    sa.Column("missed_from", timestamp(), comment="From when decisions may have been missed, the last time"),
    sa.Column("missed_until", timestamp(), comment="Until when"),
    sa.Column("confirmed_at", timestamp(), comment="When somebody last compared the ledger with the admin center"),
    sa.Column("confirmed_note", sa.Unicode(1000), comment="What they said of it"),
    sa.Column("told", sa.Unicode(200), comment="What the UI was last told of the customer's consent"),
    comment="How far each customer's feed of audit records was read",
)

feed_blob = sa.Table(
    "ledger_feed_blob",
    metadata,
    sa.Column("customer", sa.String(100), primary_key=True),
    sa.Column("blob_id", sa.String(64), primary_key=True, comment="Hash of the blob's id in the feed"),
    sa.Column("content_id", sa.UnicodeText, nullable=False, comment="The blob's id in the feed"),
    sa.Column("uri", sa.UnicodeText, nullable=False, comment="Where it is read"),
    sa.Column("available_at", timestamp(), nullable=False, comment="When it became available, as the feed says"),
    sa.Column("reason", sa.Unicode(1000), nullable=False, comment="Why it could not be read, the last time"),
    sa.Column("failures", sa.Integer, nullable=False, comment="How often it was asked for in vain"),
    sa.Column("next_try", timestamp(), comment="When it is asked for again; null where it is gone for good"),
    comment="Blobs of the feed that could not be read when their page was, and have not been since",
)

extraction = sa.Table(
    "ledger_extraction",
    metadata,
    sa.Column("extraction_id", sa.String(64), primary_key=True, comment="Key of customer, dataset and window"),
    sa.Column("customer", sa.String(100), nullable=False),
    sa.Column("dataset", sa.String(100), nullable=False),
    sa.Column("first_day", sa.Date, nullable=False),
    sa.Column("last_day", sa.Date, nullable=False),
    sa.Column("columns", sa.UnicodeText, nullable=False, comment="The columns that it holds, a JSON list"),
    sa.Column("scope", sa.UnicodeText, nullable=False, comment="Whose data was asked for, as JSON"),
    sa.Column("approval_event_id", sa.String(100), nullable=False, comment="The approval that allowed it"),
    sa.Column("requested_by", sa.String(20), nullable=False, comment="extraction (the job) or raw (an asset by hand)"),
    sa.Column("status", sa.String(20), nullable=False, index=True),
    sa.Column("claim", sa.String(64), nullable=False, comment="Who may create the factory run"),
    sa.Column("claimed_at", timestamp(), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="1"),
    sa.Column("factory_run_id", sa.String(100)),
    sa.Column("submitted_at", timestamp()),
    sa.Column("finished_at", timestamp()),
    sa.Column("looked_at", timestamp(), comment="When its copy activity was last looked at"),
    sa.Column("rows_reported", sa.BigInteger, comment="rowsCopied, as the factory counted"),
    sa.Column("files_reported", sa.BigInteger, comment="filesWritten, as the factory counted"),
    sa.Column("error", sa.Unicode(4000)),
    sa.Column("loaded_at", timestamp(), index=True, comment="When the days of its landing were in the mart, whole"),
    comment="One row per dataset and window that was ever submitted; never two factory runs with data for one day",
)
sa.Index(None, extraction.c.customer, extraction.c.first_day)
sa.Index(None, extraction.c.dataset, extraction.c.customer, extraction.c.first_day)
# A unique column of SQL Server holds one null at most, and a window that is still claimed has no run yet.
sa.Index(None, extraction.c.factory_run_id, unique=True, mssql_where=extraction.c.factory_run_id.is_not(None))

claim_turn = sa.Table(
    "ledger_claim_turn",
    metadata,
    sa.Column("customer", sa.String(100), primary_key=True),
    sa.Column("dataset", sa.String(100), primary_key=True),
    sa.Column("claims", sa.BigInteger, nullable=False, comment="How often days of the dataset were claimed"),
    comment="Whoever claims days of a dataset writes here first, so that one process claims after the other",
)

landing = sa.Table(
    "ledger_landing",
    metadata,
    sa.Column("extraction_id", sa.String(64), primary_key=True),
    sa.Column("customer", sa.String(100), nullable=False),
    sa.Column("dataset", sa.String(100), nullable=False),
    sa.Column("factory_run_id", sa.String(100), nullable=False, index=True),
    sa.Column("manifest", sa.Unicode(1000), nullable=False, comment="The manifest's path in the lake"),
    sa.Column("rows_landed", sa.BigInteger, nullable=False),
    sa.Column("bytes_landed", sa.BigInteger, nullable=False),
    sa.Column("sealed_at", timestamp(), nullable=False),
    sa.Column(
        "outcome", sa.String(40), comment="What Microsoft's record says of it; null until they are compared anew"
    ),
    sa.Column("people_missing", sa.Boolean, comment="Whether the record names people who were not delivered"),
    comment="The landing of each extraction that was verified and sealed",
)
sa.Index(
    "ix_ledger_landing_outcome",
    landing.c.dataset,
    landing.c.outcome,
    landing.c.customer,
    landing.c.people_missing,
    landing.c.sealed_at,
)
NOT_COMPARED = {"outcome": None, "people_missing": None}
"""What is written with every change of a landing, or of what Microsoft's record says of it."""

comparison_turn = sa.Table(
    "ledger_comparison_turn",
    metadata,
    sa.Column("stage", sa.String(20), primary_key=True),
    sa.Column("turns", sa.BigInteger, nullable=False, comment="How often landings were compared"),
    sa.Column("compared_up_to", sa.BigInteger, nullable=False, comment="The last ledger_operation that was looked at"),
    comment="Whoever compares landings with Microsoft's records writes here first, so that one process follows another",
)

release = sa.Table(
    "ledger_release",
    metadata,
    sa.Column("extraction_id", sa.String(64), primary_key=True),
    sa.Column("factory_run_id", sa.String(100), primary_key=True, comment="The run whose files were given up"),
    sa.Column("customer", sa.String(100), nullable=False, index=True),
    sa.Column("dataset", sa.String(100), nullable=False),
    sa.Column("first_day", sa.Date, nullable=False),
    sa.Column("last_day", sa.Date, nullable=False),
    sa.Column("reason", sa.Unicode(1000), nullable=False),
    sa.Column("released_at", timestamp(), nullable=False),
    comment="Append-only: landings that were given up, so that their days can be extracted anew",
)

notification = sa.Table(
    "ledger_notification",
    metadata,
    sa.Column("notification_id", sa.String(64), primary_key=True, comment="Hash of application, event, state and time"),
    sa.Column("application_id", sa.Unicode(400), nullable=False, comment="The managed application, in small letters"),
    sa.Column("event_type", sa.String(10), nullable=False, comment="PUT, PATCH or DELETE"),
    sa.Column("provisioning_state", sa.String(30), nullable=False),
    sa.Column("event_at", timestamp(), nullable=False, comment="When it happened, as Azure says"),
    sa.Column("notification", sa.UnicodeText, nullable=False, comment="What was received, as JSON, without addresses"),
    sa.Column("received_at", timestamp(), nullable=False),
    sa.Column("looked_at", timestamp(), comment="When Azure was last asked whether it holds"),
    sa.Column("settled_at", timestamp(), comment="When something, or nothing, had come of it; null before"),
    sa.Column("outcome", sa.Unicode(1000), comment="What came of it, or what it waits for"),
    comment="Every accepted notification of Azure about an installation, once; only what came of it is added later",
)
sa.Index(None, notification.c.settled_at)

installation = sa.Table(
    "ledger_installation",
    metadata,
    sa.Column("application_id", sa.Unicode(400), primary_key=True, comment="The managed application, in small letters"),
    sa.Column("resource_id", sa.Unicode(400), nullable=False, comment="The same, as Azure spells it"),
    sa.Column("state", sa.String(30), nullable=False, comment="The newest that Azure told and confirmed"),
    sa.Column("event_at", timestamp(), nullable=False, comment="When that was"),
    sa.Column("definition", sa.Unicode(400), comment="The definition, or the marketplace's plan, that it is one of"),
    sa.Column("version", sa.Unicode(50), comment="The package's version"),
    sa.Column("sku", sa.Unicode(100)),
    sa.Column("region", sa.String(50)),
    sa.Column("resource_group", sa.Unicode(90), comment="The managed resource group"),
    sa.Column("factory", sa.Unicode(100)),
    sa.Column("installed_at", timestamp(), comment="When Azure first told that it stands"),
    sa.Column("deleted_at", timestamp()),
    sa.Column("runs_read_at", timestamp(), comment="Until when the runs of its factory are known"),
    sa.Column("error_code", sa.Unicode(200), comment="The last error, as Azure told it"),
    sa.Column("error_message", sa.Unicode(4000)),
    comment="One row per installation of the managed application that Azure confirmed",
)

installed_run = sa.Table(
    "ledger_installed_run",
    metadata,
    sa.Column("factory_run_id", sa.String(100), primary_key=True),
    sa.Column("application_id", sa.Unicode(400), nullable=False, comment="The managed application, in small letters"),
    sa.Column("pipeline", sa.Unicode(200), nullable=False, comment="The factory's pipeline, one for each dataset"),
    sa.Column("status", sa.String(30), nullable=False, comment="Succeeded, Failed or Cancelled"),
    sa.Column("ended_at", timestamp()),
    sa.Column("rows_reported", sa.BigInteger, comment="Rows that the copy activity reports; null if it reports none"),
    sa.Column("error", sa.Unicode(4000)),
    comment="One row per finished run of the factory of an installation, as Azure Resource Manager shows it",
)
sa.Index(None, installed_run.c.application_id)


def identity(database: Database) -> str:
    """Returns what distinguishes a ledger from any other: when it recorded its first consent event; "" before that.

    Dagster may outlive a database: what its cursors and run keys say about one ledger does not hold for another.
    """
    query = sa.select(approval_event.c.recorded_at).where(approval_event.c.sequence == 1)
    with database.begin() as connection:
        first: dt.datetime | None = connection.scalar(query)
    return f"{first:%Y%m%dT%H%M%S%f}" if first else ""


def naive_utc(moment: dt.datetime) -> dt.datetime:
    """Returns a moment in the ledger's form: UTC without offset."""
    return moment.astimezone(dt.UTC).replace(tzinfo=None)


def truncated(text: str | None, column: sa.Column[str]) -> str | None:
    """Cuts a text to its column's length, in UTF-16 units, which SQL Server counts: an emoji takes two."""
    length = getattr(column.type, "length", None)
    if text is None or length is None:
        return text
    return text.encode("utf-16-le", errors="replace")[: 2 * length].decode("utf-16-le", errors="ignore")


def id_batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Splits ids into batches that fit into one statement."""
    return (ids[start : start + IDS_PER_QUERY] for start in range(0, len(ids), IDS_PER_QUERY))


def insert_new(connection: sa.Connection, table: sa.Table, rows: Iterable[Row]) -> list[Row]:
    """Inserts the rows whose keys the table does not hold yet; returns these, in their order.

    An append-only table has a column `sequence`, and the rows get the next numbers. Numbers and keys are unique, so of
    two transactions that insert the same at the same time the later fails and is repeated. Therefore a reader that has
    read up to a number has missed nothing before it.

    Raises:
        sqlalchemy.exc.IntegrityError: another process was faster; repeat the whole transaction, as `Database.run`
            does.
    """
    *shared, own = table.primary_key.columns
    once = {tuple(row[column.name] for column in table.primary_key): row for row in rows}
    known: set[tuple[object, ...]] = set()
    for some in id_batches([str(key[-1]) for key in once]):
        query = sa.select(*table.primary_key).where(own.in_(some))
        for place, column in enumerate(shared):
            query = query.where(column.in_({key[place] for key in once}))
        known.update(map(tuple, connection.execute(query)))
    new = [row for key, row in once.items() if key not in known]
    if new and "sequence" in table.c:
        last = connection.scalar(sa.select(sa.func.max(table.c.sequence))) or 0
        new = [{**row, "sequence": place} for place, row in enumerate(new, start=last + 1)]
    if new:
        connection.execute(table.insert(), new)
    return new


def recorded_after(database: Database, column: sa.Column[str], sequence: int, limit: int) -> list[tuple[int, str]]:
    """(place, value of the column) of an append-only table's rows after a place, in their order, at most so many."""
    places = column.table.c.sequence
    query = sa.select(places, column).where(places > sequence).order_by(places).limit(limit)
    with database.begin() as connection:
        return [(place, value) for place, value in connection.execute(query)]


def put(connection: sa.Connection, table: sa.Table, row: Row) -> None:
    """Writes a row, in place of the one with the same key if there is one; columns that it does not name stay."""
    of_key = [column == row[column.name] for column in table.primary_key]
    values = {name: value for name, value in row.items() if name not in table.primary_key.columns}
    if not connection.execute(table.update().where(*of_key).values(values)).rowcount:
        connection.execute(table.insert().values(row))
