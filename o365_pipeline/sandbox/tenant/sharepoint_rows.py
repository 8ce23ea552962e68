"""The rows of SharePoint's datasets: sites, permissions, groups and files on a day, and actions on files.

What belongs here: items and columns. The state on a day belongs to `sharepoint_sites.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from o365_pipeline.sandbox.tenant.organization import Organization, Person
from o365_pipeline.sandbox.tenant.row_format import Address, Columns, Window, constant, share, utc_text
from o365_pipeline.sandbox.tenant.sharepoint_sites import File, Sharing, Site, existing

NO_GUID = "00000000-0000-0000-0000-000000000000"
QUOTA = 27_487_790_694_400
EVERYONE = "Everyone except external users"
ROLES = (("Owners", "Full Control"), ("Members", "Edit"), ("Visitors", "Read"))
AGENTS = ("Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "Microsoft Office Word 2014", "OneDrive/24.206")


@dataclass(slots=True)
class SiteState:
    """A site on a day."""

    site: Site
    day: dt.date

    @property
    def sizes(self) -> tuple[int, int, int]:
        """The number of files, their bytes, and their bytes with all versions."""
        files = list(self.site.files(self.day))
        return (
            len(files),
            sum(file.size(self.day) for file in files),
            sum(file.size_with_versions(self.day) for file in files),
        )

    @property
    def changed(self) -> dt.datetime:
        made = dt.datetime.combine(self.site.created, dt.time(9), dt.UTC)
        return max((file.changed(self.day) for file in self.site.files(self.day)), default=made)


@dataclass(slots=True)
class FileState:
    """A file on a day."""

    file: File
    day: dt.date


@dataclass(slots=True)
class Grant:
    """A permission on a day, on a whole site or on one file."""

    site: Site
    day: dt.date
    role: str
    group_names: tuple[str, ...] = ()
    people: Sequence[Person] = ()
    outside: Sequence[Address] = ()
    is_open: bool = False
    sharing: Sharing | None = None


@dataclass(slots=True)
class SiteGroup:
    """A SharePoint group on a day: a site's group, or the people for whom a link works."""

    site: Site
    number: int
    name: str
    members: Sequence[Person]
    outside: Sequence[Address] = ()


@dataclass(slots=True)
class Action:
    """An action on a file."""

    file: File
    name: str
    at: dt.datetime
    actor: Person | None
    key: str


def site_states(organization: Organization, window: Window) -> Iterator[SiteState]:
    """Returns the sites on the window's last day."""
    day = window.end.date()
    return (SiteState(site, day) for site in existing(organization, day))


def file_states(organization: Organization, window: Window) -> Iterator[FileState]:
    day = window.end.date()
    return (FileState(file, day) for site in existing(organization, day) for file in site.files(day))


def grants(organization: Organization, window: Window) -> Iterator[Grant]:
    """Returns the permissions on whole sites, and on single files."""
    day = window.end.date()
    for site in existing(organization, day):
        if site.group:
            for title, role in ROLES:
                is_open = site.is_open and role == "Read"
                yield Grant(site, day, role, group_names=(f"{site.title} {title}",), is_open=is_open)
        else:
            yield Grant(site, day, "Full Control", people=site.members)
        for file in site.files(day):
            if sharing := file.shared(day):
                people, outside = sharing.people(day)
                yield Grant(site, day, sharing.role, people=people, outside=outside, sharing=sharing)


def site_groups(organization: Organization, window: Window) -> Iterator[SiteGroup]:
    """Returns owners, members and visitors of each group's site, and one group for each link for specific people."""
    day = window.end.date()
    for site in existing(organization, day):
        for file in site.files(day):
            sharing = file.shared(day)
            if sharing and sharing.link == "SpecificPeople":
                name = f"SharingLinks.{file.id}.Flexible.{site.guid('link', file.id)}"
                yield SiteGroup(site, 100 + file.number, name, *sharing.people(day))
        if site.group:
            people = (site.group.owners, site.group.members, ())
            for number, ((title, _), members) in enumerate(zip(ROLES, people, strict=True)):
                yield SiteGroup(site, 3 + number, f"{site.title} {title}", members)


def actions(organization: Organization, window: Window) -> Iterator[Action]:
    """Returns the actions on the window's days."""
    days = window.days(0, -1)
    for site in existing(organization, days[-1]):
        for file in site.files_ever(days[-1]):
            for day in days:
                if file.is_there(day):
                    yield from _actions(file, day)


