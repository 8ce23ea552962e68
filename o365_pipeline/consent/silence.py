"""Silence is not consent: whose feed has not been read for so long that a revocation may have been missed.

What belongs here: deciding that, from how far a feed was read, and saying why. Reading feeds belongs to
`feed_reading.py`; refusing an extraction because of it belongs to whoever submits one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from o365_pipeline.consent.approvals import CLOCK_SKEW, ConsentStatus, Decision
from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import feed, feed_blob, id_batches
from o365_pipeline.errors import FeedUnreadError

END_THE_DOUBT = (
    "a new decision of the approver ends the doubt, or `o365-pipeline consent confirm` of whoever has looked at the "
    "approvals in the admin center"
)


@dataclass(frozen=True)
class Silence:
    """The time from which on a customer's feed has not been read, and what to do about it."""

    since: dt.datetime
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what} since {self.since:%Y-%m-%d %H:%M} UTC; {self.remedy}"


def silences(
    database: Database,
    customers: Iterable[Customer],
    statuses: Mapping[str, ConsentStatus[Decision]],
    at: dt.datetime,
) -> dict[str, Silence]:
    """Returns the customers whose feed has been unread for longer than their settings allow, with the reason.

    A decision that was read describes the present of its moment, so that what was missed before it does not count; nor
    does what was missed before somebody compared the ledger with the admin center.
    """
    asked = {customer.name: customer for customer in customers}
    rows: dict[str, sa.Row[tuple[object, ...]]] = {}
    blobs: dict[str, list[dt.datetime]] = {}
    with database.begin() as connection:
        for names in id_batches(list(asked)):
            rows |= {row.customer: row for row in connection.execute(sa.select(feed).where(feed.c.customer.in_(names)))}
            query = sa.select(feed_blob.c.customer, feed_blob.c.available_at).where(feed_blob.c.customer.in_(names))
            for blob in connection.execute(query):
                blobs.setdefault(blob.customer, []).append(_utc(blob.available_at))
    found: dict[str, Silence] = {}
    for customer in asked.values():
        if row := rows.get(customer.name):
            approval = statuses[customer.name].approval
            ever = dt.datetime.min.replace(tzinfo=dt.UTC)
            confirmed = (
                _utc(row.confirmed_at) if row.confirmed_at and _utc(row.confirmed_at) <= at + CLOCK_SKEW else ever
            )
            decided = max(approval.updated_at if approval else ever, confirmed)
            longest = dt.timedelta(hours=customer.unread_feed_hours)
            unread = _unread(row, blobs.get(customer.name, ()), confirmed, decided, at)
            if long := [silence for silence in unread if at - silence.since > longest]:
                found[customer.name] = min(long, key=lambda silence: silence.since)
    return found


def check_feed_is_read(
    database: Database, customer: Customer, status: ConsentStatus[Decision], at: dt.datetime
) -> None:
    """Checks that no revocation can have been missed for long.

    Raises:
        FeedUnreadError: the customer's feed has not been read for longer than its settings allow.
    """
    if silence := silences(database, [customer], {customer.name: status}, at).get(customer.name):
        raise FeedUnreadError(f"{customer.name}: nothing new is submitted, for a revocation may be missed: {silence}")


def _unread(
    row: sa.Row[tuple[object, ...]],
    blobs: Iterable[dt.datetime],
    confirmed: dt.datetime,
    decided: dt.datetime,
    at: dt.datetime,
) -> Iterable[Silence]:
    read_until = _utc(row.read_until)
    if read_until > at + CLOCK_SKEW:
        yield Silence(
            dt.datetime.min.replace(tzinfo=dt.UTC, year=1970),
            f"the activity feed was read up to {read_until:%Y-%m-%d %H:%M} UTC, ahead of this clock, and not",
            "see that the clock is right; the consent sensor reads the feed anew",
        )
    yield Silence(
        max(read_until, confirmed),
        "the activity feed has not been read",
        "see that the consent sensor is on, what it logs, and what `o365-pipeline doctor` says",
    )
    if missed := [moment for moment in blobs if moment > decided]:
        yield Silence(
            min(missed),
            "a blob of the activity feed cannot be read",
            f"it is requested again and again; {END_THE_DOUBT}",
        )
    if row.missed_until and _utc(row.missed_until) > decided:
        yield Silence(_utc(row.missed_from), "decisions may be missing in the activity feed", END_THE_DOUBT)


def _utc(moment: dt.datetime) -> dt.datetime:
    return moment.replace(tzinfo=dt.UTC)
