"""Dagster's storage on PostgreSQL under twenty runs that are open at the same time, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import re
from collections.abc import Mapping, Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path

import dagster as dg
import pytest

from o365_pipeline.cli.headless import QUIET
from o365_pipeline.definitions import build_definitions
from o365_pipeline.deployment import load
from o365_pipeline_tests.deploy.many_customers import ManyCustomers

RUNS = 20
USERS = [dg.AssetKey(["raw", "user"]), dg.AssetKey(["curated", "user"])]
"""What each run materializes: the mart's tables would be more of the same to Dagster's storage."""
START_SECONDS, PATIENCE_SECONDS = 120, 300
LOCK_ERRORS = re.compile(r"could not obtain lock|deadlock|database is locked|too many connections|lock timeout", re.I)

INSTANCE = """
storage:
  postgres:
    postgres_url:
      env: DAGSTER_PG_URL
telemetry:
  enabled: false
"""


def execute(environment: Mapping[str, str], folder: Path, request: dg.RunRequest, start: Barrier) -> None:
    """Execute one run, when all the others are ready too."""
    os.environ.update(environment)
    job = build_definitions(load()).resolve_job_def(request.job_name or "")
    with dg.DagsterInstance.from_config(str(folder)) as instance:
        start.wait(START_SECONDS)
        job.execute_in_process(
            instance=instance,
            run_config=QUIET,
            tags=dict(request.tags),
            asset_selection=USERS,
            raise_on_error=False,
        )


def test_twenty_runs_at_once_succeed_without_an_error_of_locks(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    many = ManyCustomers(tmp_path / "o365", customers=RUNS, datasets=("User_v1",))
    environment = {**many.environment, "DAGSTER_PG_URL": postgres_url}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    many.deliver()
    (tmp_path / "dagster.yaml").write_text(INSTANCE)
    # The runs' processes are forked from one that has imported all: importing twenty times takes longer than the runs.
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    start = processes.Barrier(RUNS)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        runs = [
            processes.Process(target=execute, args=(environment, tmp_path, request, start))
            for request in many.landings(instance)
        ]
        for run in runs:
            run.start()
        for run in runs:
            run.join(PATIENCE_SECONDS)
        records = instance.get_run_records()

        assert [run.exitcode for run in runs] == [0] * RUNS
        assert [record.dagster_run.status for record in records] == [dg.DagsterRunStatus.SUCCESS] * RUNS
        assert open_at_once(records) == RUNS
        assert not [text for record in records for text in events(instance, record) if LOCK_ERRORS.search(text)]
    deployment = load()
    for customer in deployment.customers:
        assert deployment.lakes.of(customer).objects(f"curated/user/customer={customer.name}")


def open_at_once(records: Sequence[dg.RunRecord]) -> int:
    """How many runs were open at the same moment."""
    ends = [record.end_time for record in records]
    return max(
        sum(
            (other.start_time or 0) <= (record.start_time or 0) < (end or 0)
            for other, end in zip(records, ends, strict=True)
        )
        for record in records
    )


def events(instance: dg.DagsterInstance, record: dg.RunRecord) -> list[str]:
    return [repr(event) for event in instance.all_logs(record.dagster_run.run_id)]
