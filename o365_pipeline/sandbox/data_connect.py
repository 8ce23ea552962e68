"""Data Connect's own part of a copy: may it run, and the files that it writes into the lake.

What belongs here: judging and landing one copy job. Where the rows come from is a tenant's: `synthetic_tenant.py` or
`tenant_data.py`.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from o365_pipeline.consent.approvals import ApprovalEvent, standing
from o365_pipeline.consent.authorization import refusal
from o365_pipeline.raw.lake import Lake
from o365_pipeline.sandbox.copy_job import CopyJob


class Line(NamedTuple):
    """A piece of a part file."""

    part: int
    content: bytes
    rows: int


class Tenant(Protocol):
    """Where rows come from."""

    def lines(self, job: CopyJob) -> Iterator[Line]:
        """What the job lands, in an order and a number that are the same at every call."""


class Landed(NamedTuple):
    """What a copy wrote."""

    rows: int
    files: int
    bytes: int


def refused(job: CopyJob, events: Iterable[ApprovalEvent], at: dt.datetime) -> str | None:
    """Why Data Connect refuses the job at a moment, or None where it may run."""
    if fault := job.fault():
        return f"Microsoft Graph Data Connect refused the copy: {fault}."
    if reason := refusal(job.ask, standing(events, at)):
        return f"Microsoft Graph Data Connect refused the copy: {reason}."
    return None


def land(job: CopyJob, tenant: Tenant, lake: Lake, scratch: Path) -> Landed:
    """Write the job's rows as `<folder>/part-00000.json` and on, over what an interrupted copy may have left."""
    scratch.mkdir(exist_ok=True)
    rows = 0
    with tempfile.TemporaryDirectory(dir=scratch) as name, ExitStack() as open_files:
        folder = Path(name)
        files: dict[int, BinaryIO] = {}
        for line in tenant.lines(job):
            if line.part not in files:
                files[line.part] = open_files.enter_context((folder / f"part-{line.part:05d}.json").open("wb"))
            files[line.part].write(line.content)
            rows += line.rows
        open_files.close()
        parts = sorted(folder.iterdir())
        size = sum(part.stat().st_size for part in parts)
        for part in parts:
            lake.write(f"{job.folder}/{part.name}", part)
    return Landed(rows, len(parts), size)
