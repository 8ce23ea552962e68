"""Whose data a copy requests: the members of groups, the people that a users filter selects, or everyone; and its deny
list.

What belongs here: judging one person. What happens to the rows of the others belongs to `synthetic_tenant.py`.
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
"""The share of the organization that is in any one group, since the sandbox has no directory of groups."""

USERS_FILTER = re.compile(r"""\$filter=(?P<name>\w+) eq '(?P<value>[^']*)'$""")


def in_scope(job: CopyJob, person: Person) -> bool:
    """Whether a person is a member of one of the groups, or selected by the users filter; everyone if neither is
    given.
    """
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
    """Whether a person is a member of one of the groups that the approval excludes."""
    return _is_member(person, job.deny_groups)


def _is_member(person: Person, groups: Iterable[str]) -> bool:
    return any(share(group, person.id) < GROUP_SHARE for group in groups)


@dataclass(frozen=True)
class _DirectoryEntry:
    """A person in the form that the directory's columns read."""

    person: Person
