"""The next extraction, planned: what is missing, what it would cost, by what landed; and that nothing is written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from o365_pipeline.consent.approvals import State
from o365_pipeline.cost.assumptions import read_assumptions
from o365_pipeline.cost.next_extraction import NextExtraction, PlannedDataset, days_of_next, next_extraction
from o365_pipeline.cost.rates import read_rates
from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.ledger import extraction, landing
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.extraction.windows import Window
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.ledger_rows import note_extraction, note_landing, note_operation

Decide = Callable[..., None]
ONE_DAY = dt.timedelta(days=1)
WEEK = (DAY, DAY + ONE_DAY * 6)
NOW = dt.datetime.combine(DAY + ONE_DAY * 7, dt.time(12), dt.UTC)
REQUEST = """
application_id = "00000000-0000-4000-8000-0000000000a1"
application_name = "Office 365 insights"
application_tenant_id = "00000000-0000-4000-8000-0000000000c1"
owner = "developer@contoso.example"

[[datasets]]
name = "Message_v1"
columns = ["id", "internetMessageId", "sentDateTime"]

[[datasets]]
name = "SharePointSites_v1"
columns = ["Id", "SnapshotDate", "Operation"]
"""


def of_two_datasets(folder: Path) -> Deployment:
    """A sandbox of twelve people whose customer asks for messages and sites of one day."""
    path = folder / "data_request.toml"
    path.write_text(REQUEST)
    return load(home=folder / "o365", sandbox_seconds=0, sandbox_users=12, initial_days=1, data_request=path)


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return of_two_datasets(tmp_path)


def planned(deployment: Deployment, days: tuple[dt.date, dt.date] = WEEK, now: dt.datetime = NOW) -> NextExtraction:
    [customer] = deployment.customers
    return next_extraction(deployment.database, customer, days, now, read_rates(), read_assumptions(), users=100)


def of(found: NextExtraction, name: str = "Message_v1") -> PlannedDataset:
    return next(entry for entry in found.datasets if entry.dataset == name)


def note_window(deployment: Deployment, first: int, last: int, rows: int | None = None, **changes: object) -> None:
    """An extraction of some days after the first one, and its landing where it has rows."""
    key = f"{changes.get('dataset', 'Message_v1')} {first}"
    note_extraction(
        deployment.database,
        key,
        key,
        **{"first_day": DAY + ONE_DAY * first, "last_day": DAY + ONE_DAY * last, **changes},
    )
    if rows is not None:
        note_landing(deployment.database, key, key, rows=rows)


def test_without_history_all_days_are_asked_for_by_the_assumptions(deployment: Deployment) -> None:
    messages = of(planned(deployment))

    assert messages.windows == (Window(*WEEK),)
    assert not messages.uses_history
    assert messages.one_window.objects == 100 * 150 * Decimal("5.2")
    assert (messages.one_window.units, messages.one_window.cost) == (78, Decimal("58.50"))


def test_days_held_are_not_asked_for_again(deployment: Deployment) -> None:
    note_window(deployment, 2, 3)

    messages = of(planned(deployment))

    assert messages.windows == (Window(DAY, DAY + ONE_DAY), Window(DAY + ONE_DAY * 4, WEEK[1]))
    assert messages.days_held == 2


@pytest.mark.parametrize("status", ["Failed", "Cancelled", "Purged"])
def test_a_window_without_data_is_asked_for_again(deployment: Deployment, status: str) -> None:
    note_window(deployment, 0, 6, status=status)

    assert of(planned(deployment)).windows == (Window(*WEEK),)


@pytest.mark.parametrize(("minutes", "asked"), [(0, 0), (5, 1)])
def test_a_claim_is_asked_for_again_once_its_claimant_is_gone(deployment: Deployment, minutes: int, asked: int) -> None:
    claimed_at = (NOW - dt.timedelta(minutes=minutes)).replace(tzinfo=None)
    note_window(deployment, 0, 6, status="Claimed", claimed_at=claimed_at)

    assert len(of(planned(deployment)).windows) == asked


def test_objects_are_those_of_the_customers_own_days(deployment: Deployment) -> None:
    note_window(deployment, 0, 0, rows=400)
    note_window(deployment, 1, 1, rows=600)

    messages = of(planned(deployment))

    assert messages.uses_history
    assert messages.one_window.objects == 500 * (3 + 2 * Decimal("0.1"))
    assert (messages.one_window.units, messages.daily.units) == (2, 5)


def test_a_snapshot_that_follows_one_is_planned_by_what_changed_before(deployment: Deployment) -> None:
    sites = {"dataset": "SharePointSites_v1"}
    note_window(deployment, 0, 0, rows=2_000, **sites)
    note_window(deployment, 1, 1, rows=30, **sites)

    found = of(planned(deployment, (DAY, DAY + ONE_DAY * 3)), "SharePointSites_v1")
    afresh = of(planned(deployment, (DAY + ONE_DAY * 5, DAY + ONE_DAY * 5)), "SharePointSites_v1")

    assert found.one_window.objects == 60
    assert afresh.one_window.objects == 2_000


def test_days_that_data_connect_does_not_have_are_told_and_cost_nothing(deployment: Deployment) -> None:
    found = planned(deployment, (WEEK[1], WEEK[1] + ONE_DAY))

    [line] = of(found).unavailable_days
    assert f"Message_v1 {WEEK[1] + ONE_DAY}: Data Connect has a day after" in line
    assert of(found).windows == (Window(WEEK[1], WEEK[1]),)
    assert of(found, "SharePointSites_v1").windows == ()
    assert of(found, "SharePointSites_v1").one_window.cost == 0


def test_a_plan_says_that_no_approval_is_in_force_and_what_one_does_not_cover(
    deployment: Deployment, customer: Customer, decide: Decide
) -> None:
    before = planned(deployment)
    decide()
    approved = planned(deployment, now=dt.datetime.now(dt.UTC))
    requested = customer.data_request.datasets[0].model_copy(update={"columns": ("id", "internetMessageId", "subject")})
    more = customer.data_request.model_copy(update={"datasets": (requested, customer.data_request.datasets[1])})
    wider = customer.model_copy(update={"data_request": more})

    beyond = next_extraction(
        deployment.database, wider, WEEK, dt.datetime.now(dt.UTC), read_rates(), read_assumptions()
    )

    assert before.consent_status.approval is None
    assert approved.consent_status.approval
    assert [entry.refusal for entry in approved.datasets] == [None, None]
    assert "the columns are a subset" in (of(beyond).refusal or "")
    assert of(beyond, "SharePointSites_v1").refusal is None
    decide(State.DENIED)
    assert planned(deployment, now=dt.datetime.now(dt.UTC)).consent_status.approval is None


def test_people_are_those_that_microsoft_counted_else_assumed(deployment: Deployment, customer: Customer) -> None:
    def found() -> tuple[int, bool]:
        plan = next_extraction(deployment.database, customer, WEEK, NOW, read_rates(), read_assumptions())
        return plan.users, plan.users_known

    assert found() == (1_000, False)
    note_operation(deployment.database, customer, people_requested=40)
    assert found() == (40, True)


def test_the_days_agreed_on_come_first_and_then_those_that_are_due(deployment: Deployment, customer: Customer) -> None:
    assert days_of_next(deployment.database, customer, NOW) == (DAY, DAY)

    note_window(deployment, 0, 0)
    note_window(deployment, 0, 0, dataset="SharePointSites_v1")
    assert days_of_next(deployment.database, customer, NOW) == (DAY + ONE_DAY, WEEK[1])

    note_window(deployment, 1, 6)
    note_window(deployment, 1, 6, dataset="SharePointSites_v1")
    assert days_of_next(deployment.database, customer, NOW) is None


def test_planning_writes_nothing_and_asks_no_factory(deployment: Deployment) -> None:
    planned(deployment)

    with deployment.database.begin() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(extraction)) == 0
        assert connection.scalar(sa.select(sa.func.count()).select_from(landing)) == 0
    assert deployment.sandbox.factory_runs() == []
