"""The consent sensor's tick."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from o365_pipeline.consent import approval_ledger
from o365_pipeline.consent.approvals import State
from o365_pipeline.consent.sensor import MAX_REQUESTS, Cursor, build_consent_sensor, initial_requests
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.database.database import Database
from o365_pipeline.deployment import Deployment
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.consent.fakes import NOW, FakeFeed, many, record

ONE_MINUTE = dt.timedelta(minutes=1)
SENSOR = build_consent_sensor(dg.DefaultSensorStatus.STOPPED)


@pytest.fixture
def tick(deployment: Deployment, instance: dg.DagsterInstance) -> Callable[..., dg.SensorResult]:
    """Evaluate the sensor once, as the daemon does."""

    def tick(
        feed: FakeFeed,
        cursor: str | None = None,
        customers: Customers | None = None,
        database: Database = deployment.database,
    ) -> dg.SensorResult:
        resources = {**deployment.resources, "activity_feed": feed, "database": database}
        if customers:
            resources["customers"] = customers
        with dg.build_sensor_context(instance=instance, cursor=cursor, resources=resources) as context:
            result = SENSOR(context)
        assert isinstance(result, dg.SensorResult)
        for addition in result.dynamic_partitions_requests or []:
            instance.add_dynamic_partitions(addition.partitions_def_name, list(addition.partition_keys))
        return result

    return tick


Tick = Callable[..., dg.SensorResult]


def keys(result: dg.SensorResult) -> list[str | None]:
    return [request.run_key for request in result.run_requests or []]


def test_an_approval_asks_for_the_agreed_days(tick: Tick, customer: Customer) -> None:
    result = tick(FakeFeed(record(customer)))

    [request] = result.run_requests or []
    assert request.job_name == "extraction_job"
    assert request.tags["dagster/asset_partition_range_start"] == f"contoso|{DAY}"


def test_every_customer_is_a_partition_from_the_first_tick_on(tick: Tick, instance: dg.DagsterInstance) -> None:
    tick(FakeFeed())

    assert instance.get_dynamic_partitions("customer") == ["contoso"]


def test_an_approval_is_recorded_once_and_asked_for_once(
    tick: Tick, deployment: Deployment, customer: Customer
) -> None:
    feed = FakeFeed(record(customer), record(customer))
    first = tick(feed)
    second = tick(feed, first.cursor)

    assert len(approval_ledger.events(deployment.database, customer)) == 1
    assert len(keys(first)) == 1
    assert keys(second) == []


def test_a_tick_that_was_lost_asks_again_under_the_same_keys(tick: Tick, customer: Customer) -> None:
    feed = FakeFeed(record(customer))
    lost = tick(feed)

    repeated = tick(feed)

    assert keys(repeated) == keys(lost) != []


def test_a_cursor_of_before_is_understood(tick: Tick, customer: Customer) -> None:
    cursor = json.dumps({customer.name: NOW.isoformat()})

    assert len(keys(tick(FakeFeed(record(customer)), cursor))) == 1


def test_a_ledger_that_is_another_one_is_asked_for_from_its_beginning_under_keys_of_its_own(
    tick: Tick, deployment: Deployment, customer: Customer, tmp_path: Path
) -> None:
    first = tick(FakeFeed(record(customer)))

    other = tick(
        FakeFeed(record(customer)), first.cursor, database=mart_database(sa.make_url(f"sqlite:///{tmp_path}/2.db"))
    )

    assert len(keys(other)) == 1
    assert keys(other) != keys(first)


def test_a_cursor_that_names_no_ledger_goes_on_where_it_stopped(tick: Tick, customer: Customer) -> None:
    first = tick(FakeFeed(record(customer)))
    nameless = {name: value for name, value in json.loads(first.cursor or "").items() if name != "ledger"}

    assert keys(tick(FakeFeed(), json.dumps(nameless))) == []


def test_a_renewed_approval_asks_again_under_a_key_of_its_own(tick: Tick, customer: Customer) -> None:
    first = tick(FakeFeed(record(customer)))
    renewed = record(customer, "e2", ApprovalUpdatedDateInUTC=NOW.isoformat())

    second = tick(FakeFeed(renewed), first.cursor)

    assert len(keys(second)) == 1
    assert keys(second) != keys(first)


@pytest.mark.parametrize(
    "changes",
    [{"State": "Perhaps"}, {"ApplicationId": None}, {"ApprovalUpdatedDateInUTC": "soon"}, {"Datasets": "all"}],
)
def test_a_record_that_cannot_be_read_never_blocks_the_others(
    tick: Tick, deployment: Deployment, customer: Customer, changes: dict[str, Any]
) -> None:
    feed = FakeFeed(record(customer, "bad", **changes), record(customer, "good"))

    assert keys(tick(feed))
    assert [event.event_id for event in approval_ledger.events(deployment.database, customer)] == ["good"]


@pytest.mark.parametrize("changes", [{"RecordType": 183}, {"DestinationTenantId": "other"}, {"ApplicationId": "other"}])
def test_records_about_something_else_approve_nothing(tick: Tick, customer: Customer, changes: dict[str, Any]) -> None:
    result = tick(FakeFeed(record(customer, **changes)))

    assert not result.run_requests
    assert "Waiting for approval" in str(result.skip_reason)


def test_an_approval_that_was_taken_back_asks_for_nothing(tick: Tick, customer: Customer) -> None:
    revoked = record(customer, "e2", State="Denied", ApprovalUpdatedDateInUTC=NOW.isoformat())

    result = tick(FakeFeed(revoked, record(customer)))

    assert not result.run_requests
    assert "contoso: Denied" in str(result.skip_reason)


def test_only_days_that_are_over_are_asked_for(deployment: Deployment, customer: Customer) -> None:
    approval = approval_ledger.ApprovalEvent.model_validate(record(customer))
    week = customer.model_copy(update={"initial_days": 7})

    [request] = initial_requests(week, approval, DAY + dt.timedelta(days=3), "first")

    assert request.tags["dagster/asset_partition_range_end"] == f"contoso|{DAY + dt.timedelta(days=2)}"
    assert initial_requests(week, approval, DAY, "first") == []


def test_days_of_the_agreed_window_that_end_later_are_asked_for_when_they_are_over(
    tick: Tick, customer: Customer, deployment: Deployment
) -> None:
    today = dt.datetime.now(dt.UTC).date()
    current = customer.model_copy(update={"first_day": today - dt.timedelta(days=2), "initial_days": 7})
    customers = Customers([current])
    first = tick(FakeFeed(record(current)), None, customers)
    [asked] = keys(first)
    assert asked
    assert f":{today - dt.timedelta(days=1)}:" in asked
    assert keys(tick(FakeFeed(), first.cursor, customers)) == []

    yesterdays = Cursor.model_validate_json(first.cursor or "").model_copy(update={"day": today - dt.timedelta(days=1)})

    assert keys(tick(FakeFeed(), yesterdays.model_dump_json(), customers)) == [asked]


def test_a_window_that_is_over_is_not_asked_for_every_day(tick: Tick, customer: Customer) -> None:
    first = tick(FakeFeed(record(customer)))
    earlier = Cursor.model_validate_json(first.cursor or "").model_copy(update={"day": dt.date(2026, 1, 1)})

    assert keys(tick(FakeFeed(), earlier.model_dump_json())) == []


def test_many_customers_are_asked_for_in_bounded_parts_each_once(tick: Tick, customer: Customer) -> None:
    customers = many(customer, 120)
    feed = FakeFeed(*(record(one, f"event-{one.name}") for one in customers))
    asked: list[str | None] = []
    cursor = None

    for _ in range(120 // MAX_REQUESTS + 2):
        result = tick(feed, cursor, customers)
        cursor = result.cursor
        assert len(result.run_requests or []) <= MAX_REQUESTS
        assert len(result.asset_events) <= MAX_REQUESTS + 1
        assert len(cursor or "") < 64 * 1024
        asked += keys(result)

    assert len(asked) == len(set(asked)) == 120


def reports(result: dg.SensorResult) -> tuple[dg.AssetMaterialization, dg.AssetCheckEvaluation]:
    materialization, evaluation = result.asset_events
    assert isinstance(materialization, dg.AssetMaterialization)
    assert isinstance(evaluation, dg.AssetCheckEvaluation)
    return materialization, evaluation


def test_the_ui_is_told_the_state_the_days_left_and_the_history_of_each_customer(
    tick: Tick, customer: Customer
) -> None:
    pending = record(customer, "e0", State="PendingAuthorization", ApprovalUpdatedDateInUTC="2026-11-20T08:00:00Z")
    result = tick(FakeFeed(pending, record(customer)))

    materialization, evaluation = reports(result)
    assert materialization.partition == "contoso"
    assert materialization.metadata["state"].value == "Approved"
    assert materialization.metadata["days_left"].value == 180
    assert "| PendingAuthorization |" in str(materialization.metadata["history"].value)
    assert evaluation.passed


def test_what_the_ui_was_told_is_not_told_again(tick: Tick, customer: Customer) -> None:
    first = tick(FakeFeed(record(customer)))

    assert tick(FakeFeed(), first.cursor).asset_events == []


@pytest.mark.parametrize(
    ("days", "passed", "severity", "says"),
    [
        (31, True, dg.AssetCheckSeverity.WARN, "All are in force"),
        (29, False, dg.AssetCheckSeverity.WARN, "contoso: ends in 29 days"),
        (-1, False, dg.AssetCheckSeverity.ERROR, "contoso: Expired since"),
    ],
)
def test_the_check_warns_thirty_days_before_the_end_and_fails_from_then_on(
    tick: Tick, customer: Customer, days: int, passed: bool, severity: dg.AssetCheckSeverity, says: str
) -> None:
    given = (NOW - dt.timedelta(days=100)).isoformat()
    ends = (NOW + dt.timedelta(days=days)).isoformat()

    result = tick(FakeFeed(record(customer, ApprovalUpdatedDateInUTC=given, ApprovalExpiryDateInUTC=ends)))

    _, evaluation = reports(result)
    assert evaluation.passed is passed
    assert evaluation.severity is severity
    assert says in (evaluation.description or "")


@pytest.mark.parametrize(
    ("decisions", "severity", "says"),
    [
        ([], dg.AssetCheckSeverity.WARN, "contoso: no decision yet"),
        (["PendingAuthorization"], dg.AssetCheckSeverity.WARN, "contoso: PendingAuthorization"),
        (["Denied"], dg.AssetCheckSeverity.ERROR, "contoso: Denied since"),
        (["Approved", "Denied"], dg.AssetCheckSeverity.ERROR, "contoso: Denied since"),
        (["Denied", "PendingAuthorization"], dg.AssetCheckSeverity.WARN, "contoso: PendingAuthorization"),
    ],
)
def test_the_check_fails_where_consent_was_denied_or_revoked_and_warns_where_nobody_has_decided(
    tick: Tick, customer: Customer, decisions: list[str], severity: dg.AssetCheckSeverity, says: str
) -> None:
    begin = NOW - dt.timedelta(hours=1)
    records = [
        record(customer, f"e{place}", State=state, ApprovalUpdatedDateInUTC=(begin + place * ONE_MINUTE).isoformat())
        for place, state in enumerate(decisions)
    ]

    _, evaluation = reports(tick(FakeFeed(*records)))

    assert evaluation.check_name == "approval_in_force"
    assert not evaluation.passed
    assert evaluation.severity is severity
    assert says in (evaluation.description or "")


def test_the_check_is_green_again_after_a_new_approval(tick: Tick, customer: Customer) -> None:
    denied = record(customer, "e1", State="Denied", ApprovalUpdatedDateInUTC=(NOW - ONE_MINUTE).isoformat())
    approved = record(customer, "e2", ApprovalUpdatedDateInUTC=NOW.isoformat())

    first = tick(FakeFeed(denied))
    second = tick(FakeFeed(approved), first.cursor)

    assert [reports(result)[1].passed for result in (first, second)] == [False, True]


def test_the_ui_is_not_told_who_decided_or_why(tick: Tick, customer: Customer) -> None:
    denied = record(customer, State=State.DENIED, Reason="Ada Lovelace objects", Approver="ada@contoso.example")

    result = tick(FakeFeed(denied))

    told = repr(result.asset_events) + str(result.skip_reason) + str(result.cursor)
    assert "Denied" in told
    assert "Ada" not in told
    assert "ada@" not in told


def test_the_check_can_be_told_of_again_and_again(tick: Tick, instance: dg.DagsterInstance, customer: Customer) -> None:
    denied = record(customer, "e2", State="Denied", ApprovalUpdatedDateInUTC=NOW.isoformat())
    results = [tick(FakeFeed(record(customer)))]
    results.append(tick(FakeFeed(denied), results[0].cursor))

    for event in [event for result in results for event in result.asset_events]:
        instance.report_runless_asset_event(event)

    told = instance.fetch_materializations(dg.AssetKey(["consent", "approval"]), limit=10).records
    assert [entry.asset_materialization.metadata["state"].value for entry in told] == ["Denied", "Approved"]
