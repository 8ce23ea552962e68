"""The synthetic tenant: which rows a copy lands, from people who write, meet and chat by their seed.

What belongs here: choosing people by scope, rows by date, and columns by request. The items and their columns are
`mail_rows.py`'s and its kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from o365_pipeline.errors import UsageError
from o365_pipeline.sandbox.calendar_rows import CALENDAR_COLUMNS, created_entries, occurrences
from o365_pipeline.sandbox.chat_rows import CHAT_COLUMNS, chat_copies
from o365_pipeline.sandbox.clock import moment
from o365_pipeline.sandbox.copy_job import CopyJob
from o365_pipeline.sandbox.data_connect import Line
from o365_pipeline.sandbox.directory_rows import MAILBOX_COLUMNS, PERSON_COLUMNS, mailboxes, managers, users
from o365_pipeline.sandbox.mail_rows import MAIL_COLUMNS, message_copies, sent_copies
from o365_pipeline.sandbox.organization import Organization, Person, organization
from o365_pipeline.sandbox.row_format import Columns, Window, row_line, share, utc_text

PARTS = 3
"""Data Connect's parallel jobs; each copies some of the mailboxes into one file."""

GROUP_SHARE = 0.3
"""How much of the organization any group id holds: the sandbox has no directory of groups."""

USERS_FILTER = re.compile(r"""\$filter=(?P<name>\w+) eq '(?P<value>[^']*)'$""")


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

    def lines(self, job: CopyJob) -> Iterator[Line]:
        """The rows of the job's window, and one row for each person in scope who has none."""
        people = organization(job.tenant_id, self.users, self.seed)
        window = Window(moment(job.start), moment(job.end)) if job.start and job.end else None
        items, columns = self._source(job, people, window)
        wanted = [(name, columns.get(name)) for name in job.columns]
        in_scope = {person.id for person in people.people if _in_scope(job, person)}
        with_data: set[str] = set()
        for item in items:
            holder = item.holder
            if holder.id not in in_scope or not _in_window(job, columns, item, window):
                continue
            with_data.add(holder.id)
            values = {name: read(item) if read else None for name, read in wanted}
            yield Line(holder.number % PARTS, row_line(holder.id, people.tenant_id, values), 1)
        if job.dataset.slicing == "none":
            return
        empty: dict[str, object] = dict.fromkeys(job.columns)
        for person in people.people:
            if person.id in in_scope and person.id not in with_data:
                yield Line(person.number % PARTS, row_line(person.id, people.tenant_id, empty, no_data=True), 1)

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


def _in_scope(job: CopyJob, person: Person) -> bool:
    """Members of any of the groups, or whom the users filter selects; everyone where neither is given."""
    if job.groups:
        return any(share(group, person.id) < GROUP_SHARE for group in job.groups)
    if not job.filter_uri:
        return True
    test = USERS_FILTER.search(job.filter_uri)
    by_name = {name.lower(): read for name, read in PERSON_COLUMNS.items()}
    if test is None or test["name"].lower() not in by_name:
        raise UsageError(
            f"the sandbox cannot evaluate the users filter {job.filter_uri!r}; it knows $filter=<property> eq '<value>'"
        )
    value = by_name[test["name"].lower()](_DirectoryEntry(person))
    return str(value).casefold() == test["value"].casefold()


@dataclass(frozen=True)
class _DirectoryEntry:
    """A person as the directory's columns read one."""

    person: Person
