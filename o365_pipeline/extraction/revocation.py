"""Revocation: factory runs under way that a customer's approvers no longer allow are cancelled.

What belongs here: finding and cancelling such runs, also those of a customer that leaves. Data that landed before
belongs to `purge/`.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Mapping

from azure.core.exceptions import AzureError

from o365_pipeline.consent import approval_ledger
from o365_pipeline.consent.approval_ledger import RecordedDecision
from o365_pipeline.consent.approvals import ApprovalEvent, ConsentStatus, consent_status
from o365_pipeline.consent.authorization import ask_of, refusal
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.customers.data_request import Scope
from o365_pipeline.database.database import Database
from o365_pipeline.datasets import catalogue
from o365_pipeline.extraction import extraction_ledger as ledger
from o365_pipeline.extraction.data_factory import DataFactory
from o365_pipeline.extraction.extraction_ledger import Extraction

MAX_CANCELLED = 20
"""How many runs one call cancels at most; the rest follows in the next call."""


def cancel_revoked(
    database: Database,
    factory: DataFactory,
    customers: Customers,
    under_way: Iterable[Extraction],
    statuses: Mapping[str, ConsentStatus[RecordedDecision]],
    at: dt.datetime,
    log: logging.Logger,
) -> int:
    """Cancels the factory runs that no approval in force covers; returns how many were cancelled.

    Args:
        stands: the status of each customer's data request at the moment `at`.
    """
    histories: dict[str, list[ApprovalEvent]] = {}
    silent: set[str] = set()
    cancelled = 0
    for entry in under_way:
        approval = statuses[entry.customer].approval
        if approval and approval.event_id == entry.approval_event_id:
            continue
        if not entry.factory_run_id or entry.status == ledger.CANCELING or entry.customer in silent:
            continue
        if cancelled == MAX_CANCELLED:
            break
        customer = customers[entry.customer]
        if entry.customer not in histories:
            histories[entry.customer] = approval_ledger.events(database, customer)
        reason = _reason_to_cancel(customer, entry, histories[entry.customer], at)
        if reason is None:
            continue
        error = f"cancelled, since it is no longer authorized: {reason}"
        if not _cancel(database, factory, customer, entry, error, log):
            silent.add(entry.customer)
            continue
        cancelled += 1
    return cancelled


def _cancel(
    database: Database, factory: DataFactory, customer: Customer, entry: Extraction, error: str, log: logging.Logger
) -> bool:
    """Cancels a run in the factory; False if the factory does not do it."""
    assert entry.factory_run_id
    log.warning(f"{entry.customer} {entry.dataset} {entry.window}: factory run {entry.factory_run_id} {error}")
    try:
        factory.cancel(customer, entry.factory_run_id)
    except AzureError as refused:
        log.error(f"{entry.customer}: the factory does not cancel {entry.factory_run_id}, again soon: {refused}")
        return False
    ledger.mark_cancelled(database, entry.extraction_id, entry.factory_run_id, error)
    return True


def _reason_to_cancel(
    customer: Customer, entry: Extraction, events: list[ApprovalEvent], at: dt.datetime
) -> str | None:
    """Says why an extraction under way is not covered any more, or None if it is."""
    dataset = catalogue()[entry.dataset]
    ask = ask_of(customer, dataset, entry.columns, Scope.model_validate_json(entry.scope))
    status = consent_status(events, at)
    if reason := refusal(ask, status):
        return str(reason)
    allowed_by = next((event for event in events if event.event_id == entry.approval_event_id), None)
    first = allowed_by.dataset(dataset.table_name) if allowed_by else None
    now = status.approval.dataset(dataset.table_name) if status.approval else None
    if now and first and not set(now.deny_groups) <= set(first.deny_groups):
        return "the approval leaves out the members of further groups"
    return None
