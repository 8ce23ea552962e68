"""Revocation: what a customer's approvers no longer allow is cancelled in the factory while it is under way.

What belongs here: finding such runs and cancelling them. What landed before is the purge's.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Mapping

from azure.core.exceptions import AzureError

from o365_pipeline.consent import approval_ledger
from o365_pipeline.consent.approval_ledger import RecordedDecision
from o365_pipeline.consent.approvals import ApprovalEvent, Standing
from o365_pipeline.consent.authorization import ask_of, refusal
from o365_pipeline.consent.data_request import Scope
from o365_pipeline.customers import Customers
from o365_pipeline.database import Database
from o365_pipeline.datasets import catalogue
from o365_pipeline.extraction import extraction_ledger as ledger
from o365_pipeline.extraction.data_factory import DataFactory
from o365_pipeline.extraction.extraction_ledger import Extraction

MAX_CANCELLED = 20
"""How many runs one call asks to end at most; the rest follows in the next."""


def cancel_revoked(
    database: Database,
    factory: DataFactory,
    customers: Customers,
    under_way: Iterable[Extraction],
    stands: Mapping[str, Standing[RecordedDecision]],
    at: dt.datetime,
    log: logging.Logger,
) -> int:
    """Cancel the factory runs that no approval in force covers; returns how many were asked to end.

    Args:
        stands: where each customer's data request stands at the moment `at`.
    """
    histories: dict[str, Standing[ApprovalEvent]] = {}
    asked = cancelled = 0
    for entry in under_way:
        approval = stands[entry.customer].approval
        if approval and approval.event_id == entry.approval_event_id:
            continue
        if not entry.factory_run_id or entry.status == ledger.CANCELING or asked == MAX_CANCELLED:
            continue
        customer = customers[entry.customer]
        if entry.customer not in histories:
            histories[entry.customer] = approval_ledger.standing_of(database, customer, at)
        ask = ask_of(customer, catalogue()[entry.dataset], entry.columns, Scope.model_validate_json(entry.scope))
        if reason := refusal(ask, histories[entry.customer]):
            error = f"cancelled, since it is no longer authorized by {reason}"
            log.warning(f"{entry.customer} {entry.dataset} {entry.window}: factory run {entry.factory_run_id} {error}")
            asked += 1
            try:
                factory.cancel(customer, entry.factory_run_id)
            except AzureError as refused:
                log.error(
                    f"{entry.customer}: the factory does not cancel {entry.factory_run_id}, again soon: {refused}"
                )
                continue
            ledger.note_cancelled(database, entry.extraction_id, entry.factory_run_id, error)
            cancelled += 1
    return cancelled