def _actions(file: File, day: dt.date) -> Iterator[Action]:
    key = f"{file.key}|{day}"
    changed = file.changed(day)
    if changed.date() == day:
        name = "FileUploaded" if file.born == day else "FileModified"
        yield Action(file, name, changed, file.changed_by(day), f"{key}|change")
    idle = (day - changed.date()).days
    sharing = file.shared(day)
    readers: list[Person | None] = [*file.site.members[:10]]
    if sharing:
        people, _ = sharing.people(day)
        readers += [None] if sharing.link == "Anyone" else people
    likely = (0.05 if day.weekday() < 5 else 0.002) / (1 + idle / 30)
    for number, reader in enumerate(readers):
        luck = share(key, "reads", str(number))
        if luck < likely:
            name = "FileDownloaded" if luck < likely / 4 else "FileAccessed"
            yield Action(file, name, file.moment(day, f"reads {day} {number}"), reader, f"{key}|{number}")


def _person(person: Person | None) -> dict[str, object] | None:
    return {"AadObjectId": person.id, "Email": person.mail, "Name": person.name} if person else None


def _named(person: Person) -> dict[str, object]:
    return {"Email": person.mail, "Name": person.name}


def _label(name: str | None, site: Site) -> dict[str, object]:
    return {"DisplayName": name, "Id": site.guid("label", name)} if name else {}


def _root_web(state: SiteState) -> dict[str, object]:
    site = state.site
    return {
        "Id": site.guid("web"),
        "Title": site.title,
        "WebTemplate": site.template[0],
        "WebTemplateId": site.template[1],
        "LastItemModifiedDate": utc_text(state.changed),
    }


def _metrics(state: SiteState) -> dict[str, object]:
    count, size, with_versions = state.sizes
    return {
        "MetadataSize": 2_048 * count,
        "TotalFileCount": count,
        "TotalFileStreamSize": size,
        "TotalSize": with_versions,
    }


def _recipients(grant: Grant) -> list[dict[str, object]]:
    found: list[dict[str, object]] = [{"Type": "SharePointGroup", "Name": name} for name in grant.group_names]
    if grant.is_open:
        found.append({"Type": "SecurityGroup", "Name": EVERYONE})
    for person in grant.people:
        kind = "External" if person.is_guest else "Internal"
        named = {"Name": person.name, "Email": person.mail, "UPN": person.mail, "AadObjectId": person.id}
        found.append({"Type": kind, **named})
    found.extend({"Type": "External", "Name": one.name, "Email": one.mail} for one in grant.outside)
    return found


def _recipient_counts(grant: Grant) -> list[dict[str, object]]:
    kinds = [str(recipient["Type"]) for recipient in _recipients(grant)]
    return [{"Type": kind, "Count": kinds.count(kind)} for kind in dict.fromkeys(kinds)]


def _sharer(grant: Grant) -> dict[str, object] | None:
    if grant.sharing is None:
        return None
    author = grant.sharing.file.author
    return {"Type": "User", "Name": author.name, "Email": author.mail}


def _shared_at(grant: Grant) -> str | None:
    return utc_text(grant.sharing.file.moment(grant.sharing.begins, "share")) if grant.sharing else None


def _expires(grant: Grant) -> str | None:
    """Links for anyone expire; others are revoked at a time that nobody knows beforehand."""
    if grant.sharing is None or grant.sharing.link != "Anyone" or grant.sharing.ends is None:
        return None
    return f"{grant.sharing.ends}T00:00:00Z"


SITE_COLUMNS: Columns = {
    "Id": lambda state: state.site.id,
    "Url": lambda state: state.site.url,
    "RootWeb": _root_web,
    "WebCount": constant(1),
    "StorageQuota": constant(QUOTA),
    "StorageUsed": lambda state: state.sizes[2],
    "StorageMetrics": _metrics,
    "GroupId": lambda state: state.site.group.id if state.site.group else NO_GUID,
    "GeoLocation": constant("EUR"),
    "IsInRecycleBin": constant(False),
    "IsTeamsConnectedSite": lambda state: bool(state.site.group and state.site.group.channels),
    "IsTeamsChannelSite": constant(False),
    "TeamsChannelType": constant("None"),
    "IsHubSite": constant(False),
    "HubSiteId": constant(NO_GUID),
    "BlockAccessFromUnmanagedDevices": constant(False),
    "BlockDownloadOfAllFilesOnUnmanagedDevices": constant(False),
    "BlockDownloadOfViewableFilesOnUnmanagedDevices": constant(False),
    "ShareByEmailEnabled": constant(True),
    "ShareByLinkEnabled": lambda state: state.site.label != "Highly Confidential",
    "SensitivityLabelInfo": lambda state: _label(state.site.label, state.site),
    "Classification": lambda state: state.site.label,
    "IBMode": constant("Open"),
    "Owner": lambda state: _person(state.site.owner) or {},
    "SecondaryContact": constant({}),
    "ReadLocked": constant(False),
    "ReadOnly": constant(False),
    "CreatedTime": lambda state: f"{state.site.created}T09:00:00Z",
    "LastSecurityModifiedDate": lambda state: f"{state.site.created}T09:05:00Z",
}

