"""Retention: what is older than a customer keeps it is deleted, stage by stage, and what is kept goes on as before."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from o365_pipeline.consent.approvals import State
from o365_pipeline.consent.assets import APPROVAL
from o365_pipeline.curated.day_files import CURATED, day_folder, day_of
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.customers.retention import DAYS_BEFORE, Horizon, Retention
from o365_pipeline.database.deletion_ledger import purge as purge_table
from o365_pipeline.database.ledger import extraction, landing
from o365_pipeline.datasets import catalogue
from o365_pipeline.deployment import Deployment
from o365_pipeline.errors import LandingError
from o365_pipeline.extraction import extraction_ledger
from o365_pipeline.mart.lookback import LOOKBACKS
from o365_pipeline.purge import deletion
from o365_pipeline.purge.job import carry_out, next_plan
from o365_pipeline.purge.live_data import dead_objects
from o365_pipeline.purge.plan import Plan, plan_purge
from o365_pipeline.purge.retention import Ages, overdue, plan_retention
from o365_pipeline.purge.schedule import KEPT_CHECK, kept_check_result
from o365_pipeline.raw.landing import sealed
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.purge.conftest import Narrow
from o365_pipeline_tests.runner import Runner, failure, lake_of, mart_rows

SECOND = DAY + dt.timedelta(days=1)
TODAY = dt.datetime.now(dt.UTC).date()
TOMORROW = TODAY + dt.timedelta(days=1)
SITES = catalogue()["SharePointSites_v1"]


def paths(deployment: Deployment, *stages: str) -> list[str]:
    return [path for stage in stages for path, _ in lake_of(deployment).objects(stage)]


def kept(deployment: Deployment, customer: Customer) -> dg.AssetCheckResult:
    """The check that nothing of the customer is kept too long, today."""
    customers = Customers([customer])
    return kept_check_result(Ages.of(deployment.database, customers), customers, TODAY)


def keep_from(deployment: Deployment, customer: Customer, runner: Runner, **days: dt.date) -> None:
    """Delete what is older than these days of the stages."""
    plan = Plan(customer=customer.name, reason="older than kept", event_id=None, horizon=Horizon(**days))
    carry_out(runner.instance, deployment.marts, lake_of(deployment), customer, plan)


def test_a_day_of_the_mart_is_made_of_as_many_days_as_curated_files_are_kept_longer() -> None:
    assert max(lookback.days for lookback in LOOKBACKS) == DAYS_BEFORE


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"keep_quarantine_days": 91}, "rejected rows are read again from raw files"),
        ({"keep_raw_days": 741}, "nothing of a day outlives its curated files"),
        ({"keep_mart_days": 734}, "a day of the mart is made of them"),
    ],
)
def test_a_stage_is_not_kept_longer_than_what_it_is_made_of(settings: dict[str, int], problem: str) -> None:
    Retention(keep_quarantine_days=90, keep_raw_days=740 - 7, keep_mart_days=733)

    with pytest.raises(ValueError, match=problem):
        Retention(**settings)


def test_raw_files_and_rejected_rows_go_first_and_all_that_was_made_of_them_stays(
    moved: Runner, deployment: Deployment, customer: Customer
) -> None:
    curated, mart = paths(deployment, "curated"), mart_rows(deployment)
    assert paths(deployment, "raw", "quarantine", "user_rows")

    keep_from(deployment, customer, moved, raw=TOMORROW, quarantine=TOMORROW)

    assert paths(deployment, "raw", "quarantine", "user_rows") == []
    assert (paths(deployment, "curated"), mart_rows(deployment)) == (curated, mart)
    assert moved.execute_day("landing_job", moved.keys("mart"), SECOND).success
    assert mart_rows(deployment) == mart
    result = moved.execute_day("landing_job", moved.keys("curated"), SECOND)
    assert "unless their raw files are too old to be kept (keep_raw_days: 90)" in str(result.all_events)
    [entry, *_] = extraction_ledger.overlapping(deployment.database, "contoso", "Message_v1", DAY, SECOND)
    with pytest.raises(LandingError, match="its raw files are older than keep_raw_days lets them be"):
        sealed(lake_of(deployment), deployment.database, catalogue()[entry.dataset], entry)


def test_days_of_the_mart_go_and_the_others_stay_as_they_are(
    moved: Runner, deployment: Deployment, customer: Customer
) -> None:
    lake, mart = paths(deployment, "raw", "curated"), mart_rows(deployment)

    keep_from(deployment, customer, moved, mart=SECOND)

    assert mart_rows(deployment) == {name: [row for row in rows if row[1] >= SECOND] for name, rows in mart.items()}
    assert paths(deployment, "raw", "curated") == lake


def test_a_day_that_is_loaded_again_since_is_too_old_and_deleted_again(
    moved: Runner, deployment: Deployment, customer: Customer
) -> None:
    keep_from(deployment, customer, moved, mart=SECOND)
    rows = mart_rows(deployment)
    assert moved.execute_day("landing_job", moved.keys("mart"), DAY).success
    assert mart_rows(deployment) != rows
    assert not kept(deployment, customer).passed

    plan = plan_retention(deployment.database, customer, TODAY)

    assert plan
    carry_out(moved.instance, deployment.marts, lake_of(deployment), customer, plan)
    assert mart_rows(deployment) == rows
    assert kept(deployment, customer).passed


def test_old_days_of_a_window_go_and_the_state_as_of_them_is_what_later_changes_are_applied_to(
    moved: Runner, deployment: Deployment, customer: Customer
) -> None:
    mart = mart_rows(deployment)
    assert mart["dim_site"]

    keep_from(deployment, customer, moved, curated=SECOND, mart=SECOND)

    held = paths(deployment, "curated", "quarantine", "user_rows")
    assert {path.rpartition("/")[0] for path in held if day_of(path) == DAY} == {
        day_folder(CURATED, str(name), "contoso", DAY) for name in (SITES.asset_name, SITES.current_name)
    }
    assert paths(deployment, "raw")
    assert moved.execute_day("landing_job", moved.keys("curated", "mart"), SECOND).success
    left = mart_rows(deployment)
    assert left["dim_site"] == [row for row in mart["dim_site"] if row[1] >= SECOND]
    assert dead_objects(deployment.database, lake_of(deployment), customer) == []


def test_nothing_is_due_before_its_time_and_once_it_is_deleted(
    moved: Runner, deployment: Deployment, customer: Customer
) -> None:
    short = customer.model_copy(
        update={"keep_quarantine_days": 30, "keep_raw_days": 30, "keep_mart_days": 50, "keep_curated_days": 60}
    )
    assert plan_retention(deployment.database, short, TODAY) is None
    much_later = TODAY + dt.timedelta(days=31)
    plan = plan_retention(deployment.database, short, much_later)
    assert plan
    assert plan.reason == "older than it is kept (days: raw 30, quarantine 30, curated 60, mart 50, snapshots 400)"

    carry_out(moved.instance, deployment.marts, lake_of(deployment), short, plan)

    assert plan_retention(deployment.database, short, much_later) is None
    assert plan_retention(deployment.database, short, much_later + dt.timedelta(days=1)) is None
    with deployment.database.begin() as connection:
        [record] = connection.execute(sa.select(purge_table))
    assert (record.purged_at is None, record.lake_objects > 0, record.mart_rows) == (False, True, 0)
    at_the_end = plan_retention(deployment.database, short, DAY + dt.timedelta(days=61))
    assert at_the_end
    carry_out(moved.instance, deployment.marts, lake_of(deployment), short, at_the_end)
    assert {day for rows in mart_rows(deployment).values() for _, day, *_ in rows} == set()
    assert {day_of(path) for path in paths(deployment, "curated")} == {DAY, SECOND}
    last = plan_retention(deployment.database, short, DAY + dt.timedelta(days=62))
    assert last
    carry_out(moved.instance, deployment.marts, lake_of(deployment), short, last)
    assert paths(deployment, "raw", "curated", "quarantine", "user_rows") == []
    assert plan_retention(deployment.database, short, DAY + dt.timedelta(days=900)) is None


class Killed(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("step", ["_count", "_fold_bases", "dead_objects", "rebuild_mart", "finish"])
def test_what_was_begun_is_finished_by_the_next_attempt_whatever_the_settings_say_then(
    moved: Runner, deployment: Deployment, customer: Customer, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    rows = mart_rows(deployment)["dim_site"]
    with monkeypatch.context() as patch:

        def die(*_: object) -> None:
            raise Killed

        patch.setattr(deletion, step, die)
        with pytest.raises(Killed):
            keep_from(deployment, customer, moved, raw=TOMORROW, curated=SECOND, mart=SECOND)

    plan = next_plan(deployment.database, customer, dt.datetime.now(dt.UTC))
    assert plan
    assert plan.horizon == Horizon(raw=TOMORROW, curated=SECOND, mart=SECOND)
    carry_out(moved.instance, deployment.marts, lake_of(deployment), customer, plan)

    assert paths(deployment, "raw") == []
    assert dead_objects(deployment.database, lake_of(deployment), customer) == []
    assert mart_rows(deployment)["dim_site"] == [row for row in rows if row[1] >= SECOND]
    assert next_plan(deployment.database, customer, dt.datetime.now(dt.UTC)) is None


def test_a_column_is_purged_although_the_raw_files_are_not_kept_any_more(
    moved: Runner, deployment: Deployment, customer: Customer, narrow: Narrow
) -> None:
    before = mart_rows(deployment)
    keep_from(deployment, customer, moved, raw=TOMORROW, quarantine=TOMORROW)
    runner, changed = narrow("User_v1", "jobTitle")
    plan = plan_purge(deployment.database, changed, dt.datetime.now(dt.UTC))
    assert plan

    carry_out(runner.instance, deployment.marts, lake_of(deployment), changed, plan)

    with deployment.database.begin() as connection:
        titles = connection.scalars(sa.text("SELECT job_title FROM dim_person")).all()
        columns = connection.scalars(sa.select(extraction.c.columns).where(extraction.c.dataset == "User_v1")).all()
    assert set(titles) == {None}
    assert len(titles) == len(before["dim_person"])
    assert mart_rows(deployment)["fact_message"] == before["fact_message"]
    assert "jobTitle" not in json.loads(columns[0])
    assert plan_purge(deployment.database, changed, dt.datetime.now(dt.UTC)) is None


def test_under_a_legal_hold_nothing_is_deleted_and_everybody_is_told(
    moved: Runner, deployment: Deployment, customer: Customer, decide: Callable[..., None]
) -> None:
    held = customer.model_copy(update={"legal_hold": "case 7", "keep_raw_days": 1, "keep_quarantine_days": 1})
    moved.deployment.resources["customers"]._customers["contoso"] = held
    decide(State.DENIED)
    with deployment.database.begin() as connection:
        connection.execute(landing.update().values(sealed_at=dt.datetime(2026, 1, 1)))
    before = paths(deployment, "raw", "curated"), mart_rows(deployment)

    result = moved.execute("purge_job", {"o365/customer": "contoso"}, config=purge_config())

    assert "nothing is deleted under the legal hold (case 7)" in failure(result)
    assert (paths(deployment, "raw", "curated"), mart_rows(deployment)) == before
    told = moved.tick("purge_sensor")
    assert not told.run_requests
    assert "the legal hold (case 7) forbids the purge that is due" in str(told.skip_reason)
    requests = tick(moved)
    assert "contoso: legal hold (case 7)" in str(requests.skip_message)
    check = kept(deployment, held)
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "legal hold (case 7)" in (check.description or "")


def purge_config() -> dict[str, Any]:
    return {"ops": {"purge": {"config": {"customer": "contoso"}}}}


def tick(runner: Runner) -> Any:
    schedule = runner.definitions.resolve_schedule_def("daily_retention")
    context = dg.build_schedule_context(
        instance=runner.instance,
        scheduled_execution_time=dt.datetime.now(dt.UTC),
        resources={name: runner.deployment.resources[name] for name in ("database", "customers")},
    )
    return schedule.evaluate_tick(context)


def test_the_schedule_launches_the_purge_of_whoever_is_due_and_the_check_says_so_when_it_was_not_done(
    moved: Runner, deployment: Deployment, customer: Customer
) -> None:
    assert "Nothing is to be deleted" in str(tick(moved).skip_message)
    with deployment.database.begin() as connection:
        connection.execute(landing.update().values(sealed_at=dt.datetime(2026, 1, 1)))

    [request] = tick(moved).run_requests

    check = kept(deployment, customer)
    assert (check.passed, check.description) == (False, "contoso: purge_job did not delete it")
    assert moved.execute(request.job_name or "purge_job", dict(request.tags), config=request.run_config).success
    assert paths(deployment, "raw") == []
    assert kept(deployment, customer).passed
    assert "Nothing is to be deleted" in str(tick(moved).skip_message)
    records = moved.instance.event_log_storage.get_asset_check_summary_records([dg.AssetCheckKey(APPROVAL, KEPT_CHECK)])
    assert records


def test_one_query_tells_who_of_many_is_due(moved: Runner, deployment: Deployment, customer: Customer) -> None:
    names = [customer.name, *(f"customer-{number}" for number in range(300))]
    many = [customer.model_copy(update={"name": name}) for name in names]
    statements: list[str] = []
    sa.event.listen(deployment.database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))

    found = overdue(deployment.database, many, TODAY + dt.timedelta(days=91))

    assert list(found) == ["contoso"]
    assert len([statement for statement in statements if statement.startswith("SELECT")]) <= 4
