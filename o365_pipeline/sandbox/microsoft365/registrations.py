"""Registered data requests as an approver sees them: the status and the history of each.

What belongs here: reading what is stored. Deciding belongs to `admin_center.py`; what a change adds and drops belongs
to `consent/request_change.py`.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from dataclasses import dataclass

from o365_pipeline.consent.approvals import ApprovalEvent, ConsentStatus, State, consent_status
from o365_pipeline.consent.request_change import RequestChange, request_change
from o365_pipeline.customers.data_request import DataRequest
from o365_pipeline.sandbox.microsoft365.audit_records import consent_events


@dataclass(frozen=True)
class Registration:
    """A data request as the tenant's approvers see it."""

    tenant_id: str
    data_request: DataRequest
    sinks: tuple[str, ...]


@dataclass(frozen=True)
class RegisteredRequest:
    """A registration at a moment: its status, and its history with the latest event first."""

    registration: Registration
    consent_status: ConsentStatus[ApprovalEvent]
    history: tuple[ApprovalEvent, ...]
    at: dt.datetime

    @property
    def state(self) -> State:
        return self.consent_status.state or State.PENDING

    @property
    def until(self) -> dt.datetime | None:
        """When the latest approval ends or ended; None if there was none."""
        return next((event.expires_at for event in self.history if event.state is State.APPROVED), None)

    @property
    def days_left(self) -> int | None:
        """Days until the approval in force ends; a day that has begun counts. None without an approval."""
        return self.consent_status.days_left(self.at)

    @property
    def deny_groups(self) -> tuple[str, ...]:
        """The groups whose members the approval in force leaves out."""
        return deny_groups(self.consent_status.approval) if self.consent_status.approval else ()

    @property
    def change(self) -> RequestChange | None:
        """The registration's changes of the approval in force; None if there is no such approval."""
        if self.state is not State.UPDATE_AVAILABLE or self.consent_status.approval is None:
            return None
        return request_change(self.consent_status.approval, self.registration.data_request, self.registration.sinks)


def deny_groups(event: ApprovalEvent) -> tuple[str, ...]:
    """Returns the groups that an approval leaves out of any of its datasets, without repeats."""
    return tuple(dict.fromkeys(group for dataset in event.datasets for group in dataset.deny_groups))


def registration_of(connection: sqlite3.Connection, tenant_id: str, application_id: str) -> Registration | None:
    """Returns the registration of that application in that tenant."""
    row = connection.execute(
        "SELECT * FROM registration WHERE tenant = ? AND application = ?", (tenant_id, application_id)
    ).fetchone()
    return _registration(row) if row else None


def all_registrations(connection: sqlite3.Connection) -> list[Registration]:
    """Returns all registrations, by application and tenant."""
    registrations = [_registration(row) for row in connection.execute("SELECT * FROM registration")]
    return sorted(registrations, key=lambda entry: (entry.data_request.application_name, entry.tenant_id))


def registered_request(
    connection: sqlite3.Connection, registration: Registration, at: dt.datetime
) -> RegisteredRequest:
    """Returns the registration with its status at a moment."""
    events = consent_events(connection, registration.tenant_id, registration.data_request.application_id)
    return RegisteredRequest(registration, consent_status(events, at), tuple(reversed(events)), at)


def _registration(row: sqlite3.Row) -> Registration:
    request = DataRequest.model_validate_json(row["data_request"])
    return Registration(row["tenant"], request, tuple(json.loads(row["sinks"])))
