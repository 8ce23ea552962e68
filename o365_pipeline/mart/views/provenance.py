"""The view that leads from a row of the mart to the approval that allowed it.

What belongs here: the part of the ledger that readers of the mart may see about an extraction.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.database.ledger import approval_dataset, approval_event, extraction
from o365_pipeline.mart.views.view import view


def _provenance() -> sa.Select:
    event, dataset = approval_event.c, approval_dataset.c
    approved = sa.and_(event.customer == extraction.c.customer, event.event_id == extraction.c.approval_event_id)
    covered = sa.and_(
        dataset.customer == event.customer,
        dataset.event_id == event.event_id,
        dataset.dataset == extraction.c.dataset,
    )
    return sa.select(
        *(extraction.c[name] for name in ("extraction_id", "customer", "dataset", "first_day", "last_day")),
        extraction.c["columns"].label("extracted_columns"),
        extraction.c.factory_run_id,
        event.event_id.label("approval_event_id"),
        event.approver,
        event.updated_at.label("approved_at"),
        event.expires_at,
        event.application_id,
        event.application_version,
        dataset["columns"].label("approved_columns"),
        dataset.scope.label("approved_scope"),
        dataset.deny_groups,
    ).select_from(extraction.join(approval_event, approved).outerjoin(approval_dataset, covered))


ledger_row_provenance = view(
    "ledger_row_provenance",
    "One row per extraction, which every row of the mart names: who approved it, when, and for which columns.",
    _provenance(),
    extraction,
    approval_event,
    approval_dataset,
    comments={
        "customer": "Tenant whose data this is",
        "dataset": "The dataset, for example Message_v1",
        "first_day": "The first day that was extracted",
        "last_day": "The last day that was extracted",
        "extracted_columns": "The columns that were extracted, a JSON list",
        "factory_run_id": "The run of the factory that copied the data",
        "approver": "Who approved",
        "approved_at": "When the approver decided, UTC",
        "expires_at": "When the approval ends, UTC",
        "application_id": "The application that was approved",
        "application_version": "The version of the data request that was approved",
        "approved_columns": "The columns that the approval covers, with commas",
        "approved_scope": "Whose data it covers: All, or the groups or the filter",
    },
)
