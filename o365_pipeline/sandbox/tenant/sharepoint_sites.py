"""Synthetic SharePoint: the sites of groups and people, their files and how these are shared, on any day.

What belongs here: the state on a day. It follows from the day alone, so that two states can be compared. Rows belong to
`sharepoint_rows.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from o365_pipeline.sandbox.tenant.groups import Group, groups, guid
from o365_pipeline.sandbox.tenant.organization import Organization, Person, chance
from o365_pipeline.sandbox.tenant.row_format import Address, share

EXTENSIONS = ("docx", "docx", "xlsx", "xlsx", "pptx", "pdf", "pdf", "txt", "jpg", "mp4")
SUBJECTS = ("Plan", "Budget", "Contract", "Report", "Minutes", "Overview", "Photos", "Offer", "Recording", "Notes")
SHARED = 0.16
"""The share of files that are shared with more people than those who may see the whole site."""

LABELS = (None, None, "General", "Confidential", "Highly Confidential")


@dataclass(frozen=True)
class Site:
    """One site: of a group, or a person's OneDrive."""

    organization: Organization
    key: str
    title: str
    path: str
    template: tuple[str, int]
    created: dt.date
    owner: Person | None
    members: tuple[Person, ...]
    group: Group | None = None
    pace: int = 30
    """A file is created once in this many days."""

    asleep_from: dt.date | None = None
    """From this day on nothing happens in the site."""

    label: str | None = None
    is_open: bool = False
    """Whether everyone except external users may read it."""

    @property
    def id(self) -> str:
        return self.guid("site")

    @property
    def url(self) -> str:
        return f"{self.root}/{self.path}"

    @property
    def root(self) -> str:
        host = self.organization.domain.partition(".")[0]
        return f"https://{host}{'' if self.group else '-my'}.sharepoint.example"

    def guid(self, *parts: str) -> str:
        return guid(self.organization, "site", self.key, *parts)

    def files(self, day: dt.date) -> Iterator[File]:
        """Returns the files that exist at the end of a day."""
        return (file for file in self.files_ever(day) if file.is_there(day))

    def files_ever(self, day: dt.date) -> Iterator[File]:
        """Returns the files created up to a day."""
        last = min(day, self.asleep_from or day)
        return (File(self, number) for number in range((last - self.created).days // self.pace + 1))


@dataclass(frozen=True)
class File:
    """One file of a site, by its number."""

    site: Site
    number: int

    @cached_property
    def key(self) -> str:
        return f"{self.site.key}|{self.site.organization.seed}|{self.number}"

    @cached_property
    def born(self) -> dt.date:
        return self.site.created + dt.timedelta(days=self.number * self.site.pace)

    def is_there(self, day: dt.date) -> bool:
        return self.born <= day and (self.deleted is None or day < self.deleted)

    @cached_property
    def deleted(self) -> dt.date | None:
        if share(self.key, "is deleted") > 0.08:
            return None
        return self.born + dt.timedelta(days=5 + int(share(self.key, "deleted") * 300))

    @property
    def id(self) -> str:
        return self.site.guid("file", str(self.number))

    @cached_property
    def author(self) -> Person:
        return self.site.members[int(share(self.key, "author") * len(self.site.members))]

    @property
    def extension(self) -> str:
        return EXTENSIONS[int(share(self.key, "extension") * len(EXTENSIONS))]

    @property
    def name(self) -> str:
        subject = SUBJECTS[int(share(self.key, "subject") * len(SUBJECTS))]
        return f"{subject} {self.number + 1}.{self.extension}"

    @property
    def path(self) -> str:
        return f"{self.site.path}/{self.folder}/{self.name}"

    @property
    def folder(self) -> str:
        return f"Documents/{self.born.year}"

    @property
    def label(self) -> str | None:
        return self.site.label if share(self.key, "label") < 0.4 else None

    def changes(self, day: dt.date) -> int:
        """Returns how often it was changed up to a day; a file is edited for some time, then left alone."""
        until = min(day, self._last_worked_on)
        return max((until - self.born).days, 0) // self._rhythm

    def changed(self, day: dt.date) -> dt.datetime:
        """Returns when it was last changed, up to a day."""
        number = self.changes(day)
        return self.moment(self.born + dt.timedelta(days=number * self._rhythm), f"change {number}")

    @property
    def made(self) -> dt.datetime:
        return self.moment(self.born, "change 0")

    def changed_by(self, day: dt.date) -> Person:
        chosen = share(self.key, "editor", str(self.changes(day)))
        return self.author if chosen < 0.5 else self.site.members[int(chosen * len(self.site.members))]

    def size(self, day: dt.date) -> int:
        largest = 400_000_000 if self.extension == "mp4" else 4_000_000
        return int(20_000 + share(self.key, "size") ** 3 * largest) + 1_000 * self.changes(day)

    def size_with_versions(self, day: dt.date) -> int:
        return self.size(day) * (1 + min(self.changes(day), 50)) + 2_048

    def moment(self, day: dt.date, what: str) -> dt.datetime:
        """Returns a moment of that day in working hours."""
        seconds = int((7 + 11 * share(self.key, what)) * 3600)
        return dt.datetime.combine(day, dt.time(), dt.UTC) + dt.timedelta(seconds=seconds)

    def shared(self, day: dt.date) -> Sharing | None:
        """Returns how it is shared at the end of a day, with more people than those who may see the whole site."""
        sharing = self._sharing
        if sharing is None:
            return None
        return sharing if sharing.begins <= day and (sharing.ends is None or day < sharing.ends) else None

    @cached_property
    def _sharing(self) -> Sharing | None:
        kind = share(self.key, "sharing") / SHARED
        return Sharing(self, kind) if kind < 1 else None

    @cached_property
    def _last_worked_on(self) -> dt.date:
        last = self.born + dt.timedelta(days=int(share(self.key, "life") ** 2 * 400))
        return min(last, self.site.asleep_from or last)

    @cached_property
    def _rhythm(self) -> int:
        return 2 + int(share(self.key, "rhythm") * 40)


@dataclass(frozen=True)
class Sharing:
    """How one file is shared: by a link, or with people directly."""

    file: File
    kind: float

    @property
    def link(self) -> str | None:
        """For whom the link works; None if there is none."""
        if self.kind < 0.15:
            return "Anyone"
        if self.kind < 0.5:
            return "Organization"
        return "SpecificPeople" if self.kind < 0.85 else None

    @cached_property
    def begins(self) -> dt.date:
        return self.file.born + dt.timedelta(days=int(share(self.file.key, "shared on") * 200))

    @cached_property
    def ends(self) -> dt.date | None:
        """When it expires or is revoked."""
        if share(self.file.key, "is taken back") > (0.5 if self.link == "Anyone" else 0.2):
            return None
        return self.begins + dt.timedelta(days=10 + int(share(self.file.key, "taken back") * 170))

    @property
    def role(self) -> str:
        return "Contribute" if share(self.file.key, "role") < 0.4 else "Read"

    def people(self, day: dt.date) -> tuple[list[Person], list[Address]]:
        """Returns the colleagues, guests and outsiders with whom it is shared on a day; there may be more of them
        later.
        """
        if self.link in ("Anyone", "Organization"):
            return [], []
        organization = self.file.site.organization
        random = chance(self.file.key, "people")
        count = 1 + random.randrange(3) + (day - self.begins).days // 150
        inside = organization.colleagues(self.file.author, random, count)
        guests = [person for person in organization.people if person.is_guest]
        if guests and random.random() < 0.3:
            inside.append(random.choice(guests))
        outside = [random.choice(organization.outsiders)] if random.random() < 0.35 else []
        return inside, outside


@lru_cache(maxsize=16)
def sites(organization: Organization) -> tuple[Site, ...]:
    """Returns the sites of all Microsoft 365 groups, and a OneDrive for each mailbox in use."""
    found = [_group_site(organization, group) for group in groups(organization) if not group.is_security]
    return (*found, *(_one_drive(organization, person) for person in organization.active))


def existing(organization: Organization, day: dt.date) -> Iterator[Site]:
    """Returns the sites that exist at the end of a day."""
    return (site for site in sites(organization) if site.created <= day)


def _group_site(organization: Organization, group: Group) -> Site:
    random = organization.random("site", group.name)
    created, pace = group.created.date(), random.randrange(6, 40)
    asleep_from = created + dt.timedelta(days=random.randrange(200, 700)) if random.random() < 0.25 else None
    return Site(
        organization=organization,
        key=f"group {group.name}",
        title=group.name,
        path=f"sites/{group.alias}",
        template=("Group", 64),
        created=created,
        owner=group.owners[0] if group.owners else None,
        members=tuple(person for person in group.members if person.has_mailbox),
        group=group,
        pace=pace,
        asleep_from=asleep_from,
        label=random.choice(LABELS),
        is_open=group.is_public or random.random() < 0.15,
    )


def _one_drive(organization: Organization, person: Person) -> Site:
    random = organization.random("drive", person.number)
    created = person.created.date() + dt.timedelta(days=1)
    return Site(
        organization=organization,
        key=f"person {person.id}",
        title=person.name,
        path=f"personal/{person.mail.replace('@', '_').replace('.', '_')}",
        template=("SPSPERS", 21),
        created=created,
        owner=person,
        members=(person,),
        pace=random.randrange(20, 120),
        asleep_from=created + dt.timedelta(days=random.randrange(300, 900)) if random.random() < 0.2 else None,
    )
