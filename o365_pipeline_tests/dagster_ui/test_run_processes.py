"""Whose process died: a run is ended where its process has, and nowhere else."""

import datetime as dt
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from o365_pipeline.dagster_ui import run_processes
from o365_pipeline.dagster_ui.run_processes import PROCESS, SILENT_AFTER, RunProcess, end_dead_runs, process_tags
from o365_pipeline.dagster_ui.steps import working_on
from o365_pipeline_tests.runner import Runner

NOW = dt.datetime.now(dt.UTC)
SAY_WHO_I_AM = (
    "from o365_pipeline.dagster_ui.run_processes import RunProcess; print(RunProcess.this().model_dump_json())"
)


@dg.op
def nothing() -> None:
    pass


@dg.job
def job() -> None:
    nothing()


def begin(instance: dg.DagsterInstance, tags: Mapping[str, str], status: dg.DagsterRunStatus) -> str:
    """A run that was begun, and whose process said nothing since."""
    run_id = job.execute_in_process(instance=instance, tags=dict(tags)).run_id
    run = instance.get_run_by_id(run_id)
    assert run
    instance.delete_run(run_id)
    instance.add_run(run.with_status(status))
    return run_id


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run
    return run.status


def of(**changes: Any) -> dict[str, str]:
    """The tags of a run that works in this process, but for the changes."""
    this = RunProcess.this().model_copy(update=changes)
    return {**process_tags(NOW), PROCESS: this.model_dump_json()}


@pytest.mark.parametrize("begun", run_processes.BEGUN)
def test_a_run_of_this_process_is_at_work(instance: dg.DagsterInstance, begun: dg.DagsterRunStatus) -> None:
    run_id = begin(instance, process_tags(NOW), begun)

    end_dead_runs(instance, NOW + dt.timedelta(days=1))

    assert status(instance, run_id) is begun


@pytest.mark.parametrize("begun", run_processes.BEGUN)
@pytest.mark.parametrize(
    "changes",
    [{"started": "1"}, {"boot": "an earlier one"}, {"boot": "an earlier one", "process_id": 1}],
    ids=["the id was given again", "before a boot", "in a container"],
)
def test_a_run_whose_process_had_the_same_id_and_is_gone_is_ended(
    instance: dg.DagsterInstance, begun: dg.DagsterRunStatus, changes: dict[str, Any]
) -> None:
    run_id = begin(instance, of(**changes), begun)

    end_dead_runs(instance, NOW)

    assert status(instance, run_id) is dg.DagsterRunStatus.FAILURE


@pytest.mark.parametrize(("silent", "is_dead"), [(SILENT_AFTER / 2, False), (SILENT_AFTER * 2, True)])
def test_a_run_of_another_machine_is_ended_when_its_process_is_silent(
    instance: dg.DagsterInstance, silent: dt.timedelta, is_dead: bool
) -> None:
    run_id = begin(instance, of(host="another"), dg.DagsterRunStatus.STARTED)

    end_dead_runs(instance, NOW + silent)

    assert (status(instance, run_id) is dg.DagsterRunStatus.FAILURE) is is_dead


@pytest.mark.parametrize("tags", [{}, {PROCESS: "17"}, {PROCESS: "{}"}])
def test_a_run_that_does_not_say_where_it_works_is_left_to_dagster(
    instance: dg.DagsterInstance, tags: dict[str, str]
) -> None:
    run_id = begin(instance, tags, dg.DagsterRunStatus.STARTED)

    end_dead_runs(instance, NOW)

    assert status(instance, run_id) is dg.DagsterRunStatus.STARTED


def test_a_run_of_another_machine_that_never_speaks_is_left_to_dagster(instance: dg.DagsterInstance) -> None:
    silent = {PROCESS: of(host="another")[PROCESS]}
    run_id = begin(instance, silent, dg.DagsterRunStatus.STARTED)

    end_dead_runs(instance, NOW + dt.timedelta(days=1))

    assert status(instance, run_id) is dg.DagsterRunStatus.STARTED


def test_a_run_of_a_container_with_the_same_host_name_is_of_another_machine(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Those of a pod share their name; the number of a process in one of them says nothing in another."""
    for name in ("self", str(os.getpid())):
        (tmp_path / name / "ns").mkdir(parents=True)
        (tmp_path / name / "stat").write_text("1 (python) S " + " ".join(map(str, range(30))))
        (tmp_path / name / "ns" / "pid").symlink_to("pid:[1]")
    with monkeypatch.context() as beside:
        beside.setattr(run_processes, "PROCESSES", tmp_path)
        run_id = begin(instance, {PROCESS: of()[PROCESS]}, dg.DagsterRunStatus.STARTED)

    end_dead_runs(instance, NOW)

    assert status(instance, run_id) is dg.DagsterRunStatus.STARTED


def test_a_step_says_in_which_process_it_works_unless_a_terminal_has_said_so(instance: dg.DagsterInstance) -> None:
    @dg.op
    def step(context: dg.OpExecutionContext) -> None:
        with working_on(context):
            pass

    @dg.job
    def of_the_daemon() -> None:
        step()

    by_daemon, by_terminal = (
        of_the_daemon.execute_in_process(instance=instance, tags=tags).run_id for tags in ({}, of(host="another"))
    )

    [launched, started] = [instance.get_run_by_id(run_id) for run_id in (by_daemon, by_terminal)]
    assert launched
    assert started
    assert RunProcess.model_validate_json(launched.tags[PROCESS]) == RunProcess.this()
    assert RunProcess.model_validate_json(started.tags[PROCESS]).host == "another"


def test_the_landing_sensor_ends_runs_that_died_with_what_launched_them(
    runner: Runner, instance: dg.DagsterInstance
) -> None:
    died = {PROCESS: of(boot="an earlier one")[PROCESS]}
    run_id = begin(instance, died, dg.DagsterRunStatus.STARTED)

    runner.tick("landing_sensor")

    assert status(instance, run_id) is dg.DagsterRunStatus.FAILURE


def test_only_runs_with_the_tags_are_looked_at(instance: dg.DagsterInstance) -> None:
    ours = begin(instance, of(started="1") | {"o365/customer": "contoso"}, dg.DagsterRunStatus.STARTED)
    theirs = begin(instance, of(started="1") | {"o365/customer": "fabrikam"}, dg.DagsterRunStatus.STARTED)

    end_dead_runs(instance, NOW, {"o365/customer": "contoso"})

    assert status(instance, ours) is dg.DagsterRunStatus.FAILURE
    assert status(instance, theirs) is dg.DagsterRunStatus.STARTED


def test_a_process_that_ended_is_dead_and_so_is_one_whose_parent_has_not_noticed() -> None:
    with subprocess.Popen([sys.executable, "-c", SAY_WHO_I_AM], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        child = RunProcess.model_validate_json(process.stdout.readline())
        assert process.stdout.read() == ""
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert child.process_id == process.pid
        assert child.is_dead(NOW, NOW)

    assert child.is_dead(NOW, NOW)
    assert not RunProcess.this().is_dead(None, NOW)


def test_where_there_is_no_proc_the_system_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(run_processes, "PROCESSES", tmp_path)
    told: list[tuple[str, ...]] = []

    def tell(*command: str) -> str:
        told.append(command)
        return "Sun Nov 29 10:00:00 2026"

    monkeypatch.setattr(run_processes, "_output_of", tell)

    assert RunProcess.this().started == "Sun Nov 29 10:00:00 2026"
    assert told == [("ps", "-o", "lstart=", "-p", str(os.getpid()))]
