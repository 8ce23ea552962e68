"""A factory run's life: Queued, InProgress, Succeeded or Failed, Canceling, Cancelled.

What belongs here: when a run moves on, who moves it, and what is kept of it. Nothing runs in the background: whoever
reads a run whose time has come moves it on, under that run's lock. The wire format is `arm.py`'s.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from filelock import Timeout

from o365_pipeline.errors import O365PipelineError
from o365_pipeline.raw.lake import Lake
from o365_pipeline.sandbox.audit_records import OPERATION_RECORD_TYPE, append_record, consent_events
from o365_pipeline.sandbox.clock import Clock, moment, stamp, utc_now
from o365_pipeline.sandbox.copy_job import CopyJob, copy_job, run_parameters
from o365_pipeline.sandbox.data_connect import Landed, Tenant, land, refused
from o365_pipeline.sandbox.documents import Documents
from o365_pipeline.sandbox.state import State
from o365_pipeline.sandbox.wire_errors import ServiceError

ENDED = ("Succeeded", "Failed", "Cancelled")


@dataclass(frozen=True)
class Run:
    """One pipeline run and its one copy activity."""

    number: int
    run_id: str
    pipeline: str
    parameters: dict[str, str]
    job: CopyJob | None
    problem: str | None
    status: str
    created_at: dt.datetime
    starts_at: dt.datetime
    ends_at: dt.datetime
    last_updated: dt.datetime
    ended_at: dt.datetime | None
    message: str | None
    output: dict[str, Any] | None

    @property
    def next_change(self) -> dt.datetime:
        return self.starts_at if self.status == "Queued" else self.ends_at


class Factories:
    """The runs of all factories, over one state and one lake."""

    def __init__(
        self,
        state: State,
        lake: Lake,
        tenant: Tenant,
        queued_seconds: float = 1,
        run_seconds: float = 4,
        clock: Clock = utc_now,
    ) -> None:
        self.state = state
        self.clock = clock
        self._lake = lake
        self._tenant = tenant
        self._queued = dt.timedelta(seconds=queued_seconds)
        self._running = dt.timedelta(seconds=run_seconds)

    def create_run(self, factory: str, pipeline: str, given: dict[str, Any]) -> str:
        """Ask for a run of a deployed pipeline; returns its id.

        Raises:
            ServiceError: the pipeline is not deployed, or a parameter is missing.
        """
        documents = Documents(self.state, factory)
        if documents.find("pipelines", pipeline) is None:
            raise ServiceError(404, "NotFound", f"The pipeline '{pipeline}' was not found in the factory.")
        parameters = run_parameters(documents, pipeline, given)
        run_id = str(uuid.uuid4())
        job, problem = None, None
        try:
            job = copy_job(documents, pipeline, parameters, run_id)
        except O365PipelineError as error:
            problem = str(error)
        now = self.clock()
        starts_at = now + self._queued
        with self.state.writing() as connection:
            connection.execute(
                "INSERT INTO run (run_id, factory, pipeline, parameters, job, problem, status, created_at, starts_at, "
                "ends_at, last_updated) VALUES (?, ?, ?, ?, ?, ?, 'Queued', ?, ?, ?, ?)",
                (
                    run_id,
                    factory.lower(),
                    pipeline,
                    json.dumps(parameters),
                    job.model_dump_json() if job else None,
                    problem,
                    *(stamp(at) for at in (now, starts_at, starts_at + self._running, now)),
                ),
            )
        return run_id

    def run(self, factory: str, run_id: str) -> Run:
        """The run as it stands now.

        Raises:
            ServiceError: the factory has no such run.
        """
        return self._settle(self._read(factory, run_id), factory)

    def runs(self, factory: str, conditions: Sequence[str], values: Sequence[object], limit: int) -> list[Run]:
        """The factory's runs that meet the SQL conditions, in the order in which they were asked for."""
        unfinished = f"factory = ? AND status NOT IN {ENDED} ORDER BY number"
        for run in self._select(unfinished, (factory.lower(),)):
            self._settle(run, factory)
        where = " AND ".join(["factory = ?", *conditions])
        return self._select(f"{where} ORDER BY number LIMIT ?", (factory.lower(), *values, limit))

    def cancel(self, factory: str, run_id: str) -> None:
        """Ask for a run's end; a copy under way in another process is waited for, since its files are written.

        Raises:
            ServiceError: the factory has no such run, or it has ended.
        """
        with self.state.run_lock(run_id):
            run = self._move_on(self._read(factory, run_id), factory)
            if run.status in ENDED:
                raise ServiceError(400, "BadRequest", f"The pipeline run {run_id} has ended as {run.status} already.")
            if run.status != "Canceling":
                self._update(run, status="Canceling", ends_at=stamp(self.clock() + self._queued))

    def _settle(self, run: Run, factory: str) -> Run:
        if run.status in ENDED or self.clock() < run.next_change:
            return run
        try:
            with self.state.run_lock(run.run_id).acquire(timeout=0):
                return self._move_on(self._read(factory, run.run_id), factory)
        except Timeout:
            return self._read(factory, run.run_id)

    def _move_on(self, run: Run, factory: str) -> Run:
        """Take every step whose time has come; the caller holds the run's lock."""
        while run.status not in ENDED and self.clock() >= run.next_change:
            if run.status == "Canceling":
                self._end(run, "Cancelled", run.ends_at, "The run was cancelled by the user.")
            elif run.status == "InProgress":
                self._copy(run)
            elif refusal := self._refused(run):
                self._end(run, "Failed", run.starts_at, refusal)
            else:
                self._update(run, status="InProgress")
            run = self._read(factory, run.run_id)
        return run

    def _refused(self, run: Run) -> str | None:
        if run.job is None:
            return run.problem
        with self.state.reading() as connection:
            events = consent_events(connection, run.job.tenant_id, run.job.application_id)
        return refused(run.job, events, run.starts_at)

    def _copy(self, run: Run) -> None:
        assert run.job is not None, "a run without a job fails before it is in progress"
        try:
            landed = land(run.job, self._tenant, self._lake, self.state.home / "scratch")
        except O365PipelineError as error:
            self._end(run, "Failed", run.ends_at, str(error))
        else:
            self._end(run, "Succeeded", run.ends_at, None, landed)

    def _end(self, run: Run, status: str, at: dt.datetime, message: str | None, landed: Landed | None = None) -> None:
        seconds = round((run.ends_at - run.starts_at).total_seconds())
        output = _copy_output(landed, seconds) if landed else None
        with self.state.writing() as connection:
            now = self.clock()
            connection.execute(
                "UPDATE run SET status = ?, ended_at = ?, last_updated = ?, message = ?, output = ? WHERE run_id = ?",
                (status, stamp(at), stamp(now), message, json.dumps(output) if output else None, run.run_id),
            )
            if run.job:
                fields = _operation(run, run.job, status, at, message, landed)
                append_record(connection, run.job.tenant_id, OPERATION_RECORD_TYPE, run.job.application_id, now, fields)

    def _update(self, run: Run, status: str, ends_at: str | None = None) -> None:
        with self.state.writing() as connection:
            connection.execute(
                "UPDATE run SET status = ?, ends_at = coalesce(?, ends_at), last_updated = ? WHERE run_id = ?",
                (status, ends_at, stamp(self.clock()), run.run_id),
            )

    def _read(self, factory: str, run_id: str) -> Run:
        if runs := self._select("factory = ? AND run_id = ?", (factory.lower(), run_id)):
            return runs[0]
        raise ServiceError(404, "NotFound", f"The pipeline run {run_id} was not found in the factory.")

    def _select(self, where: str, values: Sequence[object]) -> list[Run]:
        with self.state.reading() as connection:
            return [_run(row) for row in connection.execute(f"SELECT * FROM run WHERE {where}", tuple(values))]


