"""Schedules: whom and which days each asks for."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from o365_pipeline.consent.approvals import State
from o365_pipeline.customers.customer import NIGHTLY, Customer, Customers
from o365_pipeline.customers.partitions import RANGE_END_TAG, RANGE_START_TAG
from o365_pipeline.database import ledger
from o365_pipeline.deployment import Deployment
from o365_pipeline.extraction.schedules import MAX_DAYS, build_extraction_schedules, schedule_name
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.runner import Runner

Decide = Callable[..., None]
OFF = dg.DefaultScheduleStatus.STOPPED


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """In files, since Dagster hands an instance to schedules as the place where it lies."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


def asked(runner: Runner, moment: dt.datetime, customers: Customers | None = None, cron: str = NIGHTLY) -> Any:
    """What the schedule of that time asks for."""
    customers = customers or runner.deployment.customers
    times = [customer.schedule for customer in customers]
    [schedule] = [one for one in build_extraction_schedules(times, OFF) if one.name == schedule_name(cron)]
    resources = {"database": runner.deployment.database, "customers": customers}
    with dg.build_schedule_context(
        instance=runner.instance, scheduled_execution_time=moment, resources=resources
    ) as context:
        return schedule(context)


def days_of(request: dg.RunRequest) -> tuple[str, str]:
    return request.tags[RANGE_START_TAG], request.tags[RANGE_END_TAG]


def test_nobody_is_asked_for_whose_approval_is_not_in_force(
    runner: Runner, decide: Decide, capfd: pytest.CaptureFixture[str]
) -> None:
    moment = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)

    assert "No customer's approval is in force. contoso: no decision yet" in asked(runner, moment).skip_message
    decide()
    runner.tick("consent_sensor")
    assert len(asked(runner, moment)) == 1
    decide(State.DENIED)
    assert "contoso: Denied since" in asked(runner, moment).skip_message
    assert "no approval is in force" not in capfd.readouterr().err


def test_the_days_since_the_last_extraction_are_one_window(moved: Runner) -> None:
    moment = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    yesterday = (moment - dt.timedelta(days=1)).date()

    [request] = asked(moved, moment)

    assert days_of(request) == (f"contoso|{DAY + dt.timedelta(days=1)}", f"contoso|{yesterday}")


def test_nothing_is_asked_for_where_yesterday_is_held(moved: Runner) -> None:
    now = dt.datetime.now(dt.UTC)
    yesterday = (now - dt.timedelta(days=1)).date()
    assert moved.execute_day("extraction_job", day=yesterday).success
    assert moved.execute_day("extraction_job", day=yesterday - dt.timedelta(days=1)).success

    assert f"All days up to {yesterday} are extracted" in asked(moved, now).skip_message


def test_what_is_there_a_day_later_is_asked_for_a_day_later(moved: Runner) -> None:
    now = dt.datetime.now(dt.UTC)
    yesterday = (now - dt.timedelta(days=1)).date()
    [tonight] = asked(moved, now)
    assert moved.execute("extraction_job", dict(tonight.tags)).success

    [tomorrow] = asked(moved, now + dt.timedelta(days=1))

    assert days_of(tomorrow) == (f"contoso|{yesterday}", f"contoso|{now.date()}")


def test_a_schedule_goes_back_a_month_at_most(runner: Runner, customer: Customer, decide: Decide) -> None:
    decide()
    runner.tick("consent_sensor")
    moment = dt.datetime.now(dt.UTC) + dt.timedelta(days=90)
    yesterday = (moment - dt.timedelta(days=1)).date()

    [request] = asked(runner, moment)

    assert days_of(request) == (f"contoso|{yesterday - dt.timedelta(days=MAX_DAYS - 1)}", f"contoso|{yesterday}")


def test_a_customer_whose_first_day_lies_ahead_is_not_asked_for(
    runner: Runner, customer: Customer, decide: Decide
) -> None:
    now = dt.datetime.now(dt.UTC)
    later = Customers([customer.model_copy(update={"first_day": now.date() + dt.timedelta(days=3)})])
    decide()
    runner.tick("consent_sensor")

    assert isinstance(asked(runner, now, later), dg.SkipReason)


