"""Azure's notifications of installations: their format, and the log that records each of them once.

What belongs here: reading a notification, recording it, and recording its outcome. Receiving one belongs to
`notification_endpoint.py`; acting on it belongs to `confirmation.py`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, StringConstraints, field_validator, model_validator
from pydantic.alias_generators import to_camel

from o365_pipeline.consent.approvals import in_utc
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import id_batches, insert_new, naive_utc, truncated
from o365_pipeline.database.ledger import notification as table
from o365_pipeline.managed_app.offer import Offer

ACCEPTED, SUCCEEDED, FAILED, DELETING, DELETED = "Accepted", "Succeeded", "Failed", "Deleting", "Deleted"

KINDS = {
    "PUT": (ACCEPTED, SUCCEEDED, FAILED),
    "PATCH": (SUCCEEDED,),
    "DELETE": (DELETING, DELETED, FAILED),
}
"""The states that each kind of event may report (Microsoft: managed applications with notifications)."""

NAMED = r"[\w.()-]*[\w()-]"
"""A name that Azure accepts: it never ends with a dot, so it cannot lead out of its place in an address."""

APPLICATION_ID = (
    rf"(?i)^/?subscriptions/{NAMED}/resourceGroups/{NAMED}/providers/Microsoft\.Solutions/applications/{NAMED}/?$"
)
ADDRESS = re.compile(r"[^\s'\"<>(),;#]+@[^\s'\"<>(),;]+")
RECORDED_AT_ONCE = 200

Text = Annotated[str, StringConstraints(max_length=400)]


class Part(BaseModel):
    """A part of a notification; fields that Azure may add later are ignored, and a null counts as no field."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_nothing(cls, fields: object) -> object:
        return (
            {name: value for name, value in fields.items() if value is not None} if isinstance(fields, dict) else fields
        )


class Cause(Part):
    """One error."""

    code: Annotated[str, StringConstraints(max_length=200)] = ""
    message: str = ""

    @field_validator("message")
    @classmethod
    def _names_nobody(cls, message: str) -> str:
        return without_addresses(message)


class ReportedError(Cause):
    """Why an installation failed."""

    details: tuple[Cause, ...] = ()

    @field_validator("details", mode="before")
    @classmethod
    def _null_is_none_of_them(cls, details: object) -> object:
        return [cause for cause in details if cause is not None] if isinstance(details, list) else details


class Plan(Part):
    """The plan that was bought in the marketplace."""

    publisher: Text | None = None
    product: Text
    name: Text | None = None
    version: Text | None = None


class BillingDetails(Part):
    """The id under which the marketplace counts the installation's use."""

    resource_usage_id: Text | None = None


class Notification(Part):
    """Azure's report on an installation, from the service catalog or the marketplace."""

    event_type: Literal["PUT", "PATCH", "DELETE"]
    application_id: Annotated[str, StringConstraints(pattern=APPLICATION_ID, max_length=399)]
    event_time: dt.datetime
    provisioning_state: Literal["Accepted", "Succeeded", "Failed", "Deleting", "Deleted"]
    application_definition_id: Text | None = None
    plan: Plan | None = None
    billing_details: BillingDetails | None = None
    error: ReportedError | None = None

    @field_validator("event_time", mode="before")
    @classmethod
    def _times_are_texts(cls, value: object) -> object:
        if not isinstance(value, str):
            raise ValueError("a time such as 2026-11-25T12:00:00Z is needed")
        return value

    @field_validator("event_time")
    @classmethod
    def _times_are_utc(cls, time: dt.datetime) -> dt.datetime:
        try:
            return in_utc(time)
        except OverflowError:
            raise ValueError("no such time in UTC") from None

    @model_validator(mode="after")
    def _kinds_are_azures(self) -> Notification:
        if self.provisioning_state not in KINDS[self.event_type]:
            raise ValueError(f"{self.event_type} is never {self.provisioning_state}")
        if self.application_definition_id is None and self.plan is None:
            raise ValueError("applicationDefinitionId or plan is told, or both")
        return self

    @property
    def resource_id(self) -> str:
        """The application's id in Azure's spelling."""
        return f"/{self.application_id.strip('/')}"

    @property
    def key(self) -> str:
        """The application's id in small letters, so that spelling does not matter."""
        return self.resource_id.lower()

    @property
    def notification_id(self) -> str:
        """An id that is the same for equal notifications."""
        content = "\n".join((self.key, self.event_type, self.provisioning_state, self.event_time.isoformat()))
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def what(self) -> str:
        """The kind of event and the state, for logs."""
        return f"{self.event_type} {self.provisioning_state}"

    @property
    def order(self) -> tuple[dt.datetime, int]:
        """The order of notifications: by time, and for equal times by the usual sequence of states."""
        rank = (ACCEPTED, FAILED, SUCCEEDED, DELETING, DELETED).index(self.provisioning_state)
        return naive_utc(self.event_time), rank


