"""The life of a factory run: Queued, InProgress, Succeeded or Failed, Canceling, Cancelled.

What belongs here: when a run changes its status. Nothing runs in the background: whoever reads a run advances it, under
that run's lock. The stored run belongs to `runs.py`; the wire format belongs to `arm.py`.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Sequence
from typing import Any

from filelock import Timeout

from o365_pipeline.consent.approvals import ApprovalEvent
from o365_pipeline.errors import O365PipelineError
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.lakes import Lakes
from o365_pipeline.sandbox.azure.compliance import Compliance
from o365_pipeline.sandbox.azure.copy_job import CopyJob, copy_job, run_parameters
from o365_pipeline.sandbox.azure.documents import Documents
from o365_pipeline.sandbox.azure.factory_faults import FactoryFaults
from o365_pipeline.sandbox.azure.key_vaults import missing_secret
from o365_pipeline.sandbox.azure.resources import Resources, group_of
from o365_pipeline.sandbox.azure.runs import ENDED, Run, run_of
from o365_pipeline.sandbox.azure.subscriptions import Subscriptions
from o365_pipeline.sandbox.clock import Clock, stamp, utc_now
from o365_pipeline.sandbox.microsoft365.audit_records import (
    OPERATION_RECORD_TYPE,
    append_record,
    consent_events,
    deny_groups,
)
from o365_pipeline.sandbox.microsoft365.data_connect import Landed, Tenant, approval_for, land, refused
from o365_pipeline.sandbox.microsoft365.operations import copy_output, operation
from o365_pipeline.sandbox.microsoft365.privileged_access import LAPSE, LAPSED, granted_at, waiting_details
from o365_pipeline.sandbox.state import State
from o365_pipeline.sandbox.storage.sink_access import no_access_to_sink
from o365_pipeline.sandbox.storage.storage_accounts import container_of
from o365_pipeline.sandbox.wire_errors import ServiceError

CANCELLED = "The run was cancelled by the user."


def run_not_found(run_id: str) -> ServiceError:
    return ServiceError(404, "NotFound", f"The pipeline run {run_id} was not found in the factory.")


class Factories:
    """The runs of all factories, over one state and the customers' lakes."""

    def __init__(
        self,
        state: State,
        lakes: Lakes,
        tenant: Tenant,
        queued_seconds: float = 1,
        run_seconds: float = 4,
        clock: Clock = utc_now,
        *,
        feed_lag_seconds: float = 0,
        miscount: int = 0,
        privileged_access: bool = False,
        strict: bool = False,
        faults: FactoryFaults | None = None,
    ) -> None:
        """Uses a state, the lakes that copies write to, and a tenant.

        Args:
            feed_lag_seconds: how long an operation record takes to appear in the feed.
            miscount: by how many rows Microsoft's own count differs from the factory's.
            privileged_access: whether runs without an approval wait for consent, as in older tenants.
            strict: whether the application needs a role on the storage account that it copies to.
            faults: the faults that a test asks for.
        """
        self.state = state
        self.clock = clock
        self.faults = faults or FactoryFaults()
        self._lakes = lakes
        self._tenant = tenant
        self._queued = dt.timedelta(seconds=queued_seconds)
        self._running = dt.timedelta(seconds=run_seconds)
        self._feed_lag = dt.timedelta(seconds=feed_lag_seconds)
        self._miscount = miscount
        self._privileged_access = privileged_access
        self._strict = strict

    @property
    def lakes(self) -> Lakes:
        """The lakes that copies write to."""
        return self._lakes

    def container(self, account: str, name: str) -> Lake:
        """Returns the container of a storage account, as copies and the Blob service find it."""
        return container_of(self.state, self._lakes, account, name)

    def create_run(self, factory: str, pipeline: str, given: dict[str, Any]) -> str:
        """Creates a run of a deployed pipeline; returns its id.

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
            # Where nobody created the subscription, the definition is believed.
            tenant_id = Subscriptions(self.state).tenant_of(factory.split("/")[2]) if self._strict else None
            job = copy_job(documents, pipeline, parameters, run_id, tenant_id)
            problem = missing_secret(Resources(self.state), documents, factory, strict=self._strict)
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
        """Returns the run in its present status.

        Raises:
            ServiceError: the factory has no such run.
        """
        return self._settle(self._read(factory, run_id), factory)

    def runs(self, factory: str, conditions: Sequence[str], values: Sequence[object], limit: int) -> list[Run]:
        """Returns the factory's runs that meet the SQL conditions, in the order of their creation."""
        unfinished = f"factory = ? AND status NOT IN {ENDED} ORDER BY number"
        for run in self._select(unfinished, (factory.lower(),)):
            self._settle(run, factory)
        where = " AND ".join(["factory = ?", *conditions])
        return self._select(f"{where} ORDER BY number LIMIT ?", (factory.lower(), *values, limit))

    def cancel(self, factory: str, run_id: str) -> None:
        """Cancels a run; a run that is still queued ends at once.

        Waits for a copy that another process has begun, since its files are written.

        Raises:
            ServiceError: the factory has no such run, or it has ended.
        """
        with self.state.run_lock(run_id):
            run = self._move_on(self._read(factory, run_id), factory)
            if run.status in ENDED:
                raise ServiceError(400, "BadRequest", f"The pipeline run {run_id} has ended as {run.status} already.")
            if run.status == "Queued":
                self._end(run, "Cancelled", self.clock(), CANCELLED)
            elif run.status != "Canceling":
                self._update(run, "Canceling", self.clock() + self._queued)

    def _settle(self, run: Run, factory: str) -> Run:
        if run.status in ENDED or self.clock() < run.next_change:
            return run
        try:
            with self.state.run_lock(run.run_id).acquire(timeout=0):
                return self._move_on(self._read(factory, run.run_id), factory)
        except Timeout:
            return self._read(factory, run.run_id)

    def _move_on(self, run: Run, factory: str) -> Run:
        """Makes every status change that is due; the caller holds the run's lock."""
        while run.status not in ENDED and self.clock() >= run.next_change:
            if run.status == "Canceling":
                self._end(run, "Cancelled", run.ends_at, CANCELLED)
            elif run.status == "Queued":
                self._start(run, factory)
            elif not run.waits_for_consent:
                self._copy(run)
            elif not self._ask_for_consent(run):
                return run
            run = self._read(factory, run.run_id)
        return run

    def _start(self, run: Run, factory: str) -> None:
        """Starts the run, or fails it; in older tenants, a run that is not approved waits."""
        if run.job is None or run.problem:
            self._end(run, "Failed", run.starts_at, run.problem)
            return
        events = self._events(run.job)
        violated = Compliance(self.state).violated(group_of(factory))
        reason = refused(run.job, events, run.starts_at, violated)
        if reason is None and self._strict:
            reason = no_access_to_sink(self.state, run.job)
        if reason is None:
            self._go_on(run, run.job, events, run.starts_at)
        elif self._privileged_access and not violated and not run.job.fault(run.starts_at.date()):
            self._update(run, "InProgress", output=waiting_details(dt.timedelta()))
        else:
            self._end(run, "Failed", run.starts_at, reason)

    def _ask_for_consent(self, run: Run) -> bool:
        """Checks once whether an approver has allowed the copy; False if nothing has changed."""
        assert run.job is not None, "a run without a job fails before it is in progress"
        now, events = self.clock(), self._events(run.job)
        if granted := granted_at(run.job, events, run.starts_at):
            self._go_on(run, run.job, events, granted)
        elif now >= run.starts_at + LAPSE:
            self._end(run, "Failed", run.starts_at + LAPSE, LAPSED)
        elif (details := waiting_details(now - run.starts_at)) != run.output:
            self._update(run, "InProgress", output=details)
        else:
            return False
        return True

    def _go_on(self, run: Run, job: CopyJob, events: Sequence[ApprovalEvent], at: dt.datetime) -> None:
        """Lets the copy work from a moment on, without the people whom the approval of that moment denies."""
        approval = approval_for(job, events, at)
        assert approval is not None, "a job that nothing covers does not go on"
        with self.state.writing() as connection:
            groups = deny_groups(connection, approval.event_id, job.table_name)
            connection.execute(
                "UPDATE run SET job = ? WHERE run_id = ?",
                (job.model_copy(update={"deny_groups": groups}).model_dump_json(), run.run_id),
            )
        self._update(run, "InProgress", at + (run.ends_at - run.starts_at))

    def _copy(self, run: Run) -> None:
        assert run.job is not None, "a run without a job fails before it is in progress"
        if error := self.faults.copy_error():
            self._end(run, "Failed", run.ends_at, error.message)
            return
        try:
            landed = land(run.job, self._tenant, self.container(run.job.storage_account, run.job.container))
        except O365PipelineError as problem:
            self._end(run, "Failed", run.ends_at, str(problem))
        else:
            self._end(run, "Succeeded", run.ends_at, None, landed)

    def _events(self, job: CopyJob) -> list[ApprovalEvent]:
        with self.state.reading() as connection:
            return consent_events(connection, job.tenant_id, job.application_id)

    def _end(self, run: Run, status: str, at: dt.datetime, message: str | None, landed: Landed | None = None) -> None:
        seconds = round((run.ends_at - run.starts_at).total_seconds())
        output = copy_output(landed, seconds) if landed else None
        with self.state.writing() as connection:
            now = self.clock()
            connection.execute(
                "UPDATE run SET status = ?, ended_at = ?, last_updated = ?, message = ?, output = ? WHERE run_id = ?",
                (status, stamp(at), stamp(now), message, json.dumps(output) if output else None, run.run_id),
            )
            if run.job:
                fields = operation(run, run.job, status, at, message, landed, self._miscount)
                append_record(
                    connection,
                    run.job.tenant_id,
                    OPERATION_RECORD_TYPE,
                    run.job.application_id,
                    now,
                    fields,
                    available_at=now + self._feed_lag,
                )

    def _update(
        self, run: Run, status: str, ends_at: dt.datetime | None = None, output: dict[str, Any] | None = None
    ) -> None:
        with self.state.writing() as connection:
            connection.execute(
                "UPDATE run SET status = ?, ends_at = ?, output = ?, last_updated = ? WHERE run_id = ?",
                (
                    status,
                    stamp(ends_at or run.ends_at),
                    json.dumps(output) if output else None,
                    stamp(self.clock()),
                    run.run_id,
                ),
            )

    def _read(self, factory: str, run_id: str) -> Run:
        if runs := self._select("factory = ? AND run_id = ?", (factory.lower(), run_id)):
            return runs[0]
        raise run_not_found(run_id)

    def _select(self, where: str, values: Sequence[object]) -> list[Run]:
        with self.state.reading() as connection:
            return [run_of(row) for row in connection.execute(f"SELECT * FROM run WHERE {where}", tuple(values))]
