"""How far each customer's feed was read, which records could not be read, and what the UI last showed about it.

What belongs here: reading and changing `ledger_feed` and `ledger_record_aside`. Requests to the feeds belong to
`feed_reading.py`.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from o365_pipeline.consent.activity_feed import MAX_AGE, MAX_WINDOW, Position
from o365_pipeline.consent.approvals import ConsentStatus, Decision
from o365_pipeline.consent.feed_records import UnreadableRecord
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import approval_event, feed_blob, insert_new, naive_utc, put, truncated
from o365_pipeline.database.ledger import feed as feed_table
from o365_pipeline.database.ledger import record_aside as unreadable_table
from o365_pipeline.errors import UsageError

MARGIN = dt.timedelta(minutes=1)
"""The oldest content that is requested is younger than seven days by this much."""

HEADROOM = dt.timedelta(hours=1)
"""The first read of a feed begins this much later, so that there is time to get beyond the first window."""


@dataclass(frozen=True)
class FeedState:
    """How far a customer's feed was read, and when it may be requested again. Times are UTC."""

    position: Position
    looked_at: dt.datetime | None = None
    not_before: dt.datetime | None = None
    missed: tuple[dt.datetime, dt.datetime] | None = None

    def is_due(self, now: dt.datetime, poll_seconds: float) -> bool:
        if self.not_before and now < self.not_before:
            return False
        in_part = self.position.next_page is not None or now - self.position.start > MAX_WINDOW
        if in_part or self.looked_at is None or now < self.looked_at:
            return True
        return (now - self.looked_at).total_seconds() >= poll_seconds


Gap = tuple[dt.datetime, dt.datetime]


def later_gap(known: Gap | None, gap: Gap) -> Gap:
    """Returns the one of two gaps that ends later: decisions before its end may be missing."""
    return gap if known is None else max(known, gap, key=lambda each: each[1])


@dataclass(frozen=True)
class Summary:
    """A summary of a customer's feed: how many records and blobs were unreadable, and the time of which some may be
    missing.
    """

    unreadable: int
    missed: str | None
    unread_blobs: int = 0


def read_feed_states(
    database: Database, customers: Customers, now: dt.datetime, log: logging.Logger
) -> dict[str, FeedState]:
    """Reads how far each customer's feed was read. What is older than the feed reaches back is noted as missed."""
    with database.begin() as connection:
        rows = {row.customer: row for row in connection.execute(sa.select(feed_table))}
    oldest, begin = now - MAX_AGE + MARGIN, now - MAX_AGE + HEADROOM
    states: dict[str, FeedState] = {}
    for customer in customers:
        row = rows.get(customer.name)
        if row is None:
            states[customer.name] = FeedState(Position(begin))
            continue
        start = _utc(row.read_until)
        missed = (_utc(row.missed_from), _utc(row.missed_until)) if row.missed_from else None
        position = Position(start, _utc(row.window_end) if row.window_end else None, row.next_page)
        if start < oldest:
            log.warning(
                f"{customer.name}: consent was last read {start:%Y-%m-%d %H:%M} UTC; the feed reaches back seven days, "
                f"so decisions before {begin:%Y-%m-%d %H:%M} UTC may be missing: check the customer's approvals."
            )
            position, missed = Position(begin), later_gap(missed, (start, begin))
        looked_at = _utc(row.looked_at) if row.looked_at else None
        not_before = _utc(row.not_before) if row.not_before else None
        if looked_at and looked_at > now + MARGIN:
            # The clock was put back: what becomes available from now on may lie before what was read.
            position, looked_at, not_before = Position(min(position.start, now - MAX_WINDOW)), None, None
        states[customer.name] = FeedState(position, looked_at, not_before, missed)
    return states


def record_unreadable(
    connection: sa.Connection, customer: Customer, found: Sequence[UnreadableRecord], now: dt.datetime
) -> int:
    rows = [
        {
            "customer": customer.name,
            "record_id": entry.record_id,
            "reason": entry.reason,
            "record": entry.text,
            "recorded_at": naive_utc(now),
        }
        for entry in found
    ]
    return len(insert_new(connection, unreadable_table, rows))


def save_feed_state(connection: sa.Connection, customer: Customer, feed_state: FeedState) -> None:
    position = feed_state.position
    row = {
        "customer": customer.name,
        "read_until": naive_utc(position.start),
        "window_end": naive_utc(position.end) if position.end else None,
        "next_page": position.next_page,
        "looked_at": naive_utc(feed_state.looked_at) if feed_state.looked_at else None,
        "not_before": naive_utc(feed_state.not_before) if feed_state.not_before else None,
        "missed_from": naive_utc(feed_state.missed[0]) if feed_state.missed else None,
        "missed_until": naive_utc(feed_state.missed[1]) if feed_state.missed else None,
    }
    put(connection, feed_table, row)