FILE_COLUMNS: Columns = {
    "SiteId": lambda state: state.file.site.id,
    "Author": lambda state: _named(state.file.author),
    "DirName": lambda state: state.file.folder,
    "Extension": lambda state: state.file.extension,
    "FileName": lambda state: state.file.name,
    "IsLabelEncrypted": lambda state: state.file.label == "Highly Confidential",
    "ItemId": lambda state: state.file.id,
    "ListId": lambda state: state.file.site.guid("list"),
    "ListServerTemplate": constant("DocumentLibrary"),
    "MajorVersion": lambda state: 1 + state.file.changes(state.day),
    "MinorVersion": constant(0),
    "ModifiedBy": lambda state: _named(state.file.changed_by(state.day)),
    "ScopeId": lambda state: _scope(state.file.site, state.file.shared(state.day)),
    "SensitivityLabelInfo": lambda state: _label(state.file.label, state.file.site),
    "SiteUrl": lambda state: state.file.site.url,
    "SizeInBytes": lambda state: state.file.size(state.day),
    "SizeInBytesWithVersions": lambda state: state.file.size_with_versions(state.day),
    "TimeCreated": lambda state: utc_text(state.file.made),
    "TimeLastModified": lambda state: utc_text(state.file.changed(state.day)),
    "WebId": lambda state: state.file.site.guid("web"),
    "WebTemplateId": lambda state: state.file.site.template[1],
}


def _scope(site: Site, sharing: Sharing | None) -> str:
    """Each file that is shared by itself has a permission scope of its own."""
    return site.guid("scope", sharing.file.id) if sharing else site.guid("scope")


PERMISSION_COLUMNS: Columns = {
    "SiteId": lambda grant: grant.site.id,
    "WebId": lambda grant: grant.site.guid("web"),
    "ListId": lambda grant: grant.site.guid("list") if grant.sharing else None,
    "ItemType": lambda grant: "File" if grant.sharing else "Site",
    "ItemURL": lambda grant: grant.sharing.file.path if grant.sharing else grant.site.path,
    "FileExtension": lambda grant: grant.sharing.file.extension if grant.sharing else None,
    "RoleDefinition": lambda grant: grant.role,
    "LinkId": lambda grant: (
        grant.site.guid("link", grant.sharing.file.id) if grant.sharing and grant.sharing.link else None
    ),
    "ScopeId": lambda grant: _scope(grant.site, grant.sharing),
    "LinkScope": lambda grant: grant.sharing.link if grant.sharing else None,
    "SharedWithCount": _recipient_counts,
    "SharedWith": _recipients,
    "ShareCreatedBy": _sharer,
    "ShareCreatedTime": _shared_at,
    "ShareLastModifiedBy": _sharer,
    "ShareLastModifiedTime": _shared_at,
    "ShareExpirationTime": _expires,
}

SITE_GROUP_COLUMNS: Columns = {
    "SiteId": lambda group: group.site.id,
    "GroupId": lambda group: group.number,
    "GroupType": constant("SharePointGroup"),
    "DisplayName": lambda group: group.name,
    "Description": constant(""),
    "Owner": lambda group: _person(group.site.owner),
    "Members": lambda group: [
        *({"Type": "User", **(_person(person) or {})} for person in group.members),
        *({"Type": "User", "Name": address.name, "Email": address.mail} for address in group.outside),
    ],
}

ACTION_COLUMNS: Columns = {
    "ActionDate": lambda action: utc_text(action.at),
    "ActionName": lambda action: action.name,
    "ActorDisplayName": lambda action: action.actor.name if action.actor else None,
    "ActorEmail": lambda action: action.actor.mail if action.actor else None,
    "ActorIdType": lambda action: "AAD" if action.actor else "Anonymous",
    "ActorType": constant("User"),
    "ClientIP": lambda action: f"192.0.2.{1 + int(share(action.key, 'ip') * 250)}",
    "ItemExtension": lambda action: action.file.extension,
    "ItemName": lambda action: action.file.name,
    "ItemURL": lambda action: action.file.path,
    "ListId": lambda action: action.file.site.guid("list"),
    "ListItemId": lambda action: action.file.id,
    "SiteId": lambda action: action.file.site.id,
    "SiteUrl": lambda action: action.file.site.url,
    "UserAgent": lambda action: AGENTS[int(share(action.key, "agent") * len(AGENTS))],
    "WebId": lambda action: action.file.site.guid("web"),
    "WebTemplateId": lambda action: str(action.file.site.template[1]),
    "SnapshotDate": lambda action: f"{action.at.date()}T00:00:00Z",
}
