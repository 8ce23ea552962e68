"""The synthetic tenant: which rows a copy lands, from people who write, meet and chat by their seed.

What belongs here: choosing rows by person and date, columns by request, and what is said of mailboxes that give none.
Who is in scope is `scope.py`'s; the items and their columns are `mail_rows.py`'s and its kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from o365_pipeline.errors import UsageError
from o365_pipeline.sandbox.calendar_rows import CALENDAR_COLUMNS, created_entries, occurrences
from o365_pipeline.sandbox.chat_rows import CHAT_COLUMNS, chat_copies
from o365_pipeline.sandbox.clock import moment
from o365_pipeline.sandbox.copy_job import CopyJob
from o365_pipeline.sandbox.data_connect import Line, People
from o365_pipeline.sandbox.directory_rows import MAILBOX_COLUMNS, PERSON_COLUMNS, mailboxes, managers, users
from o365_pipeline.sandbox.mail_rows import MAIL_COLUMNS, message_copies, sent_copies
from o365_pipeline.sandbox.organization import Organization, Person, organization
from o365_pipeline.sandbox.row_format import Columns, Window, row_line, share, user_row_line, utc_text
from o365_pipeline.sandbox.scope import in_scope, is_denied

PARTS = 3
"""Data Connect's parallel jobs; each copies some of the mailboxes into one file."""

OTHER_REGION = "The mailbox is in another region than the Data Factory."
UNREADABLE = "The mailbox could not be opened."


class Item(Protocol):
    """What becomes a row."""

    @property
    def holder(self) -> Person: ...


@dataclass(frozen=True)
class SyntheticTenant:
    """A tenant of so many people for every tenant id that is asked for."""

    users: int = 60
    seed: int = 7
    mails_per_day: float = 6
    out_of_region: float = 0.0
    """The share of mailboxes that lie in another region than the factory."""

    failing: float = 0.0
    """The share of mailboxes that cannot be read."""

    def people(self, job: CopyJob) -> People:
        """Everyone in the job's scope; not delivered are the denied ones, and those whose mailbox gives nothing."""
        everyone = organization(job.tenant_id, self.users, self.seed).people
        requested = [person for person in everyone if in_scope(job, person)]
        undelivered = (person.id for person in requested if is_denied(job, person) or self._trouble(person))
        return People(len(requested), tuple(undelivered))

    def lines(self, job: CopyJob) -> Iterator[Line]:
        """The rows of the job's window, and one row for each person in scope who has none; nothing of denied people."""
        people = organization(job.tenant_id, self.users, self.seed)
        window = Window(moment(job.start), moment(job.end)) if job.start and job.end else None
        items, columns = self._source(job, people, window)
        wanted = [(name, columns.get(name)) for name in job.columns]
        asked = [person for person in people.people if in_scope(job, person) and not is_denied(job, person)]
        troubles = {person.id: trouble for person in asked if (trouble := self._trouble(person))}
        readable = {person.id for person in asked} - troubles.keys()
        with_data: set[str] = set()
        for item in items:
            holder = item.holder
            if holder.id not in readable or not _in_window(job, columns, item, window):
                continue
            with_data.add(holder.id)
            values = {name: read(item) if read else None for name, read in wanted}
            yield Line(holder.number % PARTS, row_line(holder.id, people.tenant_id, values), 1)
        for person in asked:
            trouble = troubles.get(person.id)
            if trouble or (job.dataset.slicing != "none" and person.id not in with_data):
                no_data = trouble != UNREADABLE
                row = user_row_line(person.id, people.tenant_id, job.columns, no_data, trouble)
                yield Line(person.number % PARTS, row, 1)

    def _trouble(self, person: Person) -> str | None:
        """Why the person's mailbox gives nothing; the same at every call."""
        if not person.has_mailbox:
            return None
        if share(person.id, "region") < self.out_of_region:
            return OTHER_REGION
        return UNREADABLE if share(person.id, "failing") < self.failing else None

    def _source(self, job: CopyJob, people: Organization, window: Window | None) -> tuple[Iterator[Item], Columns]:
        directory: dict[str, tuple[Callable[[Organization, Window | None], Iterator[Item]], Columns]] = {
            "User_v1": (users, PERSON_COLUMNS),
            "Manager_v0": (managers, PERSON_COLUMNS),
            "MailboxSettings_v0": (mailboxes, MAILBOX_COLUMNS),
        }
        name = job.dataset.name
        if name in directory:
            items, columns = directory[name]
            return items(people, window), columns
        if window is None:
            raise UsageError(f"the sandbox's tenant has no beginning: give {name} a startTime and an endTime")
        match name:
            case "Message_v1":
                return message_copies(people, window, self.mails_per_day), MAIL_COLUMNS
            case "SentItem_v1":
                return sent_copies(people, window, self.mails_per_day), MAIL_COLUMNS
            case "Event_v1":
                return created_entries(people, window), CALENDAR_COLUMNS
            case "CalendarView_v0":
                return occurrences(people, window), CALENDAR_COLUMNS
            case "TeamChat_v1":
                return chat_copies(people, window), CHAT_COLUMNS
        raise UsageError(f"the sandbox has no synthetic rows of {name}: give it files of them (tenant data)")


def _in_window(job: CopyJob, columns: Columns, item: Item, window: Window | None) -> bool:
    if window is None or job.date_column is None:
        return True
    value = columns[job.date_column](item)
    return utc_text(window.start) <= str(value) < utc_text(window.end)