def summaries(database: Database) -> dict[str, Summary]:
    """Returns the summary of every customer whose feed was ever read."""
    unreadable = sa.select(unreadable_table.c.customer, sa.func.count().label("n")).group_by(
        unreadable_table.c.customer
    )
    unread = sa.select(feed_blob.c.customer, sa.func.count().label("n")).group_by(feed_blob.c.customer)
    with database.begin() as connection:
        counts = {row.customer: row.n for row in connection.execute(unreadable)}
        blobs = {row.customer: row.n for row in connection.execute(unread)}
        return {
            row.customer: Summary(counts.get(row.customer, 0), _missed(row), blobs.get(row.customer, 0))
            for row in connection.execute(sa.select(feed_table))
        }


def missing_decisions(database: Database, customer: Customer, since: dt.datetime, at: dt.datetime) -> str | None:
    """Says why the ledger may lack a decision made after a moment; None if it cannot.

    Decisions recorded after a gap end the doubt, since each describes the present state.
    """
    decided = sa.select(sa.func.max(approval_event.c.updated_at)).where(
        approval_event.c.customer == customer.name,
        approval_event.c.application_id == customer.data_request.application_id,
    )
    newest_blob = sa.select(sa.func.max(feed_blob.c.available_at)).where(feed_blob.c.customer == customer.name)
    with database.begin() as connection:
        row = connection.execute(sa.select(feed_table).where(feed_table.c.customer == customer.name)).first()
        latest = connection.scalar(decided)
        unread = connection.scalar(newest_blob)
    if row and row.confirmed_at:
        latest = max(latest or row.confirmed_at, row.confirmed_at)
    hours = customer.unread_feed_hours
    if row is None or _utc(row.read_until) < at - dt.timedelta(hours=hours):
        return f"the feed of decisions was not read for {'a day' if hours == 24 else f'{hours} hours'}"
    if unread and _utc(unread) > since and (latest is None or latest < unread):
        return f"a blob of {unread:%Y-%m-%d %H:%M} UTC in the feed of decisions cannot be read"
    if row.missed_until and _utc(row.missed_until) > since and (latest is None or latest < row.missed_until):
        return f"decisions of {_missed(row)} may be missing"
    return None


def confirm(database: Database, customer: Customer, note: str, now: dt.datetime) -> None:
    """Records that somebody has found the customer's approvals in the admin center to be those of the ledger.

    Raises:
        UsageError: the customer's feed was never read, so that there is nothing to compare.
    """
    change = feed_table.update().where(feed_table.c.customer == customer.name)
    note = truncated(note, feed_table.c.confirmed_note) or ""
    if not database.execute(change.values(confirmed_at=naive_utc(now), confirmed_note=note)):
        raise UsageError(
            f"{customer.name}: its activity feed was never read: read it first, o365-pipeline consent show"
        )


def customers_with_news(
    database: Database,
    statuses: Mapping[str, ConsentStatus[Decision]],
    silent: Collection[str],
    at: dt.datetime,
    limit: int,
) -> dict[str, Summary]:
    """Returns at most `limit` customers whose status the UI does not show yet, and marks them as shown.

    Args:
        silent: the customers whose feed has been unread for too long.

    If the process dies before it shows them, they are shown a day later: the days left are part of what is compared.
    """
    found = summaries(database)
    count = sa.select(approval_event.c.customer, sa.func.count().label("n")).group_by(approval_event.c.customer)
    with database.begin() as connection:
        events = {row.customer: row.n for row in connection.execute(count)}
        told = {
            row.customer: row.told for row in connection.execute(sa.select(feed_table.c.customer, feed_table.c.told))
        }
        news: dict[str, Summary] = {}
        for name, consent_status in statuses.items():
            if name not in found or len(news) == limit:
                continue
            summary = found[name]
            left, count = consent_status.days_left(at), events.get(name, 0)
            text = f"{consent_status.state}|{left}|{count}|{summary.unreadable}|{summary.missed}"
            text += f"|{summary.unread_blobs}|silent" if name in silent else f"|{summary.unread_blobs}"
            if text != told[name]:
                news[name] = summary
                connection.execute(feed_table.update().where(feed_table.c.customer == name).values(told=text))
    return news


def _missed(row: sa.Row[tuple[object, ...]]) -> str | None:
    return f"{row.missed_from:%Y-%m-%d %H:%M} to {row.missed_until:%Y-%m-%d %H:%M} UTC" if row.missed_from else None


def _utc(moment: dt.datetime) -> dt.datetime:
    return moment.replace(tzinfo=dt.UTC)
