"""Devices and licenses: what people work with.

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
