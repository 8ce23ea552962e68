"""Audit records that Microsoft 365 writes about consent (217) and operations (183) of Data Connect.

What belongs here: writing records and reading consent back. Listing them belongs to `activity_feed.py`. Source: Office
365 Management Activity API schema.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
import sqlite3
from typing import Any

from o365_pipeline.consent.approvals import CONSENT_RECORD_TYPE, ApprovalEvent
from o365_pipeline.sandbox.clock import stamp

OPERATION_RECORD_TYPE = 183
"""MicrosoftGraphDataConnectOperation."""

OPERATIONS = {
    CONSENT_RECORD_TYPE: "MicrosoftGraphDataConnectConsent",
    OPERATION_RECORD_TYPE: "MicrosoftGraphDataConnectOperation",
}


def append_record(
    connection: sqlite3.Connection,
    tenant_id: str,
    record_type: int,
    user_id: str,
    at: dt.datetime,
    fields: dict[str, Any],
    available_at: dt.datetime | None = None,
) -> None:
    """Adds a record to the tenant's feed, inside the caller's transaction.

    Args:
        at: when the recorded event happened.
        available_at: when the record appears in the feed; at once if it is not given.
    """
    (last,) = connection.execute("SELECT coalesce(max(sequence), 0) FROM record").fetchone()
    # Ids grow, so that two decisions within one tick of the clock are read back in the order in which they were made.
    content_id = f"{last + 1:08x}-{record_type:04d}-4000-8000-{secrets.token_hex(6)}"
    record = {
        "Id": content_id,
        "RecordType": record_type,
        "CreationTime": at.strftime("%Y-%m-%dT%H:%M:%S.%f"),
        "Operation": OPERATIONS[record_type],
        "OrganizationId": tenant_id,
        "UserType": 0,
        "UserKey": user_id,
        "UserId": user_id,
        "Workload": "MicrosoftGraphDataConnect",
        **fields,
    }
    connection.execute(
        "INSERT INTO record (sequence, content_id, tenant, record_type, available_at, content) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (last + 1, content_id, tenant_id, record_type, stamp(available_at or at), json.dumps(record)),
    )


def consent_events(connection: sqlite3.Connection, tenant_id: str, application_id: str) -> list[ApprovalEvent]:
    """Returns every consent event in the tenant about the application."""
    rows = connection.execute(
        "SELECT content FROM record WHERE tenant = ? AND record_type = ? ORDER BY sequence",
        (tenant_id, CONSENT_RECORD_TYPE),
    )
    events = (ApprovalEvent.model_validate_json(row["content"]) for row in rows)
    return [event for event in events if event.application_id == application_id]


def deny_groups(connection: sqlite3.Connection, event_id: str, table_name: str) -> tuple[str, ...]:
    """Returns the groups whose members an approval leaves out of a dataset, as its record says."""
    (content,) = connection.execute("SELECT content FROM record WHERE content_id = ?", (event_id,)).fetchone()
    datasets = [entry for entry in json.loads(content)["Datasets"] if entry["DatasetName"] == table_name]
    lists = [entry.get("DenyGroups") or () for entry in datasets if entry.get("PrivacyPolicyType") == "DenyList"]
    return tuple(group for groups in lists for group in groups)
