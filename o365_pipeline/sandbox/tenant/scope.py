"""Whose data a copy asks for: members of groups, whom a users filter selects, or everyone; and who is on its deny list.

What belongs here: judging one person. What becomes of the others' rows belongs to `synthetic_tenant.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from o365_pipeline.errors import UsageError
from o365_pipeline.sandbox.azure.copy_job import CopyJob
from o365_pipeline.sandbox.tenant.directory_rows import PERSON_COLUMNS
from o365_pipeline.sandbox.tenant.organization import Person
from o365_pipeline.sandbox.tenant.row_format import share

GROUP_SHARE = 0.3
"""How much of the organization any group id holds: the sandbox has no directory of groups."""

USERS_FILTER = re.compile(r"""\$filter=(?P<name>\w+) eq '(?P<value>[^']*)'$""")


def in_scope(job: CopyJob, person: Person) -> bool:
    """Members of any of the groups, or whom the users filter selects; everyone where neither is given."""
    if job.groups:
        return _is_member(person, job.groups)
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


def is_denied(job: CopyJob, person: Person) -> bool:
    """Members of any of the groups that the approval excludes."""
    return _is_member(person, job.deny_groups)


def _is_member(person: Person, groups: Iterable[str]) -> bool:
    return any(share(group, person.id) < GROUP_SHARE for group in groups)


@dataclass(frozen=True)
class _DirectoryEntry:
    """A person as the directory's columns read one."""

    person: Person
