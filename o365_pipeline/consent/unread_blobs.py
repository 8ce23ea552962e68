"""The blobs of the feeds that could not be read: remembered, and requested again apart from the pages.

What belongs here: reading and changing `ledger_feed_blob`. Requests for blobs belong to `activity_feed.py`; what their
silence means belongs to `silence.py`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa

from o365_pipeline.consent.activity_feed import MAX_AGE, Blob, UnreadBlob
from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import feed_blob, id_batches, insert_new, naive_utc, truncated

FIRST_PAUSE, LONGEST_PAUSE = dt.timedelta(minutes=1), dt.timedelta(hours=1)
"""The pause before a blob is requested again doubles with each failure."""

MAX_CUSTOMERS, MAX_REQUESTED = 16, 50
"""Of how many customers one reading requests remembered blobs, and how many of each."""

KEPT = MAX_AGE + dt.timedelta(days=1)
"""The feed keeps a blob for seven days; a day later it is not requested any more, whatever the feed answers."""


def due(database: Database, customers: Iterable[str], now: dt.datetime) -> Mapping[str, Sequence[Blob]]:
    """Returns the blobs that are to be requested again, by customer; those come first that failed least often.

    A time that no pause reaches was set by a clock that has been put back since.
    """
    query = (
        sa.select(feed_blob)
        .where(sa.or_(feed_blob.c.next_try <= naive_utc(now), feed_blob.c.next_try > naive_utc(now + LONGEST_PAUSE)))
        .order_by(feed_blob.c.failures, feed_blob.c.available_at)
    )
    wanted, found = set(customers), dict[str, list[Blob]]()
    with database.begin() as connection:
        for row in connection.execute(query):
            if row.customer not in wanted or (row.customer not in found and len(found) == MAX_CUSTOMERS):
                continue
            blobs = found.setdefault(row.customer, [])
            if len(blobs) < MAX_REQUESTED:
                blobs.append(Blob(row.content_id, row.uri, row.available_at.replace(tzinfo=dt.UTC)))
    return found


def remember(
    connection: sa.Connection, customer: Customer, unread: Sequence[UnreadBlob], now: dt.datetime
) -> Sequence[UnreadBlob]:
    """Remembers blobs that could not be read; returns those that are lost, for which nobody asks again."""
    known = _failures(connection, customer)
    lost: list[UnreadBlob] = []
    for entry in unread:
        failures = known.get(_key(entry.blob), 0) + entry.was_requested
        is_lost = entry.is_lost or now > entry.blob.available_at + KEPT
        pause = min(FIRST_PAUSE * 2 ** min(max(failures - 1, 0), 10), LONGEST_PAUSE)
        change = {
            "reason": truncated(entry.reason, feed_blob.c.reason),
            "failures": failures,
            "next_try": None if is_lost else naive_utc(now + pause),
        }
        lost += [entry] if is_lost else []
        if _key(entry.blob) in known:
            connection.execute(feed_blob.update().where(*_is(customer, entry.blob)).values(change))
            continue
        row = {
            "customer": customer.name,
            "blob_id": _key(entry.blob),
            "content_id": entry.blob.content_id,
            "uri": entry.blob.uri,
            "available_at": naive_utc(entry.blob.available_at),
        }
        insert_new(connection, feed_blob, [row | change])
    return lost


def forget(connection: sa.Connection, customer: Customer, blobs: Iterable[Blob]) -> None:
    """Forgets blobs that have been read since."""
    for keys in id_batches([_key(blob) for blob in blobs]):
        of_these = feed_blob.c.customer == customer.name, feed_blob.c.blob_id.in_(keys)
        connection.execute(feed_blob.delete().where(*of_these))


def _failures(connection: sa.Connection, customer: Customer) -> dict[str, int]:
    query = sa.select(feed_blob.c.blob_id, feed_blob.c.failures).where(feed_blob.c.customer == customer.name)
    return {row.blob_id: row.failures for row in connection.execute(query)}


def _is(customer: Customer, blob: Blob) -> tuple[sa.ColumnElement[bool], ...]:
    return feed_blob.c.customer == customer.name, feed_blob.c.blob_id == _key(blob)


def _key(blob: Blob) -> str:
    return hashlib.sha256(blob.content_id.encode(errors="backslashreplace")).hexdigest()
