"""Devices, their OneDrive sync apps, and licenses: what people work with.

What belongs here: grain, columns, types and keys. The SQL that fills a table is in `sql/`, under its name.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.database.database import timestamp
from o365_pipeline.mart.tables.columns import count, exact_unicode, extraction_id, person_id, table

dim_device = table(
    "dim_device",
    "One row per device that somebody owns or has registered",
    ("device_id",),
    sa.Column("device_id", exact_unicode(100), comment="Entra object id of the device"),
    person_id("owner_id", "Who owns it, else the first who registered it; a person of dim_person"),
    sa.Column("is_owned", sa.Boolean, nullable=False, comment="True where it is among the owned devices"),
    count("people", "People who own it or have registered it"),
    sa.Column("operating_system", sa.Unicode(64), comment="Windows, iOS, Android, ..."),
    sa.Column("operating_system_version", sa.Unicode(64), comment="Version of the operating system"),
    sa.Column("manufacturer", sa.Unicode(256), comment="Manufacturer"),
    sa.Column("model", sa.Unicode(256), comment="Model"),
    sa.Column("ownership", sa.Unicode(64), comment="company, personal or unknown"),
    sa.Column("trust_type", sa.Unicode(64), comment="Workplace, AzureAd or ServerAd"),
    sa.Column("management_type", sa.Unicode(64), comment="What manages it: mdm, eas, ..."),
    sa.Column("is_enabled", sa.Boolean, comment="True where it may sign in"),
    sa.Column("is_compliant", sa.Boolean, comment="True where it meets the organization's policies"),
    sa.Column("is_managed", sa.Boolean, comment="True where a device management manages it"),
    sa.Column("is_rooted", sa.Boolean, comment="True where it is rooted or jailbroken"),
    sa.Column("registered_at", timestamp(), comment="When it was registered, UTC"),
    sa.Column("last_sign_in_at", timestamp(), comment="When it signed in last, roughly, UTC"),
    extraction_id(),
)


def _sync_app_id() -> sa.Column[str]:
    return sa.Column("sync_app_id", sa.String(64), comment="Hash of the sync app's own id of the device and its user")


dim_sync_app = table(
    "dim_sync_app",
    "One row per OneDrive sync app that reports: a device, and its user",
    ("sync_app_id",),
    _sync_app_id(),
    sa.Column("sync_device_id", exact_unicode(100), comment="The app's own id of the device; not Entra's"),
    person_id("person_id", "Whose app it is; a person of dim_person"),
    sa.Column("app_version", sa.Unicode(64), comment="Version of the app"),
    sa.Column("update_ring", sa.Unicode(64), comment="Ring of updates: insiders, production, deferred, or its number"),
    sa.Column("build_type", sa.Unicode(64), comment="How the app was built, on Mac alone"),
    sa.Column("operating_system", sa.Unicode(64), comment="Windows or Mac"),
    sa.Column("operating_system_version", sa.Unicode(64), comment="Version of the operating system"),
    sa.Column("backs_up_documents", sa.Boolean, comment="True where the folder Documents is backed up"),
    sa.Column("backs_up_pictures", sa.Boolean, comment="True where the folder Pictures is backed up"),
    sa.Column("backs_up_desktop", sa.Boolean, comment="True where the folder Desktop is backed up"),
    sa.Column("backup_folders", sa.Integer, comment="Known folders that are backed up"),
    sa.Column("is_backup_asked_for", sa.Boolean, comment="True where a policy asks the user to back folders up"),
    sa.Column("is_backup_enforced", sa.Boolean, comment="True where a policy backs folders up without asking"),
    sa.Column("reported_at", timestamp(), comment="When the app last reported, UTC"),
    sa.Column("synced_at", timestamp(), comment="When the app last was up to date, UTC"),
    sa.Column("unsynced_days", sa.Integer, comment="Days from when it last was up to date to the day"),
    sa.Column("errors", sa.Integer, comment="Errors that the user has on the device"),
    extraction_id(),
)

fact_sync_error = table(
    "fact_sync_error",
    "One row per OneDrive sync app and type of error that it reported in the last 30 days",
    ("sync_error_id",),
    sa.Column("sync_error_id", sa.String(64), comment="Hash of the app and the error's numbers"),
    _sync_app_id(),
    person_id("person_id", "Whose app it is; a person of dim_person"),
    sa.Column("kind", sa.String(20), comment="sync or dialog: where the user sees the error; null where not known"),
    sa.Column("error_number", sa.BigInteger, comment="Number of the error within its kind"),
    sa.Column("title", sa.Unicode(400), comment="The error as the app called it, in the user's language"),
    count("errors", "How many of this type the device reported"),
    extraction_id(),
)

bridge_person_license = table(
    "bridge_person_license",
    "One row per person and product that the person has a license of",
    ("person_id", "sku_id"),
    person_id("person_id", "The person in dim_person"),
    sa.Column("sku_id", exact_unicode(100), comment="Id of the product; its part number where there is none"),
    sa.Column(
        "sku_part_number", sa.Unicode(100), comment="SPE_E5, ...; null where only the user's row names the product"
    ),
    sa.Column(
        "plan_count", sa.Integer, comment="Service plans in the license; null where only the user's row names it"
    ),
    extraction_id(),
)
