"""The Azure portal's page *Microsoft Graph Data Connect*, where a developer registers an application.

What belongs here: registering, and what the portal refuses. Deciding on what was registered belongs to
`admin_center.py`. Source: Microsoft, register your app for Data Connect.
"""

from __future__ import annotations

import datetime as dt
import re
import sqlite3
from dataclasses import dataclass
from urllib.parse import urlsplit

from o365_pipeline.customers.data_request import DataRequest
from o365_pipeline.errors import UsageError
from o365_pipeline.sandbox.azure.resources import ACCOUNT_TYPE, Resources
from o365_pipeline.sandbox.azure.subscriptions import Subscriptions
from o365_pipeline.sandbox.clock import Clock, utc_now
from o365_pipeline.sandbox.entra.directory import Directory
from o365_pipeline.sandbox.microsoft365.consent_records import announce
from o365_pipeline.sandbox.microsoft365.registrations import (
    PublishType,
    Registration,
    registration_of,
    tenants_with,
)
from o365_pipeline.sandbox.state import State

SINK = re.compile(r"https://[a-z0-9]{3,24}\.(dfs|blob)\.core\.windows\.net/[a-z0-9-]{3,63}(/\S*)?")
VAULT = re.compile(r"https://[a-z0-9-]{3,24}\.vault\.azure\.net/?")


@dataclass(frozen=True)
class Application:
    """What a developer registers: an application of the registering tenant, its data request, and its destination."""

    tenant_id: str
    data_request: DataRequest
    sink: str
    publish_type: PublishType = PublishType.SINGLE
    key_vault: str | None = None


class Portal:
    """Registers applications in the tenants of a directory."""

    def __init__(self, state: State, directory: Directory, clock: Clock = utc_now) -> None:
        self._state = state
        self._directory = directory
        self._clock = clock

    def register(self, application: Application) -> None:
        """Registers an application, or changes its registration.

        A single-tenant application is shown to its own tenant's administrator at once. A multi-tenant one is shown to
        nobody who has not added it; those who have are told of a change.

        Raises:
            UsageError: the portal refuses it.
        """
        self._check(application)
        request, now = application.data_request, self._clock()
        with self._state.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO portal_registration (application, tenant, publish_type, data_request, sink) "
                "VALUES (?, ?, ?, ?, ?)",
                (
                    request.application_id,
                    application.tenant_id,
                    application.publish_type.value,
                    request.model_dump_json(),
                    application.sink,
                ),
            )
            shown_to = {application.tenant_id} if application.publish_type is PublishType.SINGLE else set()
            for tenant_id in sorted(shown_to | set(tenants_with(connection, request.application_id))):
                _show(connection, application, tenant_id, now)

    def _check(self, application: Application) -> None:
        request, is_multi = application.data_request, application.publish_type is PublishType.MULTI
        if request.application_tenant_id != application.tenant_id.lower():
            raise UsageError(
                f"the data request says that application {request.application_id} is of tenant "
                f"{request.application_tenant_id}; an application is registered in its own, not in "
                f"{application.tenant_id}"
            )
        if not SINK.fullmatch(application.sink):
            raise UsageError(
                f"{application.sink} is no destination: give the storage account's URI with the container, such as "
                "https://sto365contoso.dfs.core.windows.net/lake"
            )
        if is_multi and not VAULT.fullmatch(application.key_vault or ""):
            raise UsageError("a multi-tenant application needs a Key Vault, such as https://kv-vendor.vault.azure.net")
        if not self._directory.grants_unasked:
            self._check_in_tenant(application, is_multi)

    def _check_in_tenant(self, application: Application, is_multi: bool) -> None:
        """Checks that application and storage account exist in the registering tenant."""
        application_id, tenant_id = application.data_request.application_id, application.tenant_id
        known = self._directory.application(application_id)
        if known is None or known.tenant_id != tenant_id.lower():
            raise UsageError(f"tenant {tenant_id} has no application {application_id}: register it in Entra first")
        if is_multi and not known.is_multi_tenant:
            raise UsageError(
                f"application {application_id} is for its own tenant alone: let it be multi-tenant in Entra"
            )
        account = (urlsplit(application.sink).hostname or "").split(".")[0]
        found = Resources(self._state).named(ACCOUNT_TYPE, account)
        owner = Subscriptions(self._state).tenant_of(found["id"].split("/")[2]) if found else None
        if owner != tenant_id.lower():
            raise UsageError(f"no subscription of tenant {tenant_id} has a storage account {account}")


def _show(connection: sqlite3.Connection, application: Application, tenant_id: str, now: dt.datetime) -> None:
    shown = Registration(tenant_id, application.data_request, (application.sink,), application.publish_type)
    if registration_of(connection, tenant_id, application.data_request.application_id) != shown:
        announce(connection, shown, now)
