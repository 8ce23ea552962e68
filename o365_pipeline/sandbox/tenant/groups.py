"""Synthetic groups: departments, teams of a manager, projects with guests, the whole company, security groups.

What belongs here: which groups there are, their owners and members, and a team's channels. Their rows belong to
`group_rows.py`, their sites belong to `sharepoint_sites.py`.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from functools import lru_cache

from o365_pipeline.sandbox.tenant.organization import Organization, Person
from o365_pipeline.sandbox.tenant.row_format import share

PROJECTS = ("Apollo", "Borealis", "Cascade", "Delta", "Ember")
CHANNELS = ("Announcements", "Planning", "Customers", "Questions", "Reports")
COMPANY, SECURITY = "All Company", "VPN Users"
SMALLEST_TEAM = 2


@dataclass(frozen=True)
class Channel:
    """A channel of a team."""

    id: str
    name: str
    created: dt.datetime
    membership: str = "standard"


@dataclass(frozen=True)
class Group:
    """One Microsoft 365 group, or a security group."""

    number: int
    id: str
    name: str
    alias: str
    mail: str
    owners: tuple[Person, ...]
    members: tuple[Person, ...]
    created: dt.datetime
    is_public: bool = False
    is_security: bool = False
    channels: tuple[Channel, ...] = ()
    """Empty if the group is not a team."""

    @property
    def holder(self) -> Group:
        """The owner of a row that describes the group itself."""
        return self


@lru_cache(maxsize=16)
def groups(organization: Organization) -> tuple[Group, ...]:
    """Returns the organization's groups; the same for the same people."""
    head = organization.people[0]
    found = [_group(organization, 0, COMPANY, (head,), organization.active, is_public=True)]
    for name, people in organization.departments.items():
        if people:
            found.append(_group(organization, len(found), name, people[:1], people, is_team=True))
    for number, team in organization.teams.items():
        if len(team) >= SMALLEST_TEAM:
            manager = organization.people[number]
            is_team = share(organization.seed, "team", str(number)) < 0.6
            people = (manager, *team)
            found.append(_group(organization, len(found), f"Team {number}", (manager,), people, is_team=is_team))
    guests = tuple(person for person in organization.people if person.is_guest)
    for name in PROJECTS:
        random = organization.random("project", name)
        owner = random.choice(organization.active)
        others = organization.colleagues(owner, random, random.randint(3, 9))
        invited = tuple(random.sample(guests, min(len(guests), random.randint(0, 2))))
        is_public = random.random() < 0.3
        # A project whose owner left has none.
        owners = () if random.random() < 0.15 else (owner,)
        people = (owner, *others, *invited)
        found.append(
            _group(organization, len(found), f"Project {name}", owners, people, is_public=is_public, is_team=True)
        )
    found.append(_group(organization, len(found), SECURITY, (head,), organization.active, is_security=True))
    return tuple(found)


def _group(
    organization: Organization,
    number: int,
    name: str,
    owners: tuple[Person, ...],
    members: tuple[Person, ...],
    *,
    is_public: bool = False,
    is_security: bool = False,
    is_team: bool = False,
) -> Group:
    alias = name.lower().replace(" ", "-")
    random = organization.random("group", name)
    created = dt.datetime(2021, 2, 1, 10, tzinfo=dt.UTC) + dt.timedelta(days=random.randrange(1400))
    return Group(
        number=number,
        id=guid(organization, "group", name),
        name=name,
        alias=alias,
        mail=f"{alias}@{organization.domain}",
        owners=owners,
        members=members,
        created=created,
        is_public=is_public,
        is_security=is_security,
        channels=_channels(organization, name, created) if is_team else (),
    )


def _channels(organization: Organization, group: str, created: dt.datetime) -> tuple[Channel, ...]:
    random = organization.random("channels", group)
    more = random.sample(CHANNELS, random.randint(0, 3))
    return tuple(
        Channel(
            id=f"19:{guid(organization, 'channel', group, name).replace('-', '')}@thread.tacv2",
            name=name,
            created=created + dt.timedelta(days=number * 9),
            membership="private" if number == 3 else "standard",
        )
        for number, name in enumerate(["General", *more])
    )


def guid(organization: Organization, *parts: str) -> str:
    """Makes a GUID that is the same for the same organization and parts."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "|".join((organization.seed, *parts))))
