"""Whom a purge waits for before it deletes what Dagster remembers."""

import datetime as dt
from collections.abc import Mapping

import dagster as dg
import pytest

from o365_pipeline.customers.partitions import CUSTOMER_TAG
from o365_pipeline.dagster_ui.run_processes import PROCESS, RunProcess, process_tags
from o365_pipeline.purge import dagster_history
from o365_pipeline_tests.runner import failure

NOW = dt.datetime.now(dt.UTC)
KILLED = RunProcess.this().model_copy(update={"started": "1"}).model_dump_json()


@pytest.mark.parametrize(
    ("tags", "waits"),
    [({}, True), (process_tags(NOW), True), ({**process_tags(NOW), PROCESS: KILLED}, False)],
    ids=["of the daemon", "of this process", "of a terminal that was killed"],
)
def test_a_purge_waits_for_runs_whose_process_lives(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, tags: Mapping[str, str], waits: bool
) -> None:
    monkeypatch.setattr(dagster_history, "AT_WORK_REPEATS", 1)
    monkeypatch.setattr(dagster_history, "AT_WORK_SECONDS", 0.0)
    other = dg.DagsterRun(
        job_name="landing_job", tags={CUSTOMER_TAG: "contoso", **tags}, status=dg.DagsterRunStatus.STARTED
    )
    instance.add_run(other)

    @dg.op
    def purge(context: dg.OpExecutionContext) -> None:
        dagster_history.wait_for_others(context, "contoso")

    @dg.job
    def purge_job() -> None:
        purge()

    result = purge_job.execute_in_process(instance=instance, raise_on_error=False)

    assert result.success is not waits
    if waits:
        assert f"run {other.run_id} of landing_job is at work; purge again when it has ended" in failure(result)