def test_a_dataset_that_fails_each_night_is_asked_for_again_and_lets_no_other_be_paid_for_twice(
    moved: Runner, deployment: Deployment
) -> None:
    tonight = dt.datetime.now(dt.UTC)
    [request] = asked(moved, tonight)
    assert moved.execute(request.job_name or "extraction_job", dict(request.tags)).success
    moved.tick("landing_sensor")
    failed = ledger.extraction.update().where(ledger.extraction.c.dataset == "Message_v1")
    deployment.database.execute(failed.where(ledger.extraction.c.first_day > DAY).values(status="Failed"))
    paid = len(deployment.sandbox.factory_runs())

    [again] = asked(moved, tonight)

    assert days_of(again) == days_of(request)
    assert moved.execute("extraction_job", dict(again.tags)).success
    assert len(deployment.sandbox.factory_runs()) == paid + 1


def test_each_customer_is_asked_for_at_its_own_time(runner: Runner, customer: Customer, decide: Decide) -> None:
    weekly = Customers([customer.model_copy(update={"schedule": "0 4 * * 1"})])
    decide()
    runner.tick("consent_sensor")
    moment = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)

    assert len(asked(runner, moment, weekly, "0 4 * * 1")) == 1
    assert isinstance(asked(runner, moment, weekly, NIGHTLY), dg.SkipReason)


def test_the_sensor_and_the_schedule_together_pay_for_no_day_twice(
    runner: Runner, deployment: Deployment, decide: Decide
) -> None:
    decide()
    tonight = dt.datetime.now(dt.UTC)
    first = runner.tick("consent_sensor")
    requests = [*(first.run_requests or []), *asked(runner, tonight)]
    assert len(requests) == len(["the agreed days", "the days since"])
    for request in requests:
        assert runner.execute("extraction_job", dict(request.tags)).success

    assert isinstance(asked(runner, tonight), dg.SkipReason)
    assert runner.tick("consent_sensor", first.cursor).run_requests == []
    extracted = sa.select(*(ledger.extraction.c[name] for name in ("dataset", "first_day", "last_day")))
    with deployment.database.begin() as connection:
        days = [
            (dataset, first_day + dt.timedelta(days=place))
            for dataset, first_day, last_day in connection.execute(extracted)
            for place in range((last_day - first_day).days + 1)
        ]
    assert len(days) == len(set(days))
    assert {dataset for dataset, day in days if day > DAY}


@pytest.mark.parametrize(
    ("cron", "name"),
    [
        (NIGHTLY, "daily_extraction"),
        ("0 4 * * 1", "extraction_at_04_00_only_on_monday"),
        ("15 14 1 * *", "extraction_at_14_15_on_day_1_of_the_month"),
        ("*/30 1-3,5 * * *", "extraction_every_30_minutes_at_01_00_through_03_59_and_05_00"),
    ],
)
def test_a_schedule_is_named_and_described_by_its_time_in_words(cron: str, name: str) -> None:
    schedules = {schedule.cron_schedule: schedule for schedule in build_extraction_schedules([cron], OFF)}

    assert schedules[cron].name == name
    assert re.match(r"(At \d\d:\d\d|Every 30 minutes).* \(UTC\): the days since", schedules[cron].description or "")


def test_a_time_that_is_written_in_two_ways_has_one_schedule_for_both(
    runner: Runner, customer: Customer, decide: Decide
) -> None:
    monday = Customers([customer.model_copy(update={"schedule": "0 4 * * MON"})])
    decide()
    runner.tick("consent_sensor")
    times = ["0 4 * * MON", "00 4 * * 1"]

    assert len(build_extraction_schedules(times, OFF)) == len(["daily_extraction", "extraction_on_monday"])
    assert len(asked(runner, dt.datetime.now(dt.UTC), monday, "0 4 * * 1")) == 1


def test_schedules_of_different_times_have_different_names() -> None:
    minutes, hours = ("0", "5", "*/5", "0-10", "0,10", "5/20"), ("4", "*", "1-5", "1,5", "*/2", "14")
    days, weekdays = ("*", "1", "1-7", "1,7", "*/3", "L"), ("*", "1", "1-5", "1,5", "1#1", "L5")
    times = [" ".join((*fields[:3], "*", fields[3])) for fields in product(minutes, hours, days, weekdays)]

    assert len({schedule_name(cron) for cron in times}) == len(times)
    assert all(re.fullmatch("[A-Za-z0-9_]+", schedule_name(cron)) for cron in times)
