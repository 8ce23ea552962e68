"""Registered data requests as an approver sees them: the status and the history of each.

What belongs here: reading what is stored, and storing what a tenant is shown. Deciding belongs to `admin_center.py`;
what a change adds and drops belongs to `consent/request_change.py`.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from dataclasses import dataclass
from enum import StrEnum

from o365_pipeline.consent.approvals import ApprovalEvent, ConsentStatus, State, consent_status
from o365_pipeline.consent.request_change import RequestChange, request_change
from o365_pipeline.customers.data_request import DataRequest
from o365_pipeline.sandbox.microsoft365.audit_records import consent_events

REGISTRATIONS = (
    "SELECT registration.*, portal_registration.publish_type FROM registration "
    "LEFT JOIN portal_registration ON portal_registration.application = registration.application"
)


class PublishType(StrEnum):
    """Whom an application may ask for data: its own tenant, or any that adds it."""

    SINGLE = "single-tenant"
    MULTI = "multi-tenant"


@dataclass(frozen=True)
class Registration:
    """A data request as the tenant's approvers see it."""

    tenant_id: str
    data_request: DataRequest
    sinks: tuple[str, ...]
    publish_type: PublishType = PublishType.SINGLE

    @property
    def destination_tenant_id(self) -> str:
        """The tenant that the data moves into: that of a multi-tenant application's publisher, else the approver's."""
        is_multi = self.publish_type is PublishType.MULTI
        return self.data_request.application_tenant_id if is_multi else self.tenant_id


@dataclass(frozen=True)
class RegisteredRequest:
    """A registration at a moment: its status, and its history with the latest event first."""

    registration: Registration
    consent_status: ConsentStatus[ApprovalEvent]
    history: tuple[ApprovalEvent, ...]
    at: dt.datetime

    @property
    def latest(self) -> ApprovalEvent | None:
        """The latest event; None of a multi-tenant application that was added and not decided on."""
        return self.history[0] if self.history else None

    @property
    def is_listed(self) -> bool:
        """Whether the table has it: every single-tenant application, and each multi-tenant one that was decided on."""
        return self.registration.publish_type is PublishType.SINGLE or any(
            event.state in (State.APPROVED, State.DENIED) for event in self.history
        )

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
        f"{REGISTRATIONS} WHERE registration.tenant = ? AND registration.application = ?", (tenant_id, application_id)
    ).fetchone()
    return _registration(row) if row else None


def tenants_with(connection: sqlite3.Connection, application_id: str) -> list[str]:
    """Returns the tenants that are shown an application."""
    rows = connection.execute("SELECT tenant FROM registration WHERE application = ?", (application_id,))
    return [row["tenant"] for row in rows]


def store(connection: sqlite3.Connection, shown: Registration) -> None:
    """Stores what a tenant is shown of an application; the audit log is told nothing."""
    connection.execute(
        "INSERT OR REPLACE INTO registration (tenant, application, data_request, sinks) VALUES (?, ?, ?, ?)",
        (
            shown.tenant_id,
            shown.data_request.application_id,
            shown.data_request.model_dump_json(),
            json.dumps(list(shown.sinks)),
        ),
    )


def all_registrations(connection: sqlite3.Connection) -> list[Registration]:
    """Returns all registrations, by application and tenant."""
    registrations = [_registration(row) for row in connection.execute(REGISTRATIONS)]
    return sorted(registrations, key=lambda entry: (entry.data_request.application_name, entry.tenant_id))


def registered_request(
    connection: sqlite3.Connection, registration: Registration, at: dt.datetime
) -> RegisteredRequest:
    """Returns the registration with its status at a moment."""
    events = consent_events(connection, registration.tenant_id, registration.data_request.application_id)
    return RegisteredRequest(registration, consent_status(events, at), tuple(reversed(events)), at)


def _registration(row: sqlite3.Row) -> Registration:
    request = DataRequest.model_validate_json(row["data_request"])
    publish_type = PublishType(row["publish_type"] or PublishType.SINGLE)
    return Registration(row["tenant"], request, tuple(json.loads(row["sinks"])), publish_type)
