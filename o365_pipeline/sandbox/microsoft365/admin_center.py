"""The Microsoft 365 admin center, where data requests are registered and approvers decide on them.

What belongs here: adding, deciding, and reading the present status. A developer registers in the portal (`portal.py`);
`register` here is what the sandbox does by itself for the customers of a deployment that is not strict. The rules of
approval belong to `consent/approvals.py`; the records of decisions belong to `consent_records.py`; the page for
decisions belongs to `approver_page.py`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from o365_pipeline.consent.approvals import ConsentStatus, State, consent_status
from o365_pipeline.customers.data_request import DataRequest
from o365_pipeline.errors import UsageError
from o365_pipeline.sandbox.clock import Clock, utc_now
from o365_pipeline.sandbox.microsoft365.audit_records import consent_events
from o365_pipeline.sandbox.microsoft365.consent_records import announce, append_consent
from o365_pipeline.sandbox.microsoft365.registrations import (
    PublishType,
    RegisteredRequest,
    Registration,
    all_registrations,
    registered_request,
    registration_of,
    store,
)
from o365_pipeline.sandbox.state import State as SandboxState

APPROVER = "approver@contoso.example"
"""The approver in the sandbox if no other is named."""


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
        with self._state.writing() as connection:
            there = registration_of(connection, tenant_id, data_request.application_id)
            publish_type = there.publish_type if there else PublishType.SINGLE
            registration = Registration(tenant_id, data_request, tuple(sinks), publish_type)
            if there != registration:
                announce(connection, registration, self._clock())

    def enable_cross_tenant_migration(self, tenant_id: str) -> None:
        """Lets a tenant's administrator add applications that move data into their publishers' tenants."""
        with self._state.writing() as connection:
            connection.execute("INSERT OR IGNORE INTO cross_tenant_migration (tenant) VALUES (?)", (tenant_id.lower(),))

    def add(self, tenant_id: str, application_id: str, publisher_tenant_id: str) -> RegisteredRequest:
        """Finds a multi-tenant application for a tenant's administrator (*Add new multi-tenant app*), to be decided on.

        Raises:
            UsageError: the tenant is not enabled for cross-tenant data migration, or nothing of the kind is published.
        """
        with self._state.writing() as connection:
            query = "SELECT 1 FROM cross_tenant_migration WHERE tenant = ?"
            if connection.execute(query, (tenant_id.lower(),)).fetchone() is None:
                raise UsageError(f"tenant {tenant_id} is not enabled for cross-tenant data migration")
            query = (
                "SELECT data_request, sink FROM portal_registration "
                "WHERE application = ? AND tenant = ? AND publish_type = ?"
            )
            found = connection.execute(
                query, (application_id.lower(), publisher_tenant_id.lower(), PublishType.MULTI)
            ).fetchone()
            if found is None:
                raise UsageError(
                    f"no multi-tenant application {application_id} of the publisher {publisher_tenant_id} was found"
                )
            request = DataRequest.model_validate_json(found["data_request"])
            registration = Registration(tenant_id, request, (found["sink"],), PublishType.MULTI)
            store(connection, registration)
            return registered_request(connection, registration, self._clock())

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
                    f"application {application_id} has no data request in tenant {tenant_id}: register it first, "
                    "and add it there if it is multi-tenant"
                )
            if approver.casefold() == registration.data_request.owner.casefold():
                raise UsageError("App approver and owner cannot be the same user.")
            append_consent(connection, registration, State(state), self._clock(), approver, reason, deny_groups)

    def data_requests(self) -> list[RegisteredRequest]:
        """Returns every data request in the table of any tenant, with its present status."""
        with self._state.reading() as connection:
            now = self._clock()
            found = [registered_request(connection, entry, now) for entry in all_registrations(connection)]
        return [entry for entry in found if entry.is_listed]

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
