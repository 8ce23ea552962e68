"""The approval ledger: every consent event that was read, once, in the order of arrival; never changed.

What belongs here: recording and reading events. What they add up to is `approvals.standing`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from o365_pipeline.consent.approvals import ApprovalEvent, Standing, standing
from o365_pipeline.customers import Customer
from o365_pipeline.database import Database
from o365_pipeline.ledger import approval_event


def record(database: Database, customer: Customer, events: Sequence[ApprovalEvent], now: dt.datetime) -> int:
    """Keep the events that the ledger does not have yet; returns how many were new."""
    once = {event.event_id: event for event in events}
    if not once:
        return 0
    try:
        return _record_new(database, customer, once, now)
    except IntegrityError:
        # Another process recorded some of them at the same time; what it did not is still new.
        return _record_new(database, customer, once, now)


def _record_new(database: Database, customer: Customer, once: Mapping[str, ApprovalEvent], now: dt.datetime) -> int:
    with database.begin() as connection:
        known = set(
            connection.scalars(sa.select(approval_event.c.event_id).where(approval_event.c.customer == customer.name))
        )
        rows = [_row(customer, event, now) for event in once.values() if event.event_id not in known]
        if rows:
            connection.execute(approval_event.insert(), rows)
    return len(rows)


def events(database: Database, customer: Customer) -> list[ApprovalEvent]:
    """The recorded events about the customer's data request."""
    query = (
        sa.select(approval_event.c.event)
        .where(approval_event.c.customer == customer.name)
        .where(approval_event.c.application_id == customer.data_request.application_id)
        .order_by(approval_event.c.updated_at)
    )
    with database.begin() as connection:
        return [ApprovalEvent.model_validate_json(text) for text in connection.scalars(query)]


def standing_of(database: Database, customer: Customer, at: dt.datetime) -> Standing:
    """Where the customer's data request stands at a moment."""
    return standing(events(database, customer), at)


def _row(customer: Customer, event: ApprovalEvent, now: dt.datetime) -> dict[str, object]:
    return {
        "event_id": event.event_id,
        "customer": customer.name,
        "application_id": event.application_id,
        "state": event.state.value,
        "updated_at": event.updated_at.replace(tzinfo=None),
        "expires_at": event.expires_at.replace(tzinfo=None) if event.expires_at else None,
        "approver": event.approver,
        "reason": event.reason,
        "event": event.model_dump_json(),
        "recorded_at": now.astimezone(dt.UTC).replace(tzinfo=None),
    }
