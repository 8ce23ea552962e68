"""The rows of SharePointFileActions_v1: what people did with files on a day.

What belongs here: which actions there are, and their columns. The files belong to `sharepoint_sites.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from o365_pipeline.sandbox.tenant.organization import Organization, Person
from o365_pipeline.sandbox.tenant.row_format import Columns, Window, constant, share, utc_text
from o365_pipeline.sandbox.tenant.sharepoint_sites import File, existing

AGENTS = ("Mozilla/5.0 (Windows NT 10.0; Win64; x64)", "Microsoft Office Word 2014", "OneDrive/24.206")


@dataclass(slots=True)
class Action:
    """An action on a file."""

    file: File
    name: str
    at: dt.datetime
    actor: Person | None
    key: str


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
