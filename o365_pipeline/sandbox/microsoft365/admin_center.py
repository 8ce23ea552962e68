"""The Microsoft 365 admin center, where data requests are registered and approvers decide on them.

What belongs here: registering, deciding, and reading the present status. The rules of approval belong to
`consent/approvals.py`; how a registered request is described belongs to `registrations.py`; the feed that carries the
decisions belongs to `activity_feed.py`; the page for decisions belongs to `approver_page.py`.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from o365_pipeline.consent.approvals import CONSENT_RECORD_TYPE, ConsentStatus, State, consent_status
from o365_pipeline.customers.data_request import DataRequest, RequestedDataset
from o365_pipeline.errors import UsageError
from o365_pipeline.sandbox.clock import Clock, utc_now
from o365_pipeline.sandbox.microsoft365.audit_records import append_record, consent_events
from o365_pipeline.sandbox.microsoft365.registrations import (
    RegisteredRequest,
    Registration,
    all_registrations,
    registered_request,
    registration_of,
)
from o365_pipeline.sandbox.state import State as SandboxState

APPROVAL_DAYS = 180
APPROVER = "approver@contoso.example"
"""The approver in the sandbox if no other is named."""

SERVICE_USER = "MicrosoftGraphDataConnect"


@dataclass(frozen=True)
class FactoryRun:
    """A factory run as it was last seen."""

    run_id: str
    pipeline: str
    parameters: dict[str, str]
    status: str


class Sandbox:
    """What people do and see outside the pipeline: approvers in the admin center, engineers in the factory."""

    def __init__(self, home: Path, clock: Clock = utc_now) -> None:
        self._state = SandboxState(home)
        self._clock = clock

    def register(self, tenant_id: str, data_request: DataRequest, sinks: Sequence[str]) -> None:
        """Registers a data request for the tenant's approvers; an unchanged request changes nothing."""
        registration = Registration(tenant_id, data_request, tuple(sinks))
        with self._state.writing() as connection:
            if registration_of(connection, tenant_id, data_request.application_id) == registration:
                return
            connection.execute(
                "INSERT OR REPLACE INTO registration (tenant, application, data_request, sinks) VALUES (?, ?, ?, ?)",
                (tenant_id, data_request.application_id, data_request.model_dump_json(), json.dumps(list(sinks))),
            )
            now = self._clock()
            status = consent_status(consent_events(connection, tenant_id, data_request.application_id), now)
            state = State.UPDATE_AVAILABLE if status.approval else State.PENDING
            _append(connection, registration, state, now)

    def decide(
        self,
        tenant_id: str,
        application_id: str,
        state: State | str,
        approver: str,
        reason: str | None = None,
        deny_groups: Sequence[str] = (),
    ) -> None:
        """Approves the registered request for 180 days, without the members of some groups, or denies it.

        Denying an approved request revokes it.

        Raises:
            UsageError: nothing is registered under that id, the approver owns the application, the state is neither
            Approved nor Denied, or a denial names groups.
        """
        if state not in (State.APPROVED, State.DENIED):
            raise UsageError(f"an approver decides {State.APPROVED} or {State.DENIED}, not {state}")
        if deny_groups and state != State.APPROVED:
            raise UsageError(f"only {State.APPROVED} leaves out groups; {state} takes none")
        with self._state.writing() as connection:
            registration = registration_of(connection, tenant_id, application_id)
            if registration is None:
                raise UsageError(
                    f"application {application_id} has no data request in tenant {tenant_id}: register it first"
                )
            if approver.casefold() == registration.data_request.owner.casefold():
                raise UsageError("App approver and owner cannot be the same user.")
            _append(connection, registration, State(state), self._clock(), approver, reason, deny_groups)

    def data_requests(self) -> list[RegisteredRequest]:
        """Returns every data request registered in any tenant, with its present status."""
        with self._state.reading() as connection:
            now = self._clock()
            return [registered_request(connection, entry, now) for entry in all_registrations(connection)]

    def data_request(self, tenant_id: str, application_id: str) -> RegisteredRequest | None:
        """Returns one application's data request in a tenant, with its present status; None if none is registered."""
        with self._state.reading() as connection:
            registration = registration_of(connection, tenant_id, application_id)
            return registered_request(connection, registration, self._clock()) if registration else None

    def consent_status_of(self, tenant_id: str, application_id: str) -> ConsentStatus:
        """Returns the present status of an application in a tenant."""
        with self._state.reading() as connection:
            return consent_status(consent_events(connection, tenant_id, application_id), self._clock())

    def factory_runs(self) -> list[FactoryRun]:
        """Returns every run of every factory, the oldest first."""
        with self._state.reading() as connection:
            rows = connection.execute("SELECT run_id, pipeline, parameters, status FROM run ORDER BY number")
            return [
                FactoryRun(row["run_id"], row["pipeline"], json.loads(row["parameters"]), row["status"]) for row in rows
            ]


def _append(
    connection: sqlite3.Connection,
    registration: Registration,
    state: State,
    now: dt.datetime,
    approver: str | None = None,
    reason: str | None = None,
    deny_groups: Sequence[str] = (),
) -> None:
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
        "DestinationTenantId": registration.tenant_id,
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
