"""The synthetic tenant: it chooses the rows that a copy lands, from people who write, meet and chat by their seed.

What belongs here: choosing rows by person and date, choosing columns, comparing two snapshots, and the rows of
mailboxes that cannot be read. Scopes belong to `scope.py`; the generators of rows belong to `row_sources.py`.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from o365_pipeline.errors import UsageError
from o365_pipeline.sandbox.azure.copy_job import CopyJob
from o365_pipeline.sandbox.clock import Clock, moment, utc_now
from o365_pipeline.sandbox.microsoft365.data_connect import OutputLine, People
from o365_pipeline.sandbox.tenant.organization import Organization, Person, organization
from o365_pipeline.sandbox.tenant.row_format import Columns, Window, row_line, share, user_row_line, utc_text
from o365_pipeline.sandbox.tenant.row_sources import Item, RowSource, readers_of, source_of
from o365_pipeline.sandbox.tenant.scope import in_scope, is_denied

PARTS = 3
"""Data Connect's parallel jobs; each copies some of the mailboxes into one file."""

OTHER_REGION = "The mailbox is in another region than the Data Factory."
UNREADABLE = "The mailbox could not be opened."

SNAPSHOT_DATE, OPERATION = "SnapshotDate", "Operation"
DAYS_OF_THE_WHOLE = 28
"""How many days a dataset reaches back that is copied whole at every run and is not about people or groups alone."""


@dataclass(frozen=True)
class SyntheticTenant:
    """Makes a tenant of that many people for every tenant id."""

    users: int = 60
    seed: int = 7
    mails_per_day: float = 6
    out_of_region: float = 0.0
    """The share of mailboxes that lie in another region than the factory."""

    failing: float = 0.0
    """The share of mailboxes that cannot be read."""

    clock: Clock = utc_now

    def people(self, job: CopyJob) -> People:
        """Returns everyone in the job's scope; denied people, and people whose mailbox cannot be read, are
        undelivered.
        """
        if job.dataset.owner != "puser":
            return People(0)
        everyone = organization(job.tenant_id, self.users, self.seed).people
        requested = [person for person in everyone if in_scope(job, person)]
        undelivered = (person.id for person in requested if is_denied(job, person) or self._trouble(person))
        return People(len(requested), tuple(undelivered))

    def lines(self, job: CopyJob) -> Iterator[OutputLine]:
        """Returns the job's rows; for datasets about people also one row for each person in scope who has none, except
        denied people.
        """
        people = organization(job.tenant_id, self.users, self.seed)
        source = source_of(job.dataset, self.mails_per_day)
        readers = readers_of(job.dataset, source.columns)
        match job.dataset.owner:
            case _ if job.dataset.slicing == "snapshot":
                yield from _snapshot_lines(job, source, readers, people)
            case "puser":
                yield from self._lines_of_people(job, source, readers, people)
            case _:
                for number, item in enumerate(source.items(people, self._window(job))):
                    if _is_asked_for(job, item) and _in_window(job, readers, item):
                        row = row_line(_whose(job, item), people.tenant_id, _values(job, readers, item))
                        yield OutputLine(number % PARTS, row, 1)

    def _lines_of_people(
        self, job: CopyJob, source: RowSource, readers: Columns, people: Organization
    ) -> Iterator[OutputLine]:
        asked = [person for person in people.people if in_scope(job, person) and not is_denied(job, person)]
        troubles = {person.id: trouble for person in asked if (trouble := self._trouble(person))}
        readable = {person.id for person in asked} - troubles.keys()
        with_data: set[str] = set()
        for item in source.items(people, self._window(job)):
            holder = item.holder
            if holder.id not in readable or not _in_window(job, readers, item):
                continue
            with_data.add(holder.id)
            values = _values(job, readers, item)
            yield OutputLine(holder.number % PARTS, row_line({"puser": holder.id}, people.tenant_id, values), 1)
        for person in asked:
            trouble = troubles.get(person.id)
            if trouble or (job.dataset.slicing != "none" and person.id not in with_data):
                no_data = trouble != UNREADABLE
                row = user_row_line(person.id, people.tenant_id, job.columns, no_data, trouble)
                yield OutputLine(person.number % PARTS, row, 1)

    def _window(self, job: CopyJob) -> Window:
        """Returns the job's window; for datasets that are copied whole, some weeks up to today."""
        if job.start and job.end:
            return _asked_window(job.start, job.end, job.date_column)
        if job.dataset.slicing != "none":
            name = job.dataset.name
            raise UsageError(f"the sandbox's tenant has no beginning: give {name} a startTime and an endTime")
        today = dt.datetime.combine(self.clock().date(), dt.time(), dt.UTC)
        return Window(today - dt.timedelta(days=DAYS_OF_THE_WHOLE), today)

    def _trouble(self, person: Person) -> str | None:
        """Says why the person's mailbox cannot be read; the same at every call."""
        if not person.has_mailbox:
            return None
        if share(person.id, "region") < self.out_of_region:
            return OTHER_REGION
        return UNREADABLE if share(person.id, "failing") < self.failing else None


