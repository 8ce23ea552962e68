"""Older tenants (Privileged Access Management): a run that nothing covers yet waits until an approver allows it.

What belongs here: when a waiting run may go on, what it shows, when its request lapses. An approver's no changes
nothing: the request lapses. Microsoft documents no more of what Data Factory shows than the two words
RequestingConsent and ConsentPending in the copy activity's details; their place in its output is the sandbox's.
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
    """The first moment from the run's start on, before its request lapses, at which an approval covers the job."""
    decisions = sorted(event.updated_at for event in events if start < event.updated_at < start + LAPSE)
    return next((at for at in (start, *decisions) if approval_for(job, events, at)), None)


def waiting_details(waited: dt.timedelta) -> dict[str, Any]:
    """The copy activity's output after so long a wait."""
    return {"executionDetails": [{"status": "RequestingConsent" if waited < REQUESTING else "ConsentPending"}]}