def activity_run_id(run: Run) -> str:
    """The copy activity's own id within the run."""
    return str(uuid.uuid5(uuid.UUID(run.run_id), "copy"))


def _run(row: sqlite3.Row) -> Run:
    return Run(
        number=row["number"],
        run_id=row["run_id"],
        pipeline=row["pipeline"],
        parameters=json.loads(row["parameters"]),
        job=CopyJob.model_validate_json(row["job"]) if row["job"] else None,
        problem=row["problem"],
        status=row["status"],
        created_at=moment(row["created_at"]),
        starts_at=moment(row["starts_at"]),
        ends_at=moment(row["ends_at"]),
        last_updated=moment(row["last_updated"]),
        ended_at=moment(row["ended_at"]) if row["ended_at"] else None,
        message=row["message"],
        output=json.loads(row["output"]) if row["output"] else None,
    )


def _copy_output(landed: Landed, seconds: int) -> dict[str, Any]:
    return {
        "dataRead": landed.bytes,
        "dataWritten": landed.bytes,
        "filesWritten": landed.files,
        "rowsRead": landed.rows,
        "rowsCopied": landed.rows,
        "copyDuration": seconds,
        "errors": [],
    }


def _operation(
    run: Run, job: CopyJob, status: str, at: dt.datetime, reason: str | None, landed: Landed | None
) -> dict[str, Any]:
    return {
        "ApplicationId": job.application_id,
        "ApplicationName": job.application_id,
        "PipelineName": run.pipeline,
        "PipelineRunId": run.run_id,
        "CopyActivityRunId": activity_run_id(run),
        "RunStartTime": stamp(run.starts_at),
        "RunEndTime": stamp(at),
        "DatasetName": job.table_name,
        "DatasetColumns": list(job.columns),
        "ScopeList": list(job.groups),
        "RowCount": landed.rows if landed else 0,
        "Status": status,
        "Reason": reason,
    }
