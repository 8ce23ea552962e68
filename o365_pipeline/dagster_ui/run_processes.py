"""Which process works on a run, and the end of runs whose process was killed.

What belongs here: recognising a process that a run was started in, from this one or from another machine. A process id
alone does not: ids are given again, and in a container every first process is number 1. Where Dagster's launcher starts
containers it watches them; a process that was killed together with what launched it, as where a laptop lost its power,
nobody watches but this.
"""

from __future__ import annotations

import datetime as dt
import os
import socket
import subprocess
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Self

import dagster as dg
from pydantic import BaseModel, ConfigDict, ValidationError

PROCESS, SIGN_OF_LIFE = "o365/process", "o365/sign_of_life"
"""Tags of a run: the process that it works in, and when that last said that it lives."""

SIGN_SECONDS = 60.0
"""How often a process says that it lives."""

SILENT_AFTER = dt.timedelta(minutes=5)
"""A process of another machine that said nothing for so long is dead."""

AT_WORK = (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)
BEGUN = (dg.DagsterRunStatus.NOT_STARTED, *AT_WORK)
"""Statuses of a run that a process may have been killed in."""

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
PROCESSES = Path("/proc")
START_TIME = 19
"""The place of the start time, in ticks since the boot, after the name of the program in /proc/<pid>/stat."""


class RunProcess(BaseModel):
    """A process, as it is told from every other: its host, the host's boot, its id, and when it was started.

    Containers may share the name of a host, as those of a pod do, and count processes each for itself: where they count
    belongs to the host.
    """

    model_config = ConfigDict(frozen=True)

    host: str
    boot: str
    process_id: int
    started: str

    @classmethod
    def this(cls) -> Self:
        process_id = os.getpid()
        return cls(host=_host(), boot=_boot(), process_id=process_id, started=_started(process_id) or "")

    def is_dead(self, sign_of_life: dt.datetime | None, now: dt.datetime) -> bool:
        """Tells whether the process has ended; of another machine, whether one that spoke has been silent for long."""
        if self.host != _host():
            return sign_of_life is not None and now - sign_of_life > SILENT_AFTER
        return self.boot != _boot() or self.started != _started(self.process_id)


def process_tags(now: dt.datetime) -> Mapping[str, str]:
    """Returns the tags of a run that works in this process."""
    return {PROCESS: RunProcess.this().model_dump_json(), **sign_of_life(now)}


def sign_of_life(now: dt.datetime) -> Mapping[str, str]:
    """Returns the tag with which the process of a run says that it lives."""
    return {SIGN_OF_LIFE: now.isoformat(timespec="seconds")}


def note_process(context: dg.OpExecutionContext | dg.AssetExecutionContext) -> None:
    """Notes on the run which process works on it; where a terminal started it, that is noted already."""
    if PROCESS not in context.run.tags:
        _note_once(context.instance, context.run.run_id)


@lru_cache(maxsize=16)
def _note_once(instance: dg.DagsterInstance, run_id: str) -> None:
    instance.add_run_tags(run_id, {PROCESS: RunProcess.this().model_dump_json()})


def end_dead_runs(instance: dg.DagsterInstance, now: dt.datetime, tags: Mapping[str, str] | None = None) -> None:
    """Marks runs whose process was killed as failed, and frees their slots in pools.

    Args:
        tags: only runs with these tags are looked at.
    """
    for run in instance.get_runs(dg.RunsFilter(tags=dict(tags or {}), statuses=list(BEGUN))):
        if PROCESS in run.tags and _is_dead(run.tags, now):
            instance.report_run_failed(run, "The process that it ran in was killed.")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)


def _is_dead(tags: Mapping[str, str], now: dt.datetime) -> bool:
    try:
        process = RunProcess.model_validate_json(tags[PROCESS])
        said = tags.get(SIGN_OF_LIFE)
        return process.is_dead(dt.datetime.fromisoformat(said) if said else None, now)
    except (ValidationError, ValueError):
        return False


def _host() -> str:
    """Returns the name of this host, and within it of the space that counts its processes."""
    try:
        return f"{socket.gethostname()} {(PROCESSES / 'self' / 'ns' / 'pid').readlink()}"
    except OSError:
        return socket.gethostname()


@cache
def _boot() -> str:
    """Returns what tells this boot of the machine from others."""
    if BOOT_ID.exists():
        return BOOT_ID.read_text().strip()
    return _output_of("sysctl", "-n", "kern.boottime") or ""


def _started(process_id: int) -> str | None:
    """Returns when a process was started, in the system's own words; None if there is none, or only its remains."""
    if not (PROCESSES / "self" / "stat").exists():
        return _output_of("ps", "-o", "lstart=", "-p", str(process_id))
    try:
        state, *fields = (PROCESSES / str(process_id) / "stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if state in "ZX" else fields[START_TIME - 1]


def _output_of(*command: str) -> str | None:
    output = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S603 - constant names
    return output or None
