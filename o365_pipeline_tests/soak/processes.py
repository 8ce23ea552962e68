"""Other processes that work on the home: terminals, workers and Dagster's daemon, which may be killed at any moment.

What belongs here: starting, waiting and killing. Terminals and workers are forked from a process that has imported the
project before, so that each begins at once; the daemon is Dagster's own, with the run workers that it launches.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import dagster as dg

from o365_pipeline.dagster_ui.run_processes import AT_WORK, PROCESS, end_dead_runs
from o365_pipeline.sandbox.azure.factory_faults import FactoryFaults
from o365_pipeline.sandbox.microsoft365.feed_faults import FeedFaults
from o365_pipeline_tests.soak.faults import draw_factory_fault, share_faults
from o365_pipeline_tests.soak.violation import ViolationError
from o365_pipeline_tests.soak.world import World

WARM = ["o365_pipeline.cli.extract", "o365_pipeline.cli.main", "o365_pipeline.definitions", __name__]
FORKS = multiprocessing.get_context("forkserver")
SUSPENDED_AFTER, SUSPENDED_SECONDS, PATIENCE = 12.0, 60, 300.0
"""After so many real seconds a process that is waited for sees the clock go on by a minute; after the last, it hangs.
"""

FAULTY = 0.3
"""The share of terminals and workers for whom something goes wrong with the factory."""

NOT_BEGUN = (dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED)
DAEMON = ["dagster-daemon", "run", "--module-name", "o365_pipeline.definitions"]


@dataclass
class Child:
    """A process, and where it writes what it says."""

    what: str
    process: ForkServerProcess
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    @property
    def last_line(self) -> str:
        lines = [line for line in self.said.splitlines() if line.strip()]
        return lines[-1] if lines else ""

    def kill(self) -> None:
        """Kills it at this moment; what it began, it does not end."""
        self.process.kill()
        self.process.join()


def terminal(world: World, arguments: Sequence[str]) -> Child:
    """Starts `o365-pipeline` with some arguments."""
    return _start(world, f"o365-pipeline {' '.join(arguments)}", _run_command, tuple(arguments))


def worker(world: World, sensors: Sequence[str]) -> Child:
    """Starts a process that ticks sensors and executes what they ask for, as daemon and run worker do."""
    return _start(world, f"worker of {', '.join(sensors)}", _run_sensors, tuple(sensors))


def wait(world: World, children: Sequence[Child]) -> None:
    """Waits until all have ended; if that takes long, the clock goes on, as where a laptop was asleep."""
    begun = stepped = time.monotonic()
    while any(child.process.is_alive() for child in children):
        children[0].process.join(0.1) if len(children) == 1 else world.clock.really_sleep(0.1)
        if time.monotonic() - stepped > SUSPENDED_AFTER:
            stepped = time.monotonic()
            world.clock.step(SUSPENDED_SECONDS)
        if time.monotonic() - begun > PATIENCE:
            for child in children:
                child.kill()
            raise TimeoutError(f"{children[0].what} does not end: {children[0].last_line}")


def _start(world: World, what: str, function: Callable[[tuple[str, ...]], None], given: tuple[str, ...]) -> Child:
    fault = world.chance.randrange(1_000_000) if world.chance.random() < FAULTY else None
    FORKS.set_forkserver_preload(WARM)
    world.logs.mkdir(exist_ok=True)
    log = world.logs / f"{len(list(world.logs.iterdir())):05}.log"
    log.touch()
    process = FORKS.Process(target=_begin, args=(log, fault, function, given))
    process.start()
    return Child(what if fault is None else f"faulty {what}", process, log)


def _begin(log: Path, fault: int | None, function: Callable[[tuple[str, ...]], None], given: tuple[str, ...]) -> None:
    """Does the process's work, with a fault of the factory that others do not see."""
    _write_into(log)
    factory_faults = FactoryFaults()
    share_faults(factory_faults, FeedFaults())
    if fault is not None:
        print(draw_factory_fault(random.Random(fault), factory_faults))
    function(given)


def _run_command(arguments: tuple[str, ...]) -> None:
    from o365_pipeline.cli.main import main

    sys.argv = ["o365-pipeline", *arguments]
    main()


def _run_sensors(sensors: tuple[str, ...]) -> None:
    import dagster as dg

    from o365_pipeline.cli.headless import Headless
    from o365_pipeline.deployment import load
    from o365_pipeline.errors import O365PipelineError

    deployment = load()
    with dg.DagsterInstance.get() as instance:
        headless = Headless(deployment, instance)
        for sensor in sensors:
            for request in headless.tick(sensor):
                try:
                    headless.execute(request)
                except O365PipelineError as error:
                    print(error)


def _write_into(log: Path) -> None:
    file = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.stdout = os.fdopen(1, "w", buffering=1)
    sys.stderr = os.fdopen(2, "w", buffering=1)


class Daemon:
    """Dagster's daemon, its code server, and the run workers that it launches."""

    def __init__(self, world: World) -> None:
        self._log = (world.logs.with_name("daemon.log")).open("ab")
        self._daemon = subprocess.Popen(
            DAEMON, stdout=self._log, stderr=self._log, stdin=subprocess.DEVNULL, cwd=world.logs.parent
        )
        self._seen: set[int] = set()

    def look(self) -> list[int]:
        """Remembers all of its processes, and returns its run workers."""
        commands = _commands()
        family = {self._daemon.pid, *(pid for pid in self._seen if pid in commands)}
        while more := {pid for pid, (parent, _) in commands.items() if parent in family and pid not in family}:
            family |= more
        self._seen = family - {self._daemon.pid}
        return sorted(pid for pid in self._seen if b"execute_run" in commands[pid][1])

    def kill_all(self) -> None:
        """Kills every process at this moment, as where the machine loses its power."""
        self.look()
        self._daemon.kill()
        for pid in self._seen:
            kill(pid)
        self._daemon.wait()
        while self.look():
            time.sleep(0.1)
        self._log.close()


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _commands() -> dict[int, tuple[int, bytes]]:
    """Returns the parent and the command of every process of this machine that has not ended."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                state, parent, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
                if state not in "ZX":
                    found[int(folder.name)] = (int(parent), (folder / "cmdline").read_bytes())
    return found


def end_runs_that_never_began(world: World) -> None:
    """Ends runs that were killed before their first step, as Dagster's monitoring does some minutes after a start.

    Those that had begun say in which process, so that the pipeline itself has to end them.
    """
    end_dead_runs(world.instance, world.now)
    for run in world.instance.get_runs(dg.RunsFilter(statuses=[*AT_WORK, *NOT_BEGUN])):
        if PROCESS in run.tags:
            raise ViolationError(f"{run.job_name} {run.run_id} is {run.status.value}, and its process was killed")
        world.instance.report_run_failed(run, "It did not start.")
        world.instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
