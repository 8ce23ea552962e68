"""OneDrive's sync app on people's computers: the rows of OneDriveSyncHealth_v1 and OneDriveSyncErrors_v0.

What belongs here: which computers run the app, how it fares there, and the columns. The devices belong to
`device_rows.py`.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from o365_pipeline.sandbox.tenant.device_rows import Device, devices
from o365_pipeline.sandbox.tenant.organization import Organization, Person
from o365_pipeline.sandbox.tenant.row_format import Columns, Window, constant, opaque_id, share, utc_text

COMPUTERS = {"Windows": "Windows", "MacMDM": "Mac"}
"""What the app calls the systems that it runs on."""

VERSIONS = ("24.201.1006.0005", "24.211.1020.0001")
ERRORS = (
    (53, 0, 256, "There isn't enough space on this computer to sync this file."),
    (62, 0, 256, "You already have a file or folder with this name in the same location."),
    (72, 0, 256, "We couldn't merge the changes in an Office file"),
    (34, 30, 256, "We can't sync this item because the path is too long"),
)
"""Sync error, first and second kind of dialog, title; 34, 0 and 256 say that it is not of that kind."""


@dataclass(slots=True)
class SyncApp:
    """The app on one computer of one person."""

    device: Device
    until: dt.datetime

    @property
    def holder(self) -> Person:
        return self.device.holder

    @property
    def id(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"sync|{self.device.id}"))

    @property
    def reported(self) -> dt.datetime:
        return min(self.device.seen, self.until)

    @property
    def synced(self) -> dt.datetime:
        """An app with errors is behind."""
        return self.reported - dt.timedelta(days=4 * len(self.errors), minutes=int(share(self.id, "synced") * 600))

    @property
    def folders(self) -> list[int]:
        return [folder for folder in (1, 2, 3) if share(self.id, "folder", str(folder)) < 0.6]

    @property
    def errors(self) -> list[SyncError]:
        kinds = [kind for kind in range(len(ERRORS)) if share(self.id, "error", str(kind)) < 0.08]
        return [SyncError(self, kind) for kind in kinds]


@dataclass(slots=True)
class SyncError:
    """One type of error on one computer."""

    app: SyncApp
    kind: int

    @property
    def holder(self) -> Person:
        return self.app.holder

    @property
    def count(self) -> int:
        return 1 + int(share(self.app.id, "count", str(self.kind)) * 5)


def sync_apps(organization: Organization, window: Window) -> Iterator[SyncApp]:
    """Returns the app on each computer."""
    return (SyncApp(device, window.end) for device in devices(organization, window) if device.model[0] in COMPUTERS)


def sync_errors(organization: Organization, window: Window) -> Iterator[SyncError]:
    return (error for app in sync_apps(organization, window) for error in app.errors)


SYNC_HEALTH_COLUMNS: Columns = {
    "Id": lambda app: opaque_id("sync", app.id),
    "ODataType": constant("#microsoft.graph.oneDriveSyncHealth"),
    "OneDriveDeviceId": lambda app: app.id,
    "UserName": lambda app: app.holder.name,
    "UserEmail": lambda app: app.holder.mail,
    "DeviceName": lambda app: f"DEVICE-{app.device.id[:8].upper()}",
    "SyncAppVersion": lambda app: VERSIONS[share(app.id, "version") < 0.7],
    "SyncAppUpdateRing": lambda app: 4 if share(app.id, "ring") < 0.1 else 5,
    "OSName": lambda app: COMPUTERS[app.device.model[0]],
    "OSVersion": lambda app: app.device.model[1],
    "SyncAppBuildType": lambda app: "" if app.device.model[0] == "Windows" else "Standalone",
    "KFMOptInWithWizardGPOEnabled": constant(False),
    "KFMSilentOptInGPOEnabled": lambda app: app.device.number == 0,
    "KFMEnabledFolders": lambda app: app.folders,
    "KFMEnabledFolderCount": lambda app: len(app.folders),
    "LastSyncedTimestampUTC": lambda app: utc_text(app.synced),
    "LastStatusReportedTimestampUTC": lambda app: utc_text(app.reported),
    "TotalErrorCount": lambda app: sum(error.count for error in app.errors),
}

SYNC_ERROR_COLUMNS: Columns = {
    "Id": lambda error: opaque_id("sync", error.app.id, str(error.kind)),
    "ODataType": constant("#microsoft.graph.oneDriveSyncErrors"),
    "OneDriveDeviceId": lambda error: error.app.id,
    "SyncErrorId": lambda error: ERRORS[error.kind][0],
    "TaskDialogId1": lambda error: ERRORS[error.kind][1],
    "TaskDialogId2": lambda error: ERRORS[error.kind][2],
    "ErrorTitle": lambda error: ERRORS[error.kind][3],
    "ErrorDescription": constant("Open the OneDrive activity center and click the error to resolve the issue."),
    "ErrorCount": lambda error: error.count,
}
