"""The approval ledger: every consent event is recorded once, in the order of arrival, and never changed.

What belongs here: recording and reading events. What they add up to is computed in `approvals.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from o365_pipeline.consent.approvals import CLOCK_SKEW, ApprovalEvent, ConsentStatus, Decision, State, consent_status
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import approval_dataset, approval_event, insert_new, naive_utc, truncated
from o365_pipeline.datasets import Dataset, catalogue, short_name
from o365_pipeline.errors import NotAuthorizedError


@dataclass(frozen=True)
class RecordedDecision:
    """The part of a recorded event that its status is computed from. Times are UTC."""

    event_id: str
    state: State
    created_at: dt.datetime
    updated_at: dt.datetime
    expires_at: dt.datetime | None


def record(connection: sa.Connection, customer: Customer, events: Sequence[ApprovalEvent], now: dt.datetime) -> int:
    """Records the events that the ledger does not have yet, in the caller's transaction; returns how many were new.

    Raises:
        sqlalchemy.exc.IntegrityError: another process recorded at the same time; repeat the whole transaction.
    """
    once = {event.event_id: event for event in events}
    new = insert_new(connection, approval_event, [_row(customer, event, now) for event in events])
    if covered := [row for event in new for row in _dataset_rows(customer, once[event["event_id"]])]:
        connection.execute(approval_dataset.insert(), covered)
    return len(new)


def events(database: Database, customer: Customer) -> list[ApprovalEvent]:
    """The recorded events about the customer's data request, the oldest decision first."""
    query = (
        sa.select(approval_event.c.event)
        .where(approval_event.c.customer == customer.name)
        .where(approval_event.c.application_id == customer.data_request.application_id)
        .order_by(approval_event.c.updated_at, approval_event.c.created_at, approval_event.c.event_id)
    )
    with database.begin() as connection:
        return [ApprovalEvent.model_validate_json(text) for text in connection.scalars(query)]


def consent_status_of(database: Database, customer: Customer, at: dt.datetime) -> ConsentStatus[ApprovalEvent]:
    """Returns the status of the customer's data request now.

    Args:
        at: what the clock says. A denial that was read counts, although the clock was put back before it.
    """
    found = events(database, customer)
    return consent_status(found, _not_before_a_denial(found, at))


def consent_statuses(
    database: Database, customers: Customers, at: dt.datetime
) -> dict[str, ConsentStatus[RecordedDecision]]:
    """Returns the status of each customer's data request now, as `consent_status_of` does, with one query for all."""
    applications = {customer.name: customer.data_request.application_id for customer in customers}
    names = ("customer", "application_id", "event_id", "state", "created_at", "updated_at", "expires_at")
    decisions: dict[str, list[RecordedDecision]] = {name: [] for name in applications}
    with database.begin() as connection:
        for row in connection.execute(sa.select(*(approval_event.c[name] for name in names))):
            if applications.get(row.customer) == row.application_id:
                decisions[row.customer].append(
                    RecordedDecision(
                        row.event_id,
                        State(row.state),
                        row.created_at.replace(tzinfo=dt.UTC),
                        row.updated_at.replace(tzinfo=dt.UTC),
                        row.expires_at.replace(tzinfo=dt.UTC) if row.expires_at else None,
                    )
                )
    return {name: consent_status(found, _not_before_a_denial(found, at)) for name, found in decisions.items()}


def _not_before_a_denial(decisions: Iterable[Decision], at: dt.datetime) -> dt.datetime:
    ends = (each.updated_at for each in decisions if each.state in (State.DENIED, State.EXPIRED))
    return max([at, *(end for end in ends if end <= at + CLOCK_SKEW)])


def approval_in_force(database: Database, customer: Customer, at: dt.datetime) -> ApprovalEvent:
    """Returns the approval that lets the customer's data move.

    Raises:
        NotAuthorizedError: there is none; the message says what the status of the data request is.
    """
    status = consent_status_of(database, customer, at)
    if status.approval is None:
        raise NotAuthorizedError(
            f"{customer.name}: no approval is in force ({status}); its data stays where it is until an approver "
            "says yes"
        )
    return status.approval


def datasets_in_force(database: Database, customer: Customer, at: dt.datetime) -> list[Dataset]:
    """Returns the catalogue's datasets that the approval in force covers.

    Raises:
        NotAuthorizedError: no approval is in force.
    """
    approval = approval_in_force(database, customer, at)
    return [dataset for dataset in catalogue() if approval.dataset(dataset.table_name)]


def _row(customer: Customer, event: ApprovalEvent, now: dt.datetime) -> dict[str, object]:
    return {
        "event_id": event.event_id,
        "customer": customer.name,
        "application_id": event.application_id,
        "application_version": truncated(event.application_version, approval_event.c.application_version),
        "state": event.state.value,
        "created_at": naive_utc(event.created_at),
        "updated_at": naive_utc(event.updated_at),
        "expires_at": naive_utc(event.expires_at) if event.expires_at else None,
        "approver": truncated(event.approver or None, approval_event.c.approver),
        "reason": truncated(event.reason or None, approval_event.c.reason),
        "event": event.model_dump_json(),
        "recorded_at": naive_utc(now),
    }


def _dataset_rows(customer: Customer, event: ApprovalEvent) -> Iterable[dict[str, object]]:
    for entry in {short_name(entry.name): entry for entry in event.datasets}.values():
        yield {
            "customer": customer.name,
            "event_id": event.event_id,
            "dataset": short_name(entry.name),
            "columns": ", ".join(entry.columns),
            "scope": entry.scope.in_full,
            "deny_groups": ", ".join(entry.deny_groups),
        }
