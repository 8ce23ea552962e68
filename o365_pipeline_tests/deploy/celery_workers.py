"""Runs of many customers' days by this process, and by Celery workers as deploy/celery/dagster.yaml says.

What belongs here: preparing both, and what came of them. A test and a benchmark compare the two.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_celery.make_app import make_app

from o365_pipeline.cli.headless import Headless
from o365_pipeline.deployment import load
from o365_pipeline.extraction.landing_runs import LANDING_JOB
from o365_pipeline_tests.deploy.many_customers import ManyCustomers
from o365_pipeline_tests.deploy.services import Postgres, free_port
from o365_pipeline_tests.runner import mart_rows

PROJECT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent
WORKER = (
    "celery",
    "--app",
    "dagster_celery.app",
    "worker",
    "--queues",
    "dagster",
    "--concurrency",
    "1",
    "--prefetch-multiplier",
    "1",
    "--include",
    "o365_pipeline.definitions",
)
CODE_SERVER = ("dagster", "code-server", "start", "--host", "127.0.0.1", "--module-name", "o365_pipeline.definitions")
DAEMON = ("dagster-daemon", "run", "--workspace", "workspace.yaml")
PROCESS = re.compile(r"Started process for run \(pid: (\d+)\)")
POLL_SECONDS, PATIENCE_SECONDS, ENDING_SECONDS = 0.5, 900, 20

Rows = Mapping[str, Sequence[tuple[Any, ...]]]


@dataclass(frozen=True)
class Executed:
    """How the runs of one way went, and what came of them."""

    seconds: float
    processes: int
    at_once: int
    rows: Rows
    busy: Mapping[str, float] = field(default_factory=dict)
    """The processor's seconds of each process and what it started, where the system tells them."""
    seconds_when_warm: float = 0.0
    """The seconds from the end of a worker's first run, in which it imports what it needs, to the end of the last run;
    of several workers' first runs, the mean.
    """


def alone(many: ManyCustomers, instance: dg.DagsterInstance) -> Executed:
    """The same runs, one after the other, by this process."""
    requests = many.landings(instance)
    headless = Headless(load(), instance)
    began, busy = time.perf_counter(), time.process_time()
    for request in requests:
        headless.execute(request)
    worked = {"this process": time.process_time() - busy}
    return Executed(time.perf_counter() - began, 1, 1, mart_rows(load()), worked)


def prepare(many: ManyCustomers, server: Postgres, broker: str) -> Path:
    """Make the customers' days and an empty instance of Dagster's; returns where the instance is at home."""
    home = many.home.with_name(f"{many.home.name}-dagster")
    home.mkdir()
    shutil.copyfile(PROJECT / "deploy" / "celery" / "dagster.yaml", home / "dagster.yaml")
    os.environ.update(
        many.environment,
        DAGSTER_HOME=str(home),
        DAGSTER_PG_URL=server.create(many.home.name),
        CELERY_BROKER_URL=f"{broker}/0",
        CELERY_RESULT_BACKEND=f"{broker}/1",
    )
    many.deliver()
    return home


def by_workers(many: ManyCustomers, count: int, server: Postgres, broker: str) -> Executed:
    """The runs that Dagster's daemon launches, by workers that are up before it is."""
    home = prepare(many, server, broker)
    with dg.DagsterInstance.get() as instance, ExitStack() as stack:
        many.landings(instance)
        started = {"PostgreSQL": server.process_id}
        for number in range(count):
            worker = _started(*WORKER, "--hostname", f"worker-{number}@%h", log=home / f"{number}.log")
            started[f"worker {number}"] = stack.enter_context(worker)
        _await_workers(count)
        port = _write_workspace(home)
        code_server = _started(*CODE_SERVER, "--port", port, log=home / "code_server.log")
        started["code server"] = stack.enter_context(code_server)
        _await_listening(int(port))
        started["daemon"] = stack.enter_context(_started(*DAEMON, log=home / "daemon.log", folder=home))
        _await_first_run(instance)
        ready = {name: _busy_seconds(process_id) for name, process_id in started.items()}
        records = _finished(instance, many.customers)
        busy = {name: _busy_seconds(process_id) - ready[name] for name, process_id in started.items()}
        first_ends: dict[str, float] = {}
        for record in sorted(records, key=lambda record: record.end_time or 0):
            first_ends.setdefault(_process(instance, record), record.end_time or 0)
    began = min(record.start_time or 0 for record in records)
    ended = max(record.end_time or 0 for record in records)
    warm = ended - sum(first_ends.values()) / len(first_ends)
    return Executed(ended - began, len(first_ends), _at_once(records), mart_rows(load()), busy, warm)


