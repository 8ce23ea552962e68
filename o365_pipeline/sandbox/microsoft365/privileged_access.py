"""Older tenants (Privileged Access Management): a run without an approval waits until an approver allows it.

What belongs here: when a waiting run may continue, what it shows, and when its request lapses. A denial changes
nothing: the request lapses. Microsoft documents only that Data Factory shows RequestingConsent and ConsentPending in
the copy activity's details; their place in its output is the sandbox's own choice.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from o365_pipeline.consent.approvals import ApprovalEvent
from o365_pipeline.sandbox.azure.copy_job import CopyJob
from o365_pipeline.sandbox.microsoft365.data_connect import approval_for

REQUESTING = dt.timedelta(seconds=60)
LAPSE = dt.timedelta(hours=24)
LAPSED = "The request for consent lapsed: nobody approved it within 24 hours."


def granted_at(job: CopyJob, events: Sequence[ApprovalEvent], start: dt.datetime) -> dt.datetime | None:
    """Returns the first moment after the run's start, before its request lapses, at which an approval covers the
    job.
    """
    decisions = sorted(event.updated_at for event in events if start < event.updated_at < start + LAPSE)
    return next((at for at in (start, *decisions) if approval_for(job, events, at)), None)


def waiting_details(waited: dt.timedelta) -> dict[str, Any]:
    """Returns the copy activity's output after a wait of that length."""
    return {"executionDetails": [{"status": "RequestingConsent" if waited < REQUESTING else "ConsentPending"}]}
