"""What Data Connect reports about a finished copy: its output for the factory, and record 183 for the audit log.

What belongs here: the counts and their names. Counting belongs to `data_connect.py`; writing the record belongs to
`audit_records.py`. Source: Office 365 Management Activity API schema.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from o365_pipeline.sandbox.azure.copy_job import CopyJob
from o365_pipeline.sandbox.azure.runs import Run
from o365_pipeline.sandbox.clock import stamp
from o365_pipeline.sandbox.microsoft365.data_connect import Landed


def copy_output(landed: Landed, seconds: int) -> dict[str, Any]:
    """The copy activity's output."""
    return {
        "dataRead": landed.bytes,
        "dataWritten": landed.bytes,
        "filesWritten": landed.files,
        "rowsRead": landed.rows,
        "rowsCopied": landed.rows,
        "copyDuration": seconds,
        "errors": [],
    }


def operation(
    run: Run, job: CopyJob, status: str, at: dt.datetime, reason: str | None, landed: Landed | None, miscount: int
) -> dict[str, Any]:
    """Returns the operation record's fields; a run that copied nothing counts no people, since nobody looked for
    them.
    """
    fields = {
        "ApplicationId": job.application_id,
        "ApplicationName": job.application_id,
        "PipelineName": run.pipeline,
        "PipelineRunId": run.run_id,
        "CopyActivityRunId": run.activity_run_id,
        "RunStartTime": stamp(min(run.starts_at, at)),
        "RunEndTime": stamp(at),
        "DatasetName": job.table_name,
        "DatasetColumns": list(job.columns),
        "ScopeList": list(job.groups),
        "RowCount": landed.rows + miscount if landed else 0,
        "Status": status,
        "Reason": reason,
    }
    return fields | _people(landed) if landed else fields


def _people(landed: Landed) -> dict[str, Any]:
    requested, undelivered = landed.people
    counts = {"ScopeCountRequested": requested, "ScopeCountDelivered": requested - len(undelivered)}
    return counts | {"UndeliveredScope": list(undelivered)} if undelivered else counts