@contextmanager
def _started(program: str, *arguments: str, log: Path, folder: Path = PROJECT) -> Iterator[int]:
    with log.open("w") as output:
        command = [str(PROGRAMS / program), *arguments]
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(ENDING_SECONDS)
            except subprocess.TimeoutExpired:
                # What was started in a shell's background takes no interruption, and Dagster's servers then no end.
                process.kill()
                process.wait()


def _busy_seconds(process_id: int) -> float:
    """What a process and all that it started have had of the processor, on Linux."""
    try:
        fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
        children = [
            int(child)
            for task in Path(f"/proc/{process_id}/task").iterdir()
            for child in (task / "children").read_text().split()
        ]
    except OSError:
        return 0.0
    own, ended_children = sum(map(int, fields[11:13])), sum(map(int, fields[13:15]))
    return (own + ended_children) / os.sysconf("SC_CLK_TCK") + sum(map(_busy_seconds, children))


def _write_workspace(home: Path) -> str:
    """Write the workspace of deploy/ for a code server on a free port of this machine; returns the port."""
    os.environ["O365_CODE_SERVER"], port = "127.0.0.1", str(free_port())
    workspace = (PROJECT / "deploy" / "workspace.yaml").read_text().replace("4000", port)
    (home / "workspace.yaml").write_text(workspace)
    return port


def _await_listening(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(POLL_SECONDS)
    raise SystemExit(f"the code server did not listen after {PATIENCE_SECONDS} s")


def _await_workers(count: int) -> None:
    control, deadline = make_app().control, time.monotonic() + PATIENCE_SECONDS
    while len(control.ping(timeout=POLL_SECONDS)) < count:
        if time.monotonic() > deadline:
            raise SystemExit(f"not all workers were up after {PATIENCE_SECONDS} s")


def _await_first_run(instance: dg.DagsterInstance) -> None:
    pause, begun = threading.Event(), dg.RunsFilter(job_name=LANDING_JOB)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not any(record.start_time for record in instance.get_run_records(begun)):
        if time.monotonic() > deadline:
            raise SystemExit(f"no run was started after {PATIENCE_SECONDS} s")
        pause.wait(POLL_SECONDS)


def _finished(instance: dg.DagsterInstance, expected: int) -> Sequence[dg.RunRecord]:
    """The records of the runs, when all are through."""
    pause, deadline = threading.Event(), time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        records = instance.get_run_records(dg.RunsFilter(job_name=LANDING_JOB))
        if failed := [record for record in records if record.dagster_run.is_failure]:
            raise SystemExit(f"run {failed[0].dagster_run.run_id} failed")
        if len(records) == expected and all(record.dagster_run.is_success for record in records):
            return records
        pause.wait(POLL_SECONDS)
    raise SystemExit(f"not all runs were through after {PATIENCE_SECONDS} s")


def _process(instance: dg.DagsterInstance, record: dg.RunRecord) -> str:
    """The id of the process that executed a run, as Dagster's events tell."""
    told = (PROCESS.search(entry.message) for entry in instance.all_logs(record.dagster_run.run_id))
    return next(found.group(1) for found in told if found)


def _at_once(records: Sequence[dg.RunRecord]) -> int:
    """How many runs were open at the same moment, at most."""
    spans = [(record.start_time or 0, record.end_time or 0) for record in records]
    return max(sum(began <= moment < ended for began, ended in spans) for moment, _ in spans)
