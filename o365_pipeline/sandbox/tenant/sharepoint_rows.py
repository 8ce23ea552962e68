"""The rows of SharePoint's datasets that tell of a state: sites, permissions, groups and files on a day.

What belongs here: items and columns. The state on a day belongs to `sharepoint_sites.py`; actions on files belong to
`file_action_rows.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from o365_pipeline.sandbox.tenant.organization import Organization, Person
from o365_pipeline.sandbox.tenant.row_format import Address, Columns, Window, constant, opaque_id, share, utc_text
from o365_pipeline.sandbox.tenant.sharepoint_sites import File, Sharing, Site, existing

NO_GUID = "00000000-0000-0000-0000-000000000000"
QUOTA = 27_487_790_694_400
ARCHIVED = 0.5
"""The share of the sites that fell asleep that are archived."""

IN_RECYCLE_BIN = 93
"""Days that a deleted file stays in the recycle bin."""

EVERYONE = "Everyone except external users"
ROLES = (("Owners", "Full Control"), ("Members", "Edit"), ("Visitors", "Read"))


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

    @property
    def archived(self) -> dt.date | None:
        """Returns when it was archived: half a year after it fell asleep, for some sites."""
        asleep_from = self.site.asleep_from
        if asleep_from is None or share(self.site.key, "is archived") > ARCHIVED:
            return None
        archived = asleep_from + dt.timedelta(days=180)
        return archived if archived <= self.day else None

    @property
    def deleted(self) -> list[File]:
        """Returns the files in the recycle bin, where they stay for 93 days."""
        files = self.site.files_ever(self.day)
        return [file for file in files if file.deleted and 0 <= (self.day - file.deleted).days < IN_RECYCLE_BIN]


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


def _person(person: Person | None) -> dict[str, object] | None:
    return {"AadObjectId": person.id, "Email": person.mail, "Name": person.name} if person else None


def _named(person: Person) -> dict[str, object]:
    return {"Email": person.mail, "Name": person.name}


def _label(name: str | None, site: Site) -> dict[str, object]:
    return {"DisplayName": name, "Id": site.guid("label", name)} if name else {}


def _archive_state(state: SiteState) -> str:
    """A site can be brought back at once for a week."""
    if state.archived is None:
        return "NotArchived"
    return "RecentlyArchived" if (state.day - state.archived).days < 7 else "FullyArchived"


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
    "ArchiveState": _archive_state,
    "SiteArchivedBy": lambda state: state.site.owner.mail if state.archived and state.site.owner else None,
    "SiteArchivedTime": lambda state: f"{state.archived}T18:00:00Z" if state.archived else None,
    "RecycleBinItemCount": lambda state: len(state.deleted),
    "RecycleBinItemSize": lambda state: sum(file.size(state.day) for file in state.deleted),
    "IsCommunicationSite": constant(False),
    "IsOneDrive": lambda state: state.site.group is None,
    "Privacy": lambda state: ("Public" if state.site.group.is_public else "Private") if state.site.group else None,
    "LastUserAccessDate": lambda state: utc_text(state.changed),
    "LastContentChange": lambda state: utc_text(state.changed),
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
    "QuickXorHash": lambda state: opaque_id("", state.file.key, str(state.file.changes(state.day))),
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
    "ListItemId": lambda grant: 1 + grant.sharing.file.number if grant.sharing else None,
    "UniqueId": lambda grant: grant.sharing.file.id if grant.sharing else None,
    "FileExtension": lambda grant: grant.sharing.file.extension if grant.sharing else None,
    "RoleDefinition": lambda grant: grant.role,
    "LinkId": lambda grant: (
        grant.site.guid("link", grant.sharing.file.id) if grant.sharing and grant.sharing.link else None
    ),
    "ScopeId": lambda grant: _scope(grant.site, grant.sharing),
    "LinkScope": lambda grant: grant.sharing.link if grant.sharing else None,
    "SharedWithCount": _recipient_counts,
    "SharedWith": _recipients,
    "TotalUserCount": lambda grant: len(grant.people) + len(grant.outside),
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
