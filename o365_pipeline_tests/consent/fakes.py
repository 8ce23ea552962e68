"""A feed in memory and records in Microsoft's format, for the tests of consent."""

from __future__ import annotations

import datetime as dt
import threading
from typing import Any

from o365_pipeline.consent.activity_feed import Page, Position
from o365_pipeline.customers.customer import Customer, Customers

NOW = dt.datetime.now(dt.UTC)


class FakeFeed:
    """A feed that holds some records for each tenant, and remembers what it was asked; each read is one page."""

    poll_seconds = 0.0

    def __init__(self, *records: dict[str, Any]) -> None:
        self._records: dict[str, list[dict[str, Any]]] = {}
        for entry in records:
            self._records.setdefault(entry["Feed"], []).append(entry)
        self._lock = threading.Lock()
        self.asked: list[tuple[str, Position]] = []

    def read(self, customer: Customer, position: Position, now: dt.datetime) -> Page:
        with self._lock:
            self.asked.append((customer.name, position))
        return Page(Position(now), tuple(self._records.get(customer.tenant_id, [])))


def record(customer: Customer, identifier: str = "e1", **changes: Any) -> dict[str, Any]:
    """A consent record (217): approved five minutes ago."""
    request = customer.data_request
    return {
        "Id": identifier,
        "RecordType": 217,
        "CreationTime": NOW.isoformat(),
        "ApplicationId": request.application_id,
        "AppRegistrationTenantId": request.application_tenant_id,
        "DestinationTenantId": customer.tenant_id,
        "DestinationSinks": [customer.sink],
        "Approver": "approver@contoso.example",
        "State": "Approved",
        "ApprovalUpdatedDateInUTC": (NOW - dt.timedelta(minutes=5)).isoformat(),
        "ApprovalExpiryDateInUTC": (NOW + dt.timedelta(days=180)).isoformat(),
        "Datasets": [],
        "Feed": customer.tenant_id,
        **changes,
    }


def many(customer: Customer, count: int) -> Customers:
    """So many customers, each with a tenant of its own."""
    return Customers(
        customer.model_copy(update={"name": f"customer-{number:04d}", "tenant_id": f"tenant-{number:04d}"})
        for number in range(count)
    )
