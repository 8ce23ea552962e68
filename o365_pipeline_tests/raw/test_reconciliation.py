"""Landings compared with Microsoft's records of them: the outcome, the check, the sensor."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from o365_pipeline.customers.customer import Customer
from o365_pipeline.datasets import catalogue
from o365_pipeline.deployment import Deployment
from o365_pipeline.purge import deletion
from o365_pipeline.purge.plan import Deletion, Plan
from o365_pipeline.raw import reconciliation_check
from o365_pipeline.raw.comparison import Compared, Outcome, outcome
from o365_pipeline.raw.reconciliation import MAX_CASES, Reconciliation, reconcile
from o365_pipeline.raw.reconciliation_check import build_reconciliation_sensor, counted_check_result
from o365_pipeline_tests.ledger_rows import NOW, note_extraction, note_landing, note_operation

MESSAGES = catalogue()["Message_v1"]
SENSOR = build_reconciliation_sensor(dg.DefaultSensorStatus.STOPPED)


def reconciled(deployment: Deployment) -> Reconciliation:
    return reconcile(deployment.database, deployment.customers, MESSAGES, NOW)


def note_landed(deployment: Deployment, number: int = 1, **landing: Any) -> str:
    """An extraction and its landing; returns its factory run."""
    run_id = f"r{number}"
    note_extraction(deployment.database, f"x{number}", run_id)
    note_landing(deployment.database, f"x{number}", run_id, **landing)
    return run_id


@pytest.mark.parametrize(
    ("compared", "expected"),
    [
        (Compared(is_recorded=True), Outcome.RECONCILED),
        (Compared(), Outcome.AWAITING),
        (Compared(is_recorded=True, people_missing=True), Outcome.UNDELIVERED),
        (Compared(is_recorded=True, not_succeeded=True), Outcome.NOT_SUCCEEDED),
        (Compared(is_recorded=True, not_succeeded=True, people_missing=True), Outcome.NOT_SUCCEEDED),
        (Compared(is_recorded=True, rows_differ=True), Outcome.DIFFERENT),
        (Compared(is_recorded=True, rows_differ=True, people_missing=True, not_succeeded=True), Outcome.DIFFERENT),
    ],
)
def test_of_several_faults_the_worst_is_the_outcome(compared: Compared, expected: Outcome) -> None:
    assert outcome(compared) is expected


@pytest.mark.parametrize(
    ("landing", "record", "expected"),
    [
        ({}, {}, Outcome.RECONCILED),
        ({"rows": 9}, {}, Outcome.DIFFERENT),
        ({"rows": 11}, {}, Outcome.DIFFERENT),
        ({"rows": 9}, {"rows": None}, Outcome.RECONCILED),
        ({}, {"people_requested": None, "people_delivered": None}, Outcome.RECONCILED),
        ({}, {"people_delivered": 3}, Outcome.UNDELIVERED),
        ({}, {"people_requested": None, "people_delivered": None, "undelivered": ["a"]}, Outcome.UNDELIVERED),
        ({}, {"status": "Failed"}, Outcome.NOT_SUCCEEDED),
        ({}, {"status": "succeeded"}, Outcome.RECONCILED),
        ({"rows": 0}, {"status": "Failed", "rows": 0}, Outcome.RECONCILED),
        ({"hours_ago": 47}, None, Outcome.AWAITING),
        ({"hours_ago": 49}, None, Outcome.OVERDUE),
        ({"hours_ago": 49}, {}, Outcome.RECONCILED),
    ],
)
def test_a_landing_is_compared_with_the_record_of_its_factory_run(
    deployment: Deployment,
    customer: Customer,
    landing: dict[str, Any],
    record: dict[str, Any] | None,
    expected: Outcome,
) -> None:
    run_id = note_landed(deployment, **landing)
    if record is not None:
        note_operation(deployment.database, customer, run_id, **record)

    assert reconciled(deployment).landings == {expected: 1}


def test_of_several_records_of_a_run_the_newest_counts(deployment: Deployment, customer: Customer) -> None:
    run_id = note_landed(deployment)
    note_operation(deployment.database, customer, run_id, "first", status="Failed", rows=0)
    note_operation(deployment.database, customer, run_id, "second")

    assert reconciled(deployment).landings == {Outcome.RECONCILED: 1}


def test_the_record_of_another_customer_is_not_taken_for_this_ones(deployment: Deployment, customer: Customer) -> None:
    run_id = note_landed(deployment)
    note_operation(deployment.database, customer.model_copy(update={"name": "fabrikam"}), run_id, rows=7)

    assert reconciled(deployment).landings == {Outcome.AWAITING: 1}


def test_what_was_purged_and_whose_customers_are_elsewhere_is_left_alone(deployment: Deployment) -> None:
    note_extraction(deployment.database, "x1", "r1")
    note_extraction(deployment.database, "x2", "r2", customer="fabrikam")
    for number in (1, 2):
        note_landing(deployment.database, f"x{number}", f"r{number}", hours_ago=100)
    purged = (Deletion(extraction_id="x1"),)
    deletion.begin(deployment.database, Plan(customer="contoso", reason="", event_id=None, deletions=purged), NOW)

    assert reconciled(deployment).landings == {}


def test_the_worst_cases_are_listed_first_and_no_more_than_a_page_of_them(
    deployment: Deployment, customer: Customer
) -> None:
    for number in range(MAX_CASES + 5):
        run_id = note_landed(deployment, number, hours_ago=number)
        note_operation(deployment.database, customer, run_id, people_delivered=1, undelivered=["a", "b", "c"])
    note_operation(deployment.database, customer, note_landed(deployment, 99), rows=4, people_delivered=1)

    found = reconciled(deployment)

    assert found.landings == {Outcome.UNDELIVERED: MAX_CASES + 5, Outcome.DIFFERENT: 1}
    assert found.with_people_missing == MAX_CASES + 6
    assert [case.outcome for case in found.cases] == [Outcome.DIFFERENT] + [Outcome.UNDELIVERED] * (MAX_CASES - 1)
    assert (found.cases[0].rows_landed, found.cases[0].rows_counted) == (10, 4)
    assert {case.undelivered for case in found.cases} == {3}


@pytest.mark.parametrize(
    ("landings", "passed", "severity"),
    [
        ({}, True, None),
        ({Outcome.RECONCILED: 3, Outcome.AWAITING: 2}, True, None),
        ({Outcome.RECONCILED: 3, Outcome.UNDELIVERED: 1}, False, "WARN"),
        ({Outcome.RECONCILED: 3, Outcome.OVERDUE: 1}, False, "WARN"),
        ({Outcome.RECONCILED: 3, Outcome.NOT_SUCCEEDED: 1}, False, "WARN"),
        ({Outcome.UNDELIVERED: 3, Outcome.DIFFERENT: 1}, False, "ERROR"),
    ],
)
def test_the_check_warns_of_what_is_missing_and_fails_where_rows_differ(
    landings: dict[Outcome, int], passed: bool, severity: str | None
) -> None:
    result = counted_check_result(Reconciliation(landings, 0, ()))

    assert result.passed is passed
    assert passed or result.severity.value == severity


def test_the_check_shows_numbers_and_names_nobody(deployment: Deployment, customer: Customer) -> None:
    run_id = note_landed(deployment)
    note_operation(deployment.database, customer, run_id, people_delivered=2, undelivered=["ann", "bob@contoso.com"])
    note_landed(deployment, 2, hours_ago=2)
    note_landed(deployment, 3, hours_ago=60)

    result = counted_check_result(reconciled(deployment))

    shown = {name: value.value for name, value in result.metadata.items()}
    cases = str(shown.pop("cases"))
    assert shown == {
        "landings_reconciled": 0,
        "landings_awaiting_their_record": 2,
        "landings_differing": 0,
        "landings_with_people_undelivered": 1,
    }
    assert "| contoso | 2026-11-16 | 10 | 10 | 4 | 2 | 2 | Succeeded | people undelivered |" in cases
    assert "| contoso | 2026-11-16 | 10 |  |  |  |  |  | no record after 48 hours |" in cases
    assert "ann" not in f"{cases} {result.description}"
    assert "bob" not in f"{cases} {result.description}"


def tick(deployment: Deployment, instance: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult:
    with dg.build_sensor_context(instance=instance, cursor=cursor, resources=dict(deployment.resources)) as context:
        result = SENSOR(context)
    assert isinstance(result, dg.SensorResult)
    for event in result.asset_events:
        instance.report_runless_asset_event(event)
    return result


def test_without_new_records_the_sensor_evaluates_nothing(deployment: Deployment, instance: dg.DagsterInstance) -> None:
    result = tick(deployment, instance)

    assert "No new record" in str(result.skip_reason)
    assert not result.asset_events


def test_records_that_arrive_evaluate_their_datasets_once_and_later_ones_again(
    deployment: Deployment, instance: dg.DagsterInstance, customer: Customer
) -> None:
    run_id = note_landed(deployment)
    note_operation(deployment.database, customer, run_id)
    note_operation(deployment.database, customer, "r8", dataset="BasicDataSet_v0.Planets_v1")

    first = tick(deployment, instance)
    second = tick(deployment, instance, first.cursor)
    note_operation(deployment.database, customer, run_id, "corrected", rows=12)
    third = tick(deployment, instance, second.cursor)

    [evaluation] = first.asset_events
    assert isinstance(evaluation, dg.AssetCheckEvaluation)
    assert evaluation.asset_key == dg.AssetKey(["raw", "message"])
    assert evaluation.check_name == "rows_as_microsoft_counted"
    assert evaluation.passed
    assert not first.run_requests
    assert first.skip_reason.skip_message == "Reconciled anew: Message_v1."
    assert not second.asset_events
    assert (first.cursor, second.cursor) == ("2@", "2@")
    [again] = third.asset_events
    assert isinstance(again, dg.AssetCheckEvaluation)
    assert not again.passed
    assert again.severity is dg.AssetCheckSeverity.ERROR


def test_a_tick_looks_at_so_many_records_and_the_next_goes_on(
    deployment: Deployment, instance: dg.DagsterInstance, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliation_check, "MAX_RECORDS", 1)
    note_operation(deployment.database, customer, note_landed(deployment))
    note_operation(deployment.database, customer, "r2", dataset="BasicDataSet_v0.Event_v1")

    first = tick(deployment, instance)
    second = tick(deployment, instance, first.cursor)

    assert [event.asset_key.path[-1] for event in (*first.asset_events, *second.asset_events)] == ["message", "event"]


def test_a_tick_whose_time_is_over_leaves_the_other_datasets_to_the_next(
    deployment: Deployment, instance: dg.DagsterInstance, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliation_check, "RECONCILING_SECONDS", 0)
    note_operation(deployment.database, customer, note_landed(deployment))
    note_operation(deployment.database, customer, "r2", dataset="BasicDataSet_v0.Event_v1")

    first = tick(deployment, instance)
    note_operation(deployment.database, customer, "r3", dataset="BasicDataSet_v0.Event_v1")
    second = tick(deployment, instance, first.cursor)
    third = tick(deployment, instance, second.cursor)
    last = tick(deployment, instance, third.cursor)

    events = [event for result in (first, second, third, last) for event in result.asset_events]
    assert [event.asset_key.path[-1] for event in events] == ["event", "message", "event"], "what waited comes first"
    assert last.cursor == "3@"