@dataclass(frozen=True)
class Received:
    """A notification and the time of its arrival."""

    notification: Notification
    received_at: dt.datetime


def is_of(offer: Offer, definition_id: str | None, product: str | None) -> bool:
    """Tells whether a definition, or a product of the marketplace, is the offer's. Where Azure tells both, one of them
    is enough: the marketplace keeps a definition of its own for a product.
    """
    if definition_id and definition_id.strip("/").lower() == definition_of(offer).strip("/").lower():
        return True
    sold = offer.marketplace.product_external_id if offer.marketplace else None
    return sold is not None and product in (sold, f"{sold}-preview")


def definition_of(offer: Offer) -> str:
    """Returns the id of the offer's definition in the vendor's service catalog."""
    return (
        f"/subscriptions/{offer.management.subscription_id}/resourceGroups/{offer.management.resource_group}"
        f"/providers/Microsoft.Solutions/applicationDefinitions/{offer.name}"
    )


def without_addresses(text: str) -> str:
    """Removes people's addresses from a message of Azure's."""
    return ADDRESS.sub("(somebody)", text)


def record(database: Database, entries: Sequence[Notification], now: dt.datetime) -> set[str]:
    """Keep those that the log does not have yet, all or none of them; returns the ids of those that were new."""
    rows = [_row(entry, now) for entry in entries]
    return {row["notification_id"] for row in database.run(lambda connection: insert_new(connection, table, rows))}


def pending(database: Database, limit: int) -> dict[str, list[Received]]:
    """Returns the notifications without an outcome, by application; those that were checked longest ago come first."""
    open_ = sa.select(table).where(table.c.settled_at.is_(None))
    query = open_.order_by(sa.func.coalesce(table.c.looked_at, table.c.received_at), table.c.notification_id)
    with database.begin() as connection:
        first = dict.fromkeys(row.application_id for row in connection.execute(query.limit(limit)))
        rows = [
            row
            for keys in id_batches(list(first))
            for row in connection.execute(open_.where(table.c.application_id.in_(keys)))
        ]
    found: dict[str, list[Received]] = {key: [] for key in first}
    for row in rows:
        notification = Notification.model_validate_json(row.notification)
        found[row.application_id].append(Received(notification, row.received_at.replace(tzinfo=dt.UTC)))
    return found


def mark_settled(database: Database, entries: Sequence[Notification], outcome: str, now: dt.datetime) -> None:
    """Records the outcome of some notifications."""
    _note(database, entries, settled_at=naive_utc(now), outcome=truncated(outcome, table.c.outcome))


def retry_later(database: Database, entries: Sequence[Notification], outcome: str, now: dt.datetime) -> None:
    """Records why some notifications have no outcome yet."""
    _note(database, entries, looked_at=naive_utc(now), outcome=truncated(outcome, table.c.outcome))


def _note(database: Database, entries: Sequence[Notification], **values: Any) -> None:
    for ids in id_batches([entry.notification_id for entry in entries]):
        database.execute(table.update().where(table.c.notification_id.in_(ids)).values(**values))


def _row(notification: Notification, now: dt.datetime) -> dict[str, Any]:
    return {
        "notification_id": notification.notification_id,
        "application_id": notification.key,
        "event_type": notification.event_type,
        "provisioning_state": notification.provisioning_state,
        "event_at": naive_utc(notification.event_time),
        "notification": notification.model_dump_json(by_alias=True, exclude_none=True),
        "received_at": naive_utc(now),
    }
