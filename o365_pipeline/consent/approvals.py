"""Approvals: the approvers' decisions as events, and the status of a data request that follows from them.

What belongs here: parsing record 217 of the Management Activity API, and computing a status from events, as pure
functions. Fetching events belongs to `activity_feed.py`; storing them belongs to `approval_ledger.py`.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator, model_validator

from o365_pipeline.customers.data_request import Scope

CONSENT_RECORD_TYPE = 217
"""MicrosoftGraphDataConnectConsent, in Microsoft's schema of the Management Activity API."""

RECORD_ID = r"^[\x20-\x7e]{1,100}$"
"""The characters of a record's Id; Microsoft's are GUIDs."""

ONE_DAY = dt.timedelta(days=1)
VALID_DAYS = 180
"""How long an approval is valid if its record does not say (Graph documentation: app authorization)."""


class State(StrEnum):
    """The states of a data request, as Microsoft names them (Graph documentation: app authorization)."""

    PENDING = "PendingAuthorization"
    APPROVED = "Approved"
    DENIED = "Denied"
    EXPIRED = "Expired"
    UPDATE_AVAILABLE = "UpdateAvailable"


RESTRICTIVENESS = (State.PENDING, State.APPROVED, State.UPDATE_AVAILABLE, State.EXPIRED, State.DENIED)
"""If several events have the same time, the one that is later in this order counts: in doubt, no data moves."""


def in_utc(moment: dt.datetime) -> dt.datetime:
    """Converts a moment to UTC; a moment without an offset is taken as UTC."""
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)


def string_list(value: object) -> object:
    """Reads a string list, which records write as a list or as text: '["a", "b"]', '[a, b]', 'a, b'."""
    if isinstance(value, str) and value.lstrip().startswith('["'):
        return json.loads(value)
    if isinstance(value, str):
        return [part.strip() for part in value.strip("[]").split(",") if part.strip()]
    return value or ()


class ApprovedDataset(BaseModel):
    """One dataset that an event covers: columns, scope, and the groups whose members are left out."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    name: str = Field(max_length=100, validation_alias=AliasChoices("DatasetName", "name"))
    columns: tuple[str, ...] = Field(validation_alias=AliasChoices("DatasetColumns", "columns"))
    scope_kind: str = Field(default="All", validation_alias=AliasChoices("Scope", "scope_kind"))
    groups: tuple[str, ...] = Field(default=(), validation_alias=AliasChoices("ScopeList", "groups"))
    filter_uri: str | None = Field(default=None, validation_alias=AliasChoices("ScopeFiltersUris", "filter_uri"))
    privacy_policy: str = Field(default="None", validation_alias=AliasChoices("PrivacyPolicyType", "privacy_policy"))
    deny_groups: tuple[str, ...] = Field(default=(), validation_alias=AliasChoices("DenyGroups", "deny_groups"))

    @field_validator("columns", "groups", "deny_groups", mode="before")
    @classmethod
    def _from_string_list(cls, value: object) -> object:
        return string_list(value)

    @field_validator("filter_uri", mode="before")
    @classmethod
    def _first_of_list(cls, value: object) -> object:
        return (value[0] if value else None) if isinstance(value, list) else value

    @property
    def scope(self) -> Scope:
        return Scope.model_validate({"kind": self.scope_kind, "groups": self.groups, "filter_uri": self.filter_uri})

    @model_validator(mode="after")
    def _scope_is_one(self) -> ApprovedDataset:
        _ = self.scope
        return self


class ApprovalEvent(BaseModel):
    """One consent record: who decided what, about which application, for which data, until when. Times are UTC."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    event_id: str = Field(pattern=RECORD_ID, validation_alias=AliasChoices("Id", "event_id"))
    created_at: dt.datetime = Field(validation_alias=AliasChoices("CreationTime", "created_at"))
    application_id: str = Field(max_length=100, validation_alias=AliasChoices("ApplicationId", "application_id"))
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
    updated_at: dt.datetime = Field(
        validation_alias=AliasChoices("ApprovalUpdatedDateInUTC", "updated_at", "CreationTime")
    )
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
        return None if value is None else in_utc(value)

    @model_validator(mode="before")
    @classmethod
    def _approvals_end(cls, record: object) -> object:
        """Gives every approval an end, also if its record names only the days, or not even those."""
        if not isinstance(record, dict):
            return record
        given = {name: value for name, value in record.items() if value is not None}
        decided = given.get("ApprovalUpdatedDateInUTC") or given.get("CreationTime")
        if given.get("State") == State.APPROVED and decided and not given.get("ApprovalExpiryDateInUTC"):
            days = dt.timedelta(days=int(given.get("ApprovalValidDays", VALID_DAYS)))
            given["ApprovalExpiryDateInUTC"] = in_utc(dt.datetime.fromisoformat(str(decided))) + days
        return given

    def dataset(self, table_name: str) -> ApprovedDataset | None:
        """Returns what the event says about a dataset, by Data Connect's name of the dataset."""
        return next((entry for entry in self.datasets if entry.name == table_name), None)


class Decision(Protocol):
    """The part of an event that a status is computed from."""

    @property
    def event_id(self) -> str: ...
    @property
    def state(self) -> State: ...
    @property
    def created_at(self) -> dt.datetime: ...
    @property
    def updated_at(self) -> dt.datetime: ...
    @property
    def expires_at(self) -> dt.datetime | None: ...


CLOCK_SKEW = dt.timedelta(hours=1)
"""How far a moment of Microsoft's may lie ahead of the clock here; where it lies further, the clock was put back."""

D = TypeVar("D", bound=Decision, covariant=True)


@dataclass(frozen=True)
class ConsentStatus(Generic[D]):
    """The status of a data request: its state, since when, and the approval in force if there is one."""

    state: State | None
    approval: D | None
    since: dt.datetime | None = None

    def days_left(self, at: dt.datetime) -> int | None:
        """Days until the approval in force ends; a day that has begun counts."""
        ends = self.approval.expires_at if self.approval else None
        return math.ceil((ends - at) / ONE_DAY) if ends else None

    def __str__(self) -> str:
        return f"{self.state} since {self.since:%Y-%m-%d %H:%M} UTC" if self.state and self.since else "no decision yet"


def consent_status(events: Iterable[D], at: dt.datetime) -> ConsentStatus[D]:
    """Computes the status of one application at a moment from its events, which may be unordered and repeated.

    The previous approval stays in force after UpdateAvailable, and while a changed request is pending, until a new
    decision replaces it; Denied after Approved is a revocation (Graph documentation: app authorization). An expired
    approval stays expired until there is a new decision, even if a changed request is made meanwhile.
    """
    once = {event.event_id: event for event in events if event.updated_at <= at}
    state: State | None = None
    approval: D | None = None
    since: dt.datetime | None = None
    for event in sorted(once.values(), key=_order):
        if event.state is not state or _has_ended(approval, event.updated_at):
            state, since = event.state, event.updated_at
        if event.state is State.APPROVED:
            approval = event
        elif event.state in (State.DENIED, State.EXPIRED):
            approval = None
    if approval and _has_ended(approval, at):
        return ConsentStatus(State.EXPIRED, None, approval.expires_at)
    return ConsentStatus(state, approval, since)


def _has_ended(approval: Decision | None, at: dt.datetime) -> bool:
    return approval is not None and approval.expires_at is not None and approval.expires_at <= at


def _order(event: Decision) -> tuple[dt.datetime, dt.datetime, int, str]:
    return event.updated_at, event.created_at, RESTRICTIVENESS.index(event.state), event.event_id