def _asked_window(start: str, end: str, date_column: str | None) -> Window:
    """Returns the window's moments; for datasets that are captured by day, the last day is included."""
    last = dt.timedelta(days=1 if date_column == SNAPSHOT_DATE else 0)
    return Window(moment(start), moment(end) + last)


def _whose(job: CopyJob, item: Item) -> dict[str, object]:
    """Returns the system column with the row's owner; rows without an owner have none."""
    owner = job.dataset.owner
    return {} if owner == "none" else {owner: item.holder.id}


def _is_asked_for(job: CopyJob, item: Item) -> bool:
    """Tells whether a group's row is in the job's scope; rows without an owner always are."""
    return job.dataset.owner != "pObjectId" or not job.groups or item.holder.id in job.groups


def _in_window(job: CopyJob, readers: Columns, item: Item) -> bool:
    if not (job.start and job.end and job.date_column):
        return True
    window = _asked_window(job.start, job.end, job.date_column)
    return utc_text(window.start) <= str(readers[job.date_column](item)) < utc_text(window.end)


def _values(job: CopyJob, readers: Columns, item: Item) -> dict[str, object]:
    values = {name: read(item) if (read := readers.get(name)) else None for name in job.columns}
    return _without_nulls(values) if job.dataset.omits_nulls else values


def _without_nulls(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}


def _snapshot_lines(job: CopyJob, source: RowSource, readers: Columns, people: Organization) -> Iterator[OutputLine]:
    """Returns everything that exists on a day if start equals end, else what changed since start, in the requested
    columns.
    """
    assert job.start
    assert job.end
    first, last = moment(job.start), moment(job.end)
    after = _snapshot(job, source, readers, people, last)
    before = after if first == last else _snapshot(job, source, readers, people, first)
    changes = _changes(before, after) if first != last else [("Full", row) for row in after.values()]
    for number, (operation, (whose, values)) in enumerate(changes):
        said = {SNAPSHOT_DATE: utc_text(last), OPERATION: operation}
        row = {name: said.get(name, values.get(name)) for name in job.columns}
        kept = _without_nulls(row) if job.dataset.omits_nulls else row
        yield OutputLine(number % PARTS, row_line(whose, people.tenant_id, kept), 1)


Snapshot = Mapping[str, tuple[dict[str, object], dict[str, object]]]
"""Key -> the row's owner and its columns."""


def _snapshot(job: CopyJob, source: RowSource, readers: Columns, people: Organization, at: dt.datetime) -> Snapshot:
    dataset = job.dataset
    found = {}
    columns = {name: read for name, read in readers.items() if name not in (SNAPSHOT_DATE, OPERATION)}
    for item in source.items(people, Window(at, at)):
        whose = _whose(job, item)
        key = json.dumps([whose, *(columns[name](item) for name in dataset.natural_key if name in columns)])
        found[key] = (whose, {name: columns[name](item) for name in job.columns if name in columns})
    return found


def _changes(before: Snapshot, after: Snapshot) -> Iterator[tuple[str, tuple[dict[str, object], dict[str, object]]]]:
    for key, row in after.items():
        if key not in before:
            yield "Created", row
        elif before[key] != row:
            yield "Updated", row
    for key, row in before.items():
        if key not in after:
            yield "Deleted", row
