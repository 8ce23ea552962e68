"""Runs that somebody terminates while they submit or wait, over the real SDK and the sandbox."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from o365_pipeline.cli.headless import Headless
from o365_pipeline.customers.partitions import range_tags
from o365_pipeline.dagster_ui.retries import UnlessTerminated
from o365_pipeline.definitions import build_definitions
from o365_pipeline.deployment import Deployment
from o365_pipeline.extraction import extraction_ledger as ledger
from o365_pipeline.extraction import watch
from o365_pipeline.extraction.data_factory import DataFactory
from o365_pipeline.purge.job import purge_request
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.extraction.test_watch import taking_an_hour
from o365_pipeline_tests.runner import Runner

RAW = [dg.AssetKey(["raw", name]) for name in ("user", "message", "team_chat")]
IMPATIENT = SimpleNamespace(sleep=lambda _: None, monotonic=time.monotonic)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "time", IMPATIENT)
    monkeypatch.setattr(dg.RetryPolicy, "calculate_delay", lambda _policy, _attempt: 0)


@pytest.fixture
def slow(deployment: Deployment, decide: Callable[..., None]) -> Deployment:
    """An approved deployment whose factory takes an hour."""
    slow = taking_an_hour(deployment)
    decide()
    return slow


def terminating(call: Callable[..., Any], *, after: bool = False) -> Callable[..., Any]:
    """The call, at whose beginning or end somebody terminates the run."""

    def terminated(*arguments: Any, **named: Any) -> Any:
        if not after:
            os.kill(os.getpid(), signal.SIGTERM)
        made = call(*arguments, **named)
        os.kill(os.getpid(), signal.SIGTERM)
        return made

    return terminated


def steps_begun(result: Any) -> list[str]:
    return [event.step_key for event in result.all_events if event.is_step_start or event.is_step_restarted]


def statuses(deployment: Deployment) -> list[str]:
    return [run.status for run in deployment.sandbox.factory_runs()]


def test_a_raw_run_that_is_terminated_while_it_waits_cancels_all_factory_runs_that_it_asked_for(
    slow: Deployment, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "wait", terminating(watch.wait))

    result = Runner(slow, instance).execute_day("landing_job", RAW)

    assert not result.success
    assert len(steps_begun(result)) == 1
    assert len(statuses(slow)) == 3
    assert set(statuses(slow)) <= {"Canceling", "Cancelled"}
    [*entries] = ledger.under_way(slow.database, ["contoso"])
    assert {(entry.status, entry.error) for entry in entries} == {
        ("Canceling", "cancelled, since the run that asked for it was terminated")
    }


@pytest.mark.parametrize(("job", "assets"), [("landing_job", RAW), ("extraction_job", None)])
def test_a_run_that_is_terminated_before_it_recorded_a_factory_run_cancels_that_too(
    slow: Deployment,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    job: str,
    assets: list[dg.AssetKey] | None,
) -> None:
    monkeypatch.setattr(DataFactory, "create_run", terminating(DataFactory.create_run, after=True))

    result = Runner(slow, instance).execute_day(job, assets)

    assert not result.success
    assert len(steps_begun(result)) == 1
    assert len(statuses(slow)) == 1
    assert set(statuses(slow)) <= {"Canceling", "Cancelled"}


def test_a_factory_run_that_another_run_asked_for_is_left_at_work(
    slow: Deployment, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = Runner(slow, instance)
    assert runner.execute_day("extraction_job").success
    before = statuses(slow)
    monkeypatch.setattr(watch, "wait", terminating(watch.wait))

    assert not runner.execute_day("landing_job", RAW).success

    assert statuses(slow) == before
    assert {"Canceling", "Cancelled"}.isdisjoint(before)


@pytest.mark.parametrize(
    ("job", "inner"),
    [
        ("extraction_job", "o365_pipeline.extraction.submission.check_policies"),
        ("landing_job", "o365_pipeline.mart.assets.load_day"),
        ("purge_job", "o365_pipeline.purge.job.plan_purge"),
    ],
)
def test_whatever_is_terminated_is_not_begun_again(
    deployment: Deployment,
    instance: dg.DagsterInstance,
    decide: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    job: str,
    inner: str,
) -> None:
    decide()
    monkeypatch.setattr(inner, terminating(lambda *_, **__: None))
    config = {"ops": {"purge": {"config": {"customer": "contoso"}}}} if job == "purge_job" else {"ops": {}}
    runner = Runner(deployment, instance)
    assets = runner.keys("mart") if job == "landing_job" else None

    result = runner.execute(job, dict(range_tags("contoso", DAY, DAY)), assets, config)

    assert not result.success
    assert len(steps_begun(result)) == 1
    assert not deployment.sandbox.factory_runs()


def test_every_step_that_is_repeated_after_failures_ends_when_it_is_terminated(deployment: Deployment) -> None:
    jobs = build_definitions(deployment).resolve_all_job_defs()
    nodes = {node.name: getattr(node, "retry_policy", None) for job in jobs for node in job.all_node_defs}
    policies = {name: policy for name, policy in nodes.items() if policy}

    assert {"extraction", "mart", "purge", "raw__user"} <= policies.keys()
    assert {name for name, policy in policies.items() if not isinstance(policy, UnlessTerminated)} == set()


@pytest.mark.parametrize("again", [False, True])
def test_the_sensor_cancels_what_a_run_left_behind_that_was_ended_by_force(
    slow: Deployment, instance: dg.DagsterInstance, again: bool
) -> None:
    runner = Runner(slow, instance)
    result = runner.execute_day("extraction_job")
    instance.delete_run(result.run_id)
    job = runner.definitions.resolve_job_def("extraction_job")
    ended = dg.DagsterRunStatus.CANCELED
    instance.create_run_for_job(job, run_id=result.run_id, status=ended)
    if again:
        tags = {"dagster/root_run_id": result.run_id}
        instance.create_run_for_job(job, status=dg.DagsterRunStatus.SUCCESS, tags=tags)

    runner.tick("landing_sensor")

    cancelled = {"Canceling", "Cancelled"} & set(statuses(slow))
    assert bool(cancelled) is not again


def test_at_a_terminal_an_interruption_is_one_and_no_failure(
    deployment: Deployment, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("o365_pipeline.purge.job.plan_purge", terminating(lambda *_, **__: None))

    with pytest.raises(KeyboardInterrupt):
        Headless(deployment, instance).execute(purge_request("contoso"))
