"""Audit records of consent (217): what the admin center writes when a registration changes or is decided on.

What belongs here: the content of these records. Writing any record belongs to `audit_records.py`; deciding belongs to
`admin_center.py`. Source: Office 365 Management Activity API schema.
"""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Sequence
from typing import Any

from o365_pipeline.consent.approvals import CONSENT_RECORD_TYPE, State, consent_status
from o365_pipeline.customers.data_request import RequestedDataset
from o365_pipeline.sandbox.microsoft365.audit_records import append_record, consent_events
from o365_pipeline.sandbox.microsoft365.registrations import PublishType, Registration, store

APPROVAL_DAYS = 180
SERVICE_USER = "MicrosoftGraphDataConnect"


def announce(connection: sqlite3.Connection, shown: Registration, now: dt.datetime) -> None:
    """Shows a tenant a new or changed registration; only single-tenant applications are ever pending."""
    store(connection, shown)
    status = consent_status(consent_events(connection, shown.tenant_id, shown.data_request.application_id), now)
    if status.approval:
        append_consent(connection, shown, State.UPDATE_AVAILABLE, now)
    elif shown.publish_type is PublishType.SINGLE:
        append_consent(connection, shown, State.PENDING, now)


def append_consent(
    connection: sqlite3.Connection,
    registration: Registration,
    state: State,
    now: dt.datetime,
    approver: str | None = None,
    reason: str | None = None,
    deny_groups: Sequence[str] = (),
) -> None:
    """Writes the record of a state that an application gets in a tenant."""
    request = registration.data_request
    approved = state is State.APPROVED
    fields = {
        "ApplicationId": request.application_id,
        "ApplicationVersion": request.application_version,
        "AppRegistrationTenantId": request.application_tenant_id,
        "Approver": approver,
        "ApprovalUpdatedDateInUTC": now.isoformat(),
        "ApprovalExpiryDateInUTC": (now + dt.timedelta(days=APPROVAL_DAYS)).isoformat() if approved else None,
        "ApprovalValidDays": APPROVAL_DAYS if approved else None,
        "DestinationSinks": list(registration.sinks),
        "DestinationTenantId": registration.destination_tenant_id,
        "Reason": reason,
        "State": state.value,
        "Datasets": [_dataset(requested, deny_groups) for requested in request.datasets],
    }
    append_record(connection, registration.tenant_id, CONSENT_RECORD_TYPE, approver or SERVICE_USER, now, fields)


def _dataset(requested: RequestedDataset, deny_groups: Sequence[str]) -> dict[str, Any]:
    scope = requested.scope
    left_out = {"PrivacyPolicyType": "DenyList", "DenyGroups": list(deny_groups)}
    return {
        "DatasetName": requested.dataset.table_name,
        "DatasetColumns": list(requested.columns),
        "Scope": scope.kind,
        "ScopeList": list(scope.groups),
        "ScopeFiltersUris": [scope.filter_uri] if scope.filter_uri else [],
        **(left_out if deny_groups else {"PrivacyPolicyType": "None"}),
    }
