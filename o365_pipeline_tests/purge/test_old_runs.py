"""What Dagster remembers of old runs is deleted; what they made is still shown as made."""

import datetime as dt
from collections.abc import Iterator

import dagster as dg
import pytest

from o365_pipeline.purge import history_job
from o365_pipeline.purge.dagster_history import delete_old_runs
from o365_pipeline_tests.runner import Runner

KEY = dg.AssetKey(["curated", "message"])
LONG_AGO = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
SOON = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
OLD, KEPT = "contoso|2026-01-01", "contoso|2026-06-01"


def materialize(instance: dg.DagsterInstance, *partitions: str) -> str:
    """Makes partitions of an asset in one run."""

    @dg.op
    def make(context: dg.OpExecutionContext) -> None:
        for partition in partitions:
            context.log_event(dg.AssetMaterialization(KEY, partition=partition, metadata={"preview": "rows"}))

    @dg.job
    def landing_job() -> None:
        make()

    return landing_job.execute_in_process(instance=instance).run_id


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """One that remembers nothing yet."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def kept_from() -> dict[str, dt.date]:
    return {"contoso": dt.date(2026, 3, 1)}


def test_runs_that_are_not_old_enough_and_runs_at_work_stay(
    instance: dg.DagsterInstance, kept_from: dict[str, dt.date]
) -> None:
    run_id = materialize(instance, KEPT)
    at_work = dg.DagsterRun(job_name="landing_job", status=dg.DagsterRunStatus.STARTED)
    instance.add_run(at_work)

    assert delete_old_runs(instance, LONG_AGO, kept_from, limit=10) == 0
    assert delete_old_runs(instance, SOON, kept_from, limit=10) == 1

    assert not instance.has_run(run_id)
    assert instance.has_run(at_work.run_id)


def test_what_a_deleted_run_made_is_shown_as_made_while_it_is_kept_and_nothing_else_of_it_is(
    instance: dg.DagsterInstance, kept_from: dict[str, dt.date]
) -> None:
    materialize(instance, OLD, KEPT)

    delete_old_runs(instance, SOON, kept_from, limit=10)

    records = instance.fetch_materializations(KEY, limit=10).records
    assert [record.partition_key for record in records] == [KEPT]
    assert not any(record.asset_materialization.metadata for record in records if record.asset_materialization)


def test_as_many_runs_are_deleted_at_once_as_is_said_the_oldest_first_and_a_later_run_still_tells_what_it_made(
    instance: dg.DagsterInstance, kept_from: dict[str, dt.date]
) -> None:
    first, second = materialize(instance, KEPT), materialize(instance, KEPT)

    assert delete_old_runs(instance, SOON, kept_from, limit=1) == 1

    assert (instance.has_run(first), instance.has_run(second)) == (False, True)
    assert [record.run_id for record in instance.fetch_materializations(KEY, limit=10).records] == [second]


def test_the_job_deletes_runs_of_the_age_that_its_launchpad_says(
    runner: Runner, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = materialize(instance, KEPT)
    monkeypatch.setattr(history_job, "RUNS_AT_ONCE", 1)
    config = {"ops": {"forget_old_runs": {"config": {"older_than_days": 1}}}}

    assert runner.execute("history_job", {}, config=config).success
    assert instance.has_run(run_id)

    asked: list[int] = []

    def delete(_instance: object, _before: object, kept_from: dict[str, dt.date], limit: int) -> int:
        asked.append(limit)
        assert kept_from == {"contoso": dt.date.min}
        return 1 if len(asked) < 3 else 0

    monkeypatch.setattr(history_job, "delete_old_runs", delete)
    assert runner.execute("history_job", {}, config=config).success
    assert asked == [1, 1, 1]
