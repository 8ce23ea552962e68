"""The consent sensor's tick."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from o365_pipeline.consent import approval_ledger
from o365_pipeline.consent.approvals import State
from o365_pipeline.consent.sensor import build_consent_sensor, initial_requests
from o365_pipeline.customers import Customer
from o365_pipeline.deployment import Deployment

SENSOR = build_consent_sensor(dg.DefaultSensorStatus.STOPPED)
NOW = dt.datetime.now(dt.UTC)


class FakeFeed:
    """A feed in memory: what it holds, and what it was asked."""

    def __init__(self, *records: dict[str, Any]) -> None:
        self._records = records
        self.asked: list[tuple[dt.datetime, dt.datetime]] = []
        self.started: list[str] = []

    def start(self, tenant_id: str) -> None:
        self.started.append(tenant_id)

    def records(self, tenant_id: str, start: dt.datetime, end: dt.datetime) -> Iterator[dict[str, Any]]:
        self.asked.append((start, end))
        yield from self._records


def record(customer: Customer, identifier: str = "e1", **changes: Any) -> dict[str, Any]:
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
        **changes,
    }


def tick(
    deployment: Deployment, instance: dg.DagsterInstance, feed: FakeFeed, cursor: str | None = None
) -> dg.SensorResult:
    resources = {**deployment.resources, "activity_feed": feed}
    with dg.build_sensor_context(instance=instance, cursor=cursor, resources=resources) as context:
        result = SENSOR(context)
    assert isinstance(result, dg.SensorResult)
    return result


def test_an_approval_adds_the_customer_and_asks_for_the_agreed_days(
    deployment: Deployment, customer: Customer, instance: dg.DagsterInstance
) -> None:
    result = tick(deployment, instance, FakeFeed(record(customer)))

    [request] = result.run_requests or []
    assert request.job_name == "extraction_job"
    assert request.tags["dagster/asset_partition_range_start"] == "contoso|2026-11-16"
    [addition] = result.dynamic_partitions_requests or []
    assert list(addition.partition_keys) == ["contoso"]


def test_the_same_approval_is_recorded_once_and_asks_under_the_same_key(
    deployment: Deployment, customer: Customer, instance: dg.DagsterInstance
) -> None:
    feed = FakeFeed(record(customer), record(customer))
    first = tick(deployment, instance, feed)
    second = tick(deployment, instance, feed, first.cursor)

    assert len(approval_ledger.events(deployment.database, customer)) == 1
    assert [request.run_key for request in first.run_requests or []] == [
        request.run_key for request in second.run_requests or []
    ]
    assert second.asset_events == []


def test_the_subscription_is_started_once_and_reading_goes_on_where_it_stopped(
    deployment: Deployment, customer: Customer, instance: dg.DagsterInstance
) -> None:
    feed = FakeFeed()
    first = tick(deployment, instance, feed)
    tick(deployment, instance, feed, first.cursor)

    assert feed.started == [customer.tenant_id]
    (start, end), (next_start, _) = feed.asked
    assert dt.timedelta(days=6) < end - start <= dt.timedelta(days=7)
    assert next_start == end


def test_a_sensor_that_slept_too_long_says_what_it_may_have_missed(
    deployment: Deployment,
    customer: Customer,
    instance: dg.DagsterInstance,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    cursor = json.dumps({customer.name: (NOW - dt.timedelta(days=9)).isoformat()})

    tick(deployment, instance, FakeFeed(), cursor)

    assert "decisions before" in capfd.readouterr().err + caplog.text


@pytest.mark.parametrize(
    "changes",
    [{"State": "Perhaps"}, {"ApplicationId": None}, {"ApprovalUpdatedDateInUTC": "soon"}, {"Datasets": "all"}],
)
def test_a_record_that_cannot_be_read_never_blocks_the_others(
    deployment: Deployment, customer: Customer, instance: dg.DagsterInstance, changes: dict[str, Any]
) -> None:
    feed = FakeFeed(record(customer, "bad", **changes), record(customer, "good"))

    result = tick(deployment, instance, feed)

    assert result.run_requests
    assert [event.event_id for event in approval_ledger.events(deployment.database, customer)] == ["good"]


@pytest.mark.parametrize("changes", [{"RecordType": 183}, {"DestinationTenantId": "other"}, {"ApplicationId": "other"}])
def test_records_about_something_else_approve_nothing(
    deployment: Deployment, customer: Customer, instance: dg.DagsterInstance, changes: dict[str, Any]
) -> None:
    result = tick(deployment, instance, FakeFeed(record(customer, **changes)))

    assert not result.run_requests
    assert "Waiting for approval" in str(result.skip_reason)


def test_an_approval_that_was_taken_back_asks_for_nothing(
    deployment: Deployment, customer: Customer, instance: dg.DagsterInstance
) -> None:
    revoked = record(customer, "e2", State="Denied", ApprovalUpdatedDateInUTC=NOW.isoformat())

    result = tick(deployment, instance, FakeFeed(revoked, record(customer)))

    assert not result.run_requests
    assert "contoso: Denied" in str(result.skip_reason)


def test_the_real_feed_is_read_in_windows_and_pages(
    deployment: Deployment, customer: Customer, instance: dg.DagsterInstance
) -> None:
    request = customer.data_request
    deployment.sandbox.register(customer.tenant_id, request, [customer.sink])
    for number in range(12):
        state = State.DENIED if number % 2 else State.APPROVED
        deployment.sandbox.decide(customer.tenant_id, request.application_id, state, "approver@contoso.example")
    feed = deployment.resources["activity_feed"]
    feed.start(customer.tenant_id)
    feed.start(customer.tenant_id)
    now = dt.datetime.now(dt.UTC)

    records = list(feed.records(customer.tenant_id, now - dt.timedelta(days=6, hours=23), now))

    assert len([entry for entry in records if entry["RecordType"] == 217]) == 13


def test_only_days_that_are_over_are_asked_for(deployment: Deployment, customer: Customer) -> None:
    approval = approval_ledger.ApprovalEvent.model_validate(record(customer))
    week = customer.model_copy(update={"initial_days": 7})

    [request] = initial_requests(week, approval, dt.date(2026, 11, 19))

    assert request.tags["dagster/asset_partition_range_end"] == "contoso|2026-11-18"
    assert initial_requests(week, approval, dt.date(2026, 11, 16)) == []
