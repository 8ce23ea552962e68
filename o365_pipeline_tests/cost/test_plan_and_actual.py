"""Plan against actual: what is counted as paid, the comparison, the asset and its check, a real sandbox extraction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from o365_pipeline.cost.assets import PLAN_AND_ACTUAL, plan_and_actual_asset
from o365_pipeline.cost.assumptions import read_assumptions
from o365_pipeline.cost.next_extraction import next_extraction
from o365_pipeline.cost.plan_and_actual import PlanAndActual, plan_and_actual
from o365_pipeline.cost.rates import read_rates
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.deployment import Deployment
from o365_pipeline.raw.assets import raw_key
from o365_pipeline_tests.conftest import DAY, read_decisions
from o365_pipeline_tests.cost.test_next_extraction import of_two_datasets
from o365_pipeline_tests.ledger_rows import note_extraction, note_landing, note_operation
from o365_pipeline_tests.runner import Runner

Decide = Callable[..., None]
RATES, ASSUMPTIONS = read_rates(), read_assumptions()


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return of_two_datasets(tmp_path)


def compared(deployment: Deployment, customer: Customer, users: int = 100) -> PlanAndActual:
    return plan_and_actual(deployment.database, customer, RATES, ASSUMPTIONS, users)


def materialized(deployment: Deployment, customer: Customer, instance: dg.DagsterInstance) -> Any:
    resources = {"database": deployment.database, "customers": Customers([customer])}
    return dg.materialize([plan_and_actual_asset], instance=instance, resources=resources)


@pytest.mark.parametrize(
    ("landed", "factory", "microsoft", "objects"),
    [(900, None, None, 900), (900, 1_900, None, 1_900), (900, 1_900, 2_900, 2_900), (None, None, 2_900, 2_900)],
)
def test_microsofts_count_goes_before_the_factorys_and_that_before_what_landed(
    deployment: Deployment,
    customer: Customer,
    landed: int | None,
    factory: int | None,
    microsoft: int | None,
    objects: int,
) -> None:
    note_extraction(deployment.database, rows_reported=factory)
    if landed is not None:
        note_landing(deployment.database, rows=landed)
    if microsoft is not None:
        note_operation(deployment.database, customer, rows=microsoft)

    [messages] = compared(deployment, customer).datasets

    assert messages.actual.objects == objects
    assert messages.actual.units == -(-objects // 1_000)


def test_every_run_is_rounded_up_by_itself_and_so_is_the_plan(deployment: Deployment, customer: Customer) -> None:
    for n in range(4):
        day = DAY + dt.timedelta(days=n)
        note_extraction(deployment.database, f"x{n}", f"r{n}", first_day=day, last_day=day, rows_reported=500)

    found = compared(deployment, customer, users=10)

    [messages] = found.datasets
    assert (messages.planned.units, messages.actual.units) == (8, 4)
    assert (found.planned, found.actual, found.percent) == (6, 3, -50)


def test_what_was_purged_and_runs_that_were_replaced_have_been_paid_too(
    deployment: Deployment,
    customer: Customer,
) -> None:
    note_extraction(deployment.database, rows_reported=500, status="Purged")
    note_operation(deployment.database, customer, "a run that was replaced", rows=700)

    found = compared(deployment, customer, users=1)

    [messages] = found.datasets
    assert (messages.planned.units, messages.actual.units) == (1, 2)
    assert not found.is_within_plan


def test_runs_under_way_and_those_that_failed_cost_nothing(deployment: Deployment, customer: Customer) -> None:
    note_extraction(deployment.database, "x1", "r1", status="InProgress")
    note_extraction(deployment.database, "x2", "r2", status="Failed")
    note_extraction(deployment.database, "x3", "r3", customer="fabrikam", rows_reported=500)

    assert compared(deployment, customer).datasets == ()


@pytest.mark.parametrize(("rows", "within"), [(15_000, True), (18_000, True), (19_001, False)])
def test_the_check_warns_of_what_costs_a_quarter_more_than_planned(
    deployment: Deployment,
    customer: Customer,
    instance: dg.DagsterInstance,
    rows: int,
    within: bool,
) -> None:
    note_extraction(deployment.database, rows_reported=rows)
    note_operation(deployment.database, customer, rows=rows, people_requested=100)

    [check] = materialized(deployment, customer, instance).get_asset_check_evaluations()

    assert (check.passed, check.severity) == (within, dg.AssetCheckSeverity.WARN)
    assert ("contoso" in (check.description or "")) is not within


def test_a_sandbox_extraction_is_compared_and_nothing_is_to_pay_the_second_time(
    deployment: Deployment,
    customer: Customer,
    instance: dg.DagsterInstance,
    decide: Decide,
) -> None:
    def to_pay() -> Decimal:
        now = dt.datetime.now(dt.UTC)
        plan = next_extraction(deployment.database, customer, (DAY, DAY), now, RATES, ASSUMPTIONS, 12)
        return plan.one_window.total

    decide()
    before = to_pay()
    runner = Runner(deployment, instance)
    assert runner.execute_day("extraction_job").success
    assert runner.execute_day(
        "landing_job", [raw_key(entry.dataset) for entry in customer.data_request.datasets]
    ).success
    read_decisions(deployment, customer)

    result = materialized(deployment, customer, instance)

    assert before > 0
    assert to_pay() == 0
    found = plan_and_actual(deployment.database, customer, RATES, ASSUMPTIONS)
    assert {entry.dataset for entry in found.datasets} == {"Message_v1", "SharePointSites_v1"}
    assert all(entry.actual.objects > 0 for entry in found.datasets)
    assert found.actual >= Decimal("1.50")
    metadata = result.asset_materializations_for_node("cost__plan_and_actual")[0].metadata
    assert metadata["cost_of/contoso"].value == float(found.actual)
    assert metadata["dagster/row_count"].value == 2
    assert (
        f"| contoso | Message_v1 | 1 | {found.datasets[0].planned.objects:,.0f} |" in metadata["plan_and_actual"].value
    )


def test_the_asset_says_that_nothing_has_been_extracted(
    deployment: Deployment,
    customer: Customer,
    instance: dg.DagsterInstance,
    tmp_path: Path,
) -> None:
    result = materialized(deployment, customer, instance)

    [event] = result.get_asset_materialization_events()
    assert event.asset_key == PLAN_AND_ACTUAL
    assert event.materialization.metadata["plan_and_actual"].value == "nothing has been extracted"
    assert all(check.passed for check in result.get_asset_check_evaluations())
