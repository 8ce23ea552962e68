"""Approvals: what the approvers said, as events, and where a data request stands because of them.

What belongs here: record 217 of the Management Activity API turned into an event, and the fold of events into a
standing. Pure functions: fetching events is `activity_feed.py`'s, keeping them is `approval_ledger.py`'s.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator

from o365_pipeline.consent.data_request import Scope

CONSENT_RECORD_TYPE = 217
"""MicrosoftGraphDataConnectConsent, in Microsoft's schema of the Management Activity API."""


class State(StrEnum):
    """The states of a data request, as Microsoft names them (Graph documentation: app authorization)."""

    PENDING = "PendingAuthorization"
    APPROVED = "Approved"
    DENIED = "Denied"
    EXPIRED = "Expired"
    UPDATE_AVAILABLE = "UpdateAvailable"


class ApprovedDataset(BaseModel):
    """One dataset that an event covers: columns, scope, and the groups that the approver left out."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    name: str = Field(validation_alias=AliasChoices("DatasetName", "name"))
    columns: tuple[str, ...] = Field(validation_alias=AliasChoices("DatasetColumns", "columns"))
    scope_kind: str = Field(default="All", validation_alias=AliasChoices("Scope", "scope_kind"))
    groups: tuple[str, ...] = Field(default=(), validation_alias=AliasChoices("ScopeList", "groups"))
    filter_uri: str | None = Field(default=None, validation_alias=AliasChoices("ScopeFiltersUris", "filter_uri"))
    deny_groups: tuple[str, ...] = Field(default=(), validation_alias=AliasChoices("DenyGroups", "deny_groups"))

    @field_validator("columns", "groups", "deny_groups", mode="before")
    @classmethod
    def _from_string_list(cls, value: object) -> object:
        if isinstance(value, str) and value.lstrip().startswith('["'):
            return json.loads(value)
        if isinstance(value, str):
            return [part.strip() for part in value.strip("[]").split(",") if part.strip()]
        return value or ()

    @field_validator("filter_uri", mode="before")
    @classmethod
    def _first_of_list(cls, value: object) -> object:
        return (value[0] if value else None) if isinstance(value, list) else value

    @property
    def scope(self) -> Scope:
        return Scope.model_validate({"kind": self.scope_kind, "groups": self.groups, "filter_uri": self.filter_uri})


class ApprovalEvent(BaseModel):
    """One consent record: who decided what, about which application, for which data, until when. Times are UTC."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    event_id: str = Field(validation_alias=AliasChoices("Id", "event_id"))
    created_at: dt.datetime = Field(validation_alias=AliasChoices("CreationTime", "created_at"))
    application_id: str = Field(validation_alias=AliasChoices("ApplicationId", "application_id"))
    application_version: str = Field(
        default="", validation_alias=AliasChoices("ApplicationVersion", "application_version")
    )
    application_tenant_id: str = Field(
        validation_alias=AliasChoices("AppRegistrationTenantId", "application_tenant_id")
    )
    destination_tenant_id: str = Field(validation_alias=AliasChoices("DestinationTenantId", "destination_tenant_id"))
    sinks: tuple[str, ...] = Field(default=(), validation_alias=AliasChoices("DestinationSinks", "sinks"))
    state: State = Field(validation_alias=AliasChoices("State", "state"))
    approver: str | None = Field(default=None, validation_alias=AliasChoices("Approver", "approver"))
    reason: str | None = Field(default=None, validation_alias=AliasChoices("Reason", "reason"))
    updated_at: dt.datetime = Field(validation_alias=AliasChoices("ApprovalUpdatedDateInUTC", "updated_at"))
    expires_at: dt.datetime | None = Field(
        default=None, validation_alias=AliasChoices("ApprovalExpiryDateInUTC", "expires_at")
    )
    datasets: tuple[ApprovedDataset, ...] = Field(default=(), validation_alias=AliasChoices("Datasets", "datasets"))

    @field_validator("application_id", "application_tenant_id", "destination_tenant_id")
    @classmethod
    def _ids_in_small_letters(cls, value: str) -> str:
        return value.lower()

    @field_validator("sinks", mode="before")
    @classmethod
    def _sinks_as_list(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value or ()

    @field_validator("created_at", "updated_at", "expires_at", mode="after")
    @classmethod
    def _as_utc(cls, value: dt.datetime | None) -> dt.datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


@dataclass(frozen=True)
class Standing:
    """Where a data request stands: its state, and the approval in force if there is one."""

    state: State | None
    approval: ApprovalEvent | None


def standing(events: Iterable[ApprovalEvent], at: dt.datetime) -> Standing:
    """Fold one application's events, in any order and with repeats, into its standing at a moment.

    The previous approval goes on working after UpdateAvailable, and while a changed request is pending, until a new
    decision overwrites it; Denied after Approved is a revocation (Graph documentation: app authorization).
    """
    once = {event.event_id: event for event in events if event.updated_at <= at}
    state: State | None = None
    approval: ApprovalEvent | None = None
    for event in sorted(once.values(), key=lambda event: (event.updated_at, event.created_at, event.event_id)):
        state = event.state
        if event.state is State.APPROVED:
            approval = event
        elif event.state in (State.DENIED, State.EXPIRED):
            approval = None
    if approval and approval.expires_at and approval.expires_at <= at:
        return Standing(State.EXPIRED, None)
    return Standing(state, approval)
