"""A clock that jumps ahead deletes nothing until somebody says that it is right."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from o365_pipeline.cli.main import cli
from o365_pipeline.deployment import Deployment
from o365_pipeline.purge import clock
from o365_pipeline_tests.ledger_rows import NOW
from o365_pipeline_tests.runner import Runner, failure

MONTH = dt.timedelta(days=31)
YEARS = dt.timedelta(days=1_000)


def test_a_clock_that_goes_on_is_believed_and_one_that_jumps_is_not(deployment: Deployment) -> None:
    database = deployment.database
    assert clock.doubt(database, NOW) is None
    assert clock.doubt(database, NOW + MONTH) is None
    assert clock.doubt(database, NOW + 2 * MONTH) is None

    later = NOW + 2 * MONTH + YEARS
    assert f"the clock says {later.date()}" in (clock.doubt(database, later) or "")
    assert clock.doubt(database, later), "a second look makes it no truer"
    assert clock.doubt(database, NOW) is None
    assert clock.doubt(database, NOW + 3 * MONTH) is None

    clock.believe(database, later)
    assert clock.doubt(database, later) is None


def test_neither_sensor_nor_schedule_nor_job_deletes_by_a_clock_that_jumped(
    deployment: Deployment, runner: Runner, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, now = deployment.database, dt.datetime.now(dt.UTC)
    clock.believe(database, now - YEARS)
    resources = {"database": database, "customers": deployment.customers}
    schedule = runner.definitions.resolve_schedule_def("daily_retention")
    with dg.build_schedule_context(runner.instance, scheduled_execution_time=now, resources=resources) as context:
        night = schedule.evaluate_tick(context)

    assert "the clock says" in (night.skip_message or "")
    assert "the clock says" in str(runner.tick("purge_sensor").skip_reason)
    failed = runner.execute("purge_job", {}, config={"ops": {"purge": {"config": {"customer": "contoso"}}}})
    assert not failed.success
    assert "--clock-is-right" in failure(failed)

    monkeypatch.setenv("O365_HOME", str(home))
    assert CliRunner().invoke(cli, ["purge", "--clock-is-right"]).exit_code == 0
    assert runner.tick("purge_sensor").skip_reason == dg.SkipReason("Nothing is to be purged.")
