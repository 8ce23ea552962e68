"""A factory run as the sandbox stores it.

What belongs here: the model, and reading it from a row. Status changes belong to `factory_runs.py`.
"""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
import uuid
from dataclasses import dataclass
from typing import Any

from o365_pipeline.sandbox.azure.copy_job import CopyJob
from o365_pipeline.sandbox.clock import moment

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
        """When the run's status may change next; a run that waits for consent is checked by every reader."""
        return self.starts_at if self.status == "Queued" or self.waits_for_consent else self.ends_at

    @property
    def waits_for_consent(self) -> bool:
        """Whether an approver has yet to allow the copy; only such a run has details to show before its end."""
        return self.status == "InProgress" and self.output is not None

    @property
    def has_started(self) -> bool:
        """Whether the copy activity has ever started; a run that was cancelled in the queue has no activity."""
        return self.status != "Queued" and (self.ended_at is None or self.ended_at >= self.starts_at)

    @property
    def activity_run_id(self) -> str:
        """The copy activity's own id within the run."""
        return str(uuid.uuid5(uuid.UUID(self.run_id), "copy"))


def run_of(row: sqlite3.Row) -> Run:
    """Makes a run from a row of the table `run`."""
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
