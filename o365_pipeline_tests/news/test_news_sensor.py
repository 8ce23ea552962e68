"""What the sensor tells of, from the ledger and from Dagster's runs: once, and without a value or a person."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from o365_pipeline.consent import approval_ledger
from o365_pipeline.consent.approvals import State
from o365_pipeline.consent.silence import silences
from o365_pipeline.cost.assumptions import read_assumptions
from o365_pipeline.cost.rates import read_rates
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.customers.partitions import range_tags
from o365_pipeline.database.ledger import approval_event, extraction, naive_utc
from o365_pipeline.database.news_ledger import news, news_told
from o365_pipeline.deployment import Deployment
from o365_pipeline.extraction import extraction_ledger
from o365_pipeline.extraction.landing_attempts import LANDING_TAG, PAUSES, landing_tag
from o365_pipeline.news import outbox
from o365_pipeline.news.digest import digest_of
from o365_pipeline.news.happenings import of_consent, of_costs, of_stuck_windows
from o365_pipeline.news.outbox import Happening, Kind
from o365_pipeline.news.run_history import RUNS_PER_TICK, ended_runs
from o365_pipeline.news.sensor import COSTS_PER_TICK, Cursor, record_in_turn
from o365_pipeline_tests.ledger_rows import DAY, NOW, note_extraction, note_landing
from o365_pipeline_tests.news.fakes import FakeChannel, FakeChannels
from o365_pipeline_tests.runner import Runner

SECRET = "Ann Example <ann@contoso.example>"
ONE_DAY = dt.timedelta(days=1)


@pytest.fixture
def channel(deployment: Deployment) -> FakeChannel:
    return FakeChannel()


@pytest.fixture
def told(deployment: Deployment, instance: dg.DagsterInstance, channel: FakeChannel) -> Callable[[], list[str]]:
    """Ticks the sensor; tells the new messages."""
    deployment = replace(deployment, channels=FakeChannels([channel]))
    runner, cursor = Runner(deployment, instance), None

    def tick() -> list[str]:
        nonlocal cursor
        before = len(channel.messages)
        cursor = runner.tick("news_sensor", cursor).cursor
        return [f"{message.title}\n{message.body}" for message in channel.messages[before:]]

    return tick


@dg.asset_check(asset=dg.AssetKey(["mart", "fact_message"]), name="rows_are_plausible")
def failing_check() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, description=SECRET)


@dg.op
def fails() -> None:
    raise ValueError(SECRET)


def run(instance: dg.DagsterInstance, what: Any, tags: dict[str, str] | None = None) -> None:
    dg.GraphDefinition(name="landing_job", node_defs=[what]).to_job().execute_in_process(
        instance=instance, tags=tags, raise_on_error=False
    )


def days(customer: str = "contoso") -> dict[str, str]:
    return dict(range_tags(customer, DAY, DAY + ONE_DAY))


def test_without_a_channel_nothing_is_noted(
    deployment: Deployment, instance: dg.DagsterInstance, decide: Callable[..., None]
) -> None:
    decide(State.DENIED)

    skipped = Runner(deployment, instance).tick("news_sensor").skip_reason

    assert "O365_NEWS_URLS" in str(skipped)
    with deployment.database.begin() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(news)) == 0


def test_failed_runs_and_checks_and_a_denial_are_told_once_without_what_they_hold(
    deployment: Deployment,
    instance: dg.DagsterInstance,
    decide: Callable[..., None],
    told: Callable[[], list[str]],
) -> None:
    assert told() == []
    decide(State.DENIED)
    for _ in range(3):
        run(instance, fails, days())
    run(instance, fails, {**days("nobody"), "o365/customer": SECRET})
    note_extraction(deployment.database, status="Failed", error=SECRET, finished_at=naive_utc(dt.datetime.now(dt.UTC)))
    definitions = dg.Definitions(
        assets=[dg.AssetSpec(["mart", "fact_message"])],
        asset_checks=[failing_check],
        jobs=[dg.define_asset_job("checks", selection=dg.AssetSelection.all_asset_checks())],
    )
    definitions.resolve_job_def("checks").execute_in_process(instance=instance, tags=days(), raise_on_error=False)

    messages = told()

    by_title = dict(message.split("\n", 1) for message in messages)
    assert by_title.keys() == {
        "o365-pipeline: contoso: runs failed (4)",
        "o365-pipeline: the deployment: runs failed",
        "o365-pipeline: contoso: checks failed",
        "o365-pipeline: contoso: consent",
    }
    assert by_title["o365-pipeline: contoso: runs failed (4)"].splitlines()[:2] == [
        "landing_job, 2026-11-16 to 2026-11-17, 3 times",
        "Message_v1: the extraction failed, 2026-11-16",
    ]
    assert "mart/fact_message: rows_are_plausible" in by_title["o365-pipeline: contoso: checks failed"]
    assert f"denied on {dt.datetime.now(dt.UTC).date()}" in by_title["o365-pipeline: contoso: consent"]
    assert "Ann" not in str(messages)
    assert told() == []


def test_what_fails_to_be_sent_is_told_by_the_next_tick(
    channel: FakeChannel, decide: Callable[..., None], told: Callable[[], list[str]]
) -> None:
    decide(State.DENIED)
    channel.fails = True
    assert told() == []

    channel.fails = False

    assert [message.splitlines()[0] for message in told()] == ["o365-pipeline: contoso: consent"]


def test_an_approvals_end_is_told_thirty_seven_and_one_days_before_and_when_it_came(
    deployment: Deployment, customer: Customer, decide: Callable[..., None]
) -> None:
    decide()
    with deployment.database.begin() as connection:
        ends = connection.scalar(sa.select(sa.func.max(approval_event.c.expires_at))).replace(tzinfo=dt.UTC)
    known, told = set(), {}

    for quarters in range(45 * 4, -9, -1):
        at = ends - quarters * ONE_DAY / 4
        statuses = approval_ledger.consent_statuses(deployment.database, Customers([customer]), at)
        for happening in of_consent(statuses, {}, at):
            if happening.news_id not in known:
                known.add(happening.news_id)
                told[quarters / 4] = happening.subject

    assert told == {
        **dict.fromkeys((30, 7, 1), f"the approval ends on {ends:%Y-%m-%d}"),
        0: f"the approval ended on {ends:%Y-%m-%d}",
    }


def test_an_unread_feed_is_told_once_while_it_lasts(
    deployment: Deployment, customer: Customer, decide: Callable[..., None]
) -> None:
    decide()
    now = dt.datetime.now(dt.UTC)
    found = set()
    for hours in (0, 20, 30, 40):
        at = now + dt.timedelta(hours=hours)
        statuses = approval_ledger.consent_statuses(deployment.database, Customers([customer]), at)
        silent = silences(deployment.database, [customer], statuses, at)
        found |= {(entry.news_id, entry.subject) for entry in of_consent(statuses, silent, at)}

    [(_, subject)] = found
    assert "the activity feed cannot be read: nothing new is submitted" in subject


def stuck(deployment: Deployment, instance: dg.DagsterInstance, now: dt.datetime) -> list[Happening]:
    statuses = approval_ledger.consent_statuses(deployment.database, deployment.customers, now)
    return list(of_stuck_windows(deployment.database, instance, deployment.customers, statuses, now))


def test_a_window_that_waits_for_an_approver_or_is_under_way_for_a_day_is_stuck(
    deployment: Deployment, instance: dg.DagsterInstance
) -> None:
    note_extraction(deployment.database, "x1", "r1", status=extraction_ledger.CONSENT_PENDING)
    note_extraction(deployment.database, "x2", "r2", status="InProgress", dataset="User_v1")

    first = stuck(deployment, instance, NOW + ONE_DAY)
    later = stuck(deployment, instance, NOW + ONE_DAY + dt.timedelta(minutes=1))

    assert [happening.subject for happening in first] == [
        "Message_v1: an approver of Privileged Access Management has to consent within 24 hours"
    ]
    assert [happening.subject for happening in later][1:] == ["User_v1: under way for more than a day"]


def test_a_landing_that_is_given_up_is_stuck(
    deployment: Deployment, instance: dg.DagsterInstance, decide: Callable[..., None]
) -> None:
    failure, too_often = dg.DagsterRunStatus.FAILURE, [dg.DagsterRunStatus.FAILURE] * (len(PAUSES) + 1)
    decide()
    note_extraction(deployment.database)
    note_landing(deployment.database)
    now = dt.datetime.now(dt.UTC)
    approval = approval_ledger.approval_in_force(deployment.database, deployment.customers.chosen(None), now)
    tag = landing_tag(extraction_ledger.not_loaded(deployment.database, ["contoso"]), approval.event_id)

    def after(*statuses: dg.DagsterRunStatus) -> list[str]:
        for run in instance.get_runs():
            instance.delete_run(run.run_id)
        for number, status in enumerate(statuses):
            instance.add_run(dg.DagsterRun(job_name="j", run_id=f"r{number}", status=status, tags={LANDING_TAG: tag}))
        return [happening.subject for happening in stuck(deployment, instance, now)]

    given_up = ["what landed does not get to the mart, and is given up"]
    assert after() == after(failure) == after(*too_often[1:]) == []
    assert after(*too_often) == after(failure, dg.DagsterRunStatus.CANCELED) == given_up
    assert after(*too_often, dg.DagsterRunStatus.STARTED) == []
    assert after(*too_often, dg.DagsterRunStatus.SUCCESS) == []


def test_costs_beyond_the_plan_are_told_once_a_month(deployment: Deployment, customer: Customer) -> None:
    rates, assumptions = read_rates(), read_assumptions()
    note_extraction(deployment.database, rows_reported=50_000_000)

    found = [
        happening
        for month in (11, 11, 12)
        for happening in of_costs(
            deployment.database, [customer], rates, assumptions, dt.datetime(2026, month, 20, tzinfo=dt.UTC)
        )
    ]

    assert len({happening.news_id for happening in found}) == 2
    assert "were paid where" in found[0].subject


def test_every_customer_has_a_turn_however_many_there_are(
    deployment: Deployment, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[str] = []

    def look(_database: object, some: Sequence[Customer], *_: object) -> list[Happening]:
        looked_at.extend(one.name for one in some)
        return []

    monkeypatch.setattr("o365_pipeline.news.happenings.of_costs", look)
    names = [f"customer-{number:03}" for number in range(2 * COSTS_PER_TICK + 1)]
    customers = Customers([customer.model_copy(update={"name": name}) for name in names])
    cursor = Cursor()

    for tick in range(6):
        cursor = record_in_turn(deployment.database, customers, cursor, NOW + tick * dt.timedelta(minutes=40))

    assert looked_at == names * 2


def test_many_runs_are_read_in_some_ticks_and_none_is_missed(
    deployment: Deployment, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("o365_pipeline.news.run_history.RUNS_PER_TICK", 3)
    assert RUNS_PER_TICK > 3
    begun = dt.datetime.now(dt.UTC)
    for number in range(10):
        instance.report_run_failed(instance.add_run(dg.DagsterRun(job_name="j", run_id=f"run-{number}")))
    since, seen = begun - ONE_DAY, set()

    for _ in range(6):
        ended = ended_runs(instance, deployment.customers, since, dt.datetime.now(dt.UTC))
        since = ended.read_until
        seen |= {happening.news_id for happening in ended.happenings}

    assert len(seen) == 10
    assert since > begun - ONE_DAY


def test_the_digest_tells_how_all_stand_and_what_happened(
    deployment: Deployment, instance: dg.DagsterInstance, channel: FakeChannel, told: Callable[[], list[str]]
) -> None:
    now = dt.datetime.now(dt.UTC)
    note_extraction(deployment.database, claimed_at=naive_utc(now))
    note_landing(deployment.database, rows=1_234)
    with deployment.database.begin() as connection:
        connection.execute(sa.text("UPDATE ledger_landing SET sealed_at = :now"), {"now": naive_utc(now)})
    outbox.record(deployment.database, [Happening("contoso", Kind.RUNS, ("x",), "landing_job")], now - ONE_DAY / 2)
    job = Runner(deployment, instance).definitions.resolve_job_def("digest_job")

    assert job.execute_in_process(instance=instance).success
    assert job.execute_in_process(instance=instance).success

    [digest] = [message for message in told() if "the last day" in message]
    assert digest.splitlines() == [
        f"o365-pipeline: the last day, {now:%Y-%m-%d}",
        "Approvals in force: 0 of 1 customers.",
        "- contoso: no decision yet",
        "Landed: 1 windows of datasets, 1,234 rows.",
        "News:",
        "- contoso: runs failed (1)",
    ]


def test_the_digest_of_a_thousand_customers_fits_into_a_message(deployment: Deployment, customer: Customer) -> None:
    names = [f"customer-with-a-long-name-of-its-own-{number}" for number in range(1_000)]
    customers = Customers([customer.model_copy(update={"name": name}) for name in names])
    outbox.record(
        deployment.database, [Happening(name, kind, ("x",), "y") for name in names[:60] for kind in Kind], NOW
    )

    text = digest_of(deployment.database, customers, NOW).subject

    assert "... and 980 more" in text
    assert len(text) < 4_000


def test_the_schedule_asks_for_a_digest_only_where_there_is_a_channel(
    deployment: Deployment, instance: dg.DagsterInstance
) -> None:
    schedule = Runner(deployment, instance).definitions.resolve_schedule_def("daily_digest")
    asked = []
    for channels in (FakeChannels([]), FakeChannels()):
        with dg.build_schedule_context(
            instance=instance, scheduled_execution_time=NOW, resources={"channels": channels}
        ) as context:
            asked.append(schedule(context))

    assert isinstance(asked[0], dg.SkipReason)
    assert isinstance(asked[1], dg.RunRequest)
    assert asked[1].run_key == "digest:2026-11-20"
    assert {extraction.name, news_told.name} <= set(sa.inspect(deployment.database.engine).get_table_names())
