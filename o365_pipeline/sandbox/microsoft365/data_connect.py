"""Data Connect's own part of a copy: it decides whether the copy may run, and writes the files into the lake.

What belongs here: judging and landing one copy job. The rows come from a tenant: `synthetic_tenant.py` or
`tenant_data.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import BinaryIO, NamedTuple, Protocol, runtime_checkable

from o365_pipeline.consent.approvals import ApprovalEvent, consent_status
from o365_pipeline.consent.authorization import refusal
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.scratch import scratch_folder
from o365_pipeline.sandbox.azure.copy_job import CopyJob


class OutputLine(NamedTuple):
    """A piece of a part file."""

    part: int
    content: bytes
    rows: int
    people: frozenset[str] = frozenset()
    """Whose rows these are, for a tenant that does not list its people."""


class People(NamedTuple):
    """How many people a copy was requested for, and which of them it does not deliver."""

    requested: int
    undelivered: tuple[str, ...] = ()


class Tenant(Protocol):
    """The source of rows."""

    def lines(self, job: CopyJob) -> Iterator[OutputLine]:
        """The lines that the job lands, in the same order and number at every call."""


@runtime_checkable
class PeopledTenant(Tenant, Protocol):
    """A tenant that lists its people; for any other tenant, the owners of the landed rows are counted."""

    def people(self, job: CopyJob) -> People:
        """The people that the job requests."""


class Landed(NamedTuple):
    """What a copy wrote, and for whom."""

    rows: int
    files: int
    bytes: int
    people: People


NOT_COMPLIANT = "the managed application is not compliant with the policy assignments"


def refused(job: CopyJob, events: Iterable[ApprovalEvent], at: dt.datetime, violated: Sequence[str] = ()) -> str | None:
    """Says why Data Connect refuses the job at a moment, given the violated policies, or None if it may run."""
    if fault := job.fault(at.date()):
        return f"Microsoft Graph Data Connect refused the copy: {fault}."
    if reason := refusal(job.ask, consent_status(events, at)):
        return f"Microsoft Graph Data Connect refused the copy: {reason}."
    if violated:
        return f"Microsoft Graph Data Connect refused the copy: {NOT_COMPLIANT}: {', '.join(violated)}."
    return None


def approval_for(job: CopyJob, events: Iterable[ApprovalEvent], at: dt.datetime) -> ApprovalEvent | None:
    """Returns the approval in force at a moment if it covers the job."""
    status = consent_status(events, at)
    return None if refusal(job.ask, status) else status.approval


def land(job: CopyJob, tenant: Tenant, lake: Lake) -> Landed:
    """Writes the job's rows as `<folder>/part-00000.json` and so on; replaces what an interrupted copy left."""
    rows = 0
    seen: set[str] = set()
    with scratch_folder() as folder, ExitStack() as open_files:
        files: dict[int, BinaryIO] = {}
        for line in tenant.lines(job):
            if line.part not in files:
                files[line.part] = open_files.enter_context((folder / f"part-{line.part:05d}.json").open("wb"))
            files[line.part].write(line.content)
            rows += line.rows
            seen |= line.people
        open_files.close()
        parts = sorted(folder.iterdir())
        size = sum(part.stat().st_size for part in parts)
        for part in parts:
            lake.write(f"{job.folder}/{part.name}", part)
    people = tenant.people(job) if isinstance(tenant, PeopledTenant) else People(len(seen))
    return Landed(rows, len(parts), size, people)
