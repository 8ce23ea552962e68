"""SharePoint and OneDrive: sites, who may see what in them, what is done with files, what storage holds.

What belongs here: grain, columns, types and keys. The SQL that fills a table is in `sql/`, under its name.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.database.database import timestamp
from o365_pipeline.mart.tables.columns import address, count, date_key, exact_unicode, extraction_id, person_id, table


def _guid(name: str, comment: str) -> sa.Column[str]:
    return sa.Column(name, exact_unicode(100), comment=comment)


def _hash(name: str, comment: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(64), comment=comment)


def _bytes(name: str, comment: str, nullable: bool = True) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable, comment=comment)


def _flag(name: str, comment: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, comment=comment)


dim_site = table(
    "dim_site",
    "One row per site that there is as of the day, OneDrives among them: the last full snapshot and the changes since",
    ("site_id",),
    _guid("site_id", "Id of the site"),
    sa.Column("url", sa.Unicode(1000), comment="Address of the site"),
    sa.Column("title", sa.Unicode(256), comment="Title of its root web"),
    sa.Column("template", exact_unicode(64), comment="Template of its root web: GROUP, STS, SPSPERS, ..."),
    _flag("is_personal", "True for somebody's OneDrive"),
    _flag("is_communication", "True for a communication site; null where that is not known"),
    sa.Column("privacy", sa.Unicode(64), comment="Public or Private: who may join, as far as the site says"),
    _guid("group_id", "Microsoft 365 group that it belongs to"),
    _flag("is_teams_connected", "True where a team works in it"),
    _flag("is_teams_channel", "True for the site of a private or shared channel"),
    _guid("hub_site_id", "Hub site that it is associated with"),
    sa.Column("sensitivity_label", exact_unicode(256), comment="Name of its sensitivity label"),
    _guid("sensitivity_label_id", "Id of its sensitivity label"),
    sa.Column("classification", exact_unicode(256), comment="Classification, the older way to label"),
    _flag("is_in_recycle_bin", "True where the site was deleted and can be restored"),
    sa.Column("archive_state", sa.Unicode(64), comment="NotArchived, RecentlyArchived, FullyArchived, Reactivating"),
    _flag("is_archived", "True where it is archived; null where that is not known"),
    sa.Column("archived_at", timestamp(), comment="When it was archived, UTC"),
    _flag("share_by_link_enabled", "True where it may be shared by links"),
    _flag("share_by_email_enabled", "True where it may be shared by mail"),
    _flag("is_read_only", "True while nothing in it can be changed"),
    person_id("owner_id", "Its owner; null for groups and outsiders"),
    address("owner_address", "Address of its owner, a person or a group, lower case"),
    count("owner_count", "Owners that it names: the owner and the secondary contact, 0 to 2"),
    sa.Column("created_at", timestamp(), comment="When it was created, UTC"),
    sa.Column("last_modified_at", timestamp(), comment="When something in its root web was last changed, UTC"),
    sa.Column("content_changed_at", timestamp(), comment="When content in any of its webs was last changed, UTC"),
    sa.Column("last_accessed_at", timestamp(), comment="When a user last opened something in it, UTC"),
    sa.Column("age_days", sa.Integer, comment="Days from its creation to the day"),
    sa.Column(
        "inactive_days", sa.Integer, comment="Days from the last change, of content or in the root web, to the day"
    ),
    sa.Column("unvisited_days", sa.Integer, comment="Days from the last access to the day"),
    sa.Column("web_count", sa.Integer, comment="Webs in it, its root web among them"),
    _bytes("file_count", "Files in it"),
    _bytes("quota_bytes", "Storage that it may use"),
    _bytes("used_bytes", "Storage that it uses, the recycle bin with it"),
    _bytes("total_bytes", "Size of its files: metadata, all versions, recycle bin"),
    _bytes("file_bytes", "Size of the latest version of its files"),
    _bytes("metadata_bytes", "Size of the metadata"),
    _bytes("version_bytes", "What is left of total_bytes: earlier versions and the recycle bin; never negative"),
    sa.Column("told_on", sa.Date, comment="The snapshot or change that tells this"),
    extraction_id(),
)


def _permission_id() -> sa.Column[str]:
    return _hash("permission_id", "Hash of site, item type, scope, role and link, which identify a permission")


fact_sharing_link = table(
    "fact_sharing_link",
    "One row per permission that the day's rows tell of, by link or direct: the history of changes. What there is as "
    "of the day is counted in agg_site_exposure",
    ("permission_id",),
    _permission_id(),
    sa.Column(
        "operation", sa.String(20), nullable=False, comment="Full in a full snapshot; else Created, Updated or Deleted"
    ),
    _guid("site_id", "The site in dim_site"),
    _guid("web_id", "Web within the site"),
    _guid("list_id", "List or library within the web"),
    _guid("scope_id", "What shares one set of permissions; joins with the files of the lake"),
    _guid("link_id", "The sharing link; null for a permission that was granted directly"),
    sa.Column("link_scope", sa.Unicode(64), comment="Anyone, Organization or SpecificPeople; null without a link"),
    sa.Column("role", sa.Unicode(256), comment="What it allows: Read, Contribute, Edit, FullControl, ..."),
    sa.Column("item_type", sa.Unicode(64), comment="What is shared, in SharePoint's words"),
    sa.Column("level", sa.Unicode(64), comment="Where in the site that is: Site, Web, List, Folder or File"),
    _hash("item_id", "Hash of the item's address in lower case: the address would name files"),
    sa.Column("depth", sa.Integer, comment="Parts of the item's address, from the host on"),
    sa.Column("extension", exact_unicode(64), comment="File extension, lower case, without a dot"),
    count("internal_count", "People of the organization that it was granted to"),
    count("guest_count", "Guests that it was granted to"),
    count("security_group_count", "Groups of Entra that it was granted to, claims such as Everyone among them"),
    count("sharepoint_group_count", "SharePoint groups that it was granted to"),
    person_id("created_by_id", "Who shared it; null for outsiders"),
    address("created_by_address", "Address of who shared it, lower case"),
    sa.Column("created_at", timestamp(), comment="When it was shared, UTC"),
    sa.Column("modified_at", timestamp(), comment="When the share was last changed, UTC"),
    sa.Column("expires_at", timestamp(), comment="When the link ends, UTC"),
    extraction_id(),
)


bridge_sharing_grantee = table(
    "bridge_sharing_grantee",
    "One row per permission that the day's rows tell of and grantee: a person, a guest, a group",
    ("permission_id", "grantee_id"),
    _permission_id(),
    _hash("grantee_id", "Hash of the grantee's address, or else of the object id, sign-in name or group name"),
    sa.Column(
        "kind", sa.String(20), nullable=False, comment="internal, guest, security_group, sharepoint_group or other"
    ),
    address("address", "Address of the grantee, lower case; null for SharePoint groups and claims"),
    person_id("person_id", "Who it is; null for outsiders and groups"),
    _guid("object_id", "Entra object id of the person or group"),
    sa.Column("group_name", sa.Unicode(256), comment="Name of the group; null for people"),
    _flag("is_guest", "True for people of other organizations"),
    sa.Column("domain", exact_unicode(256), comment="Domain of the grantee's own address, lower case"),
    sa.Column("user_count", sa.BigInteger, comment="People in the group, nested groups expanded; 1 for a person"),
    _flag("is_everyone_except_external", "True for the claim that holds all members of the organization"),
    _flag("is_everyone", "True for claims that can hold guests too: Everyone, All users"),
    extraction_id(),
)


fact_file_action = table(
    "fact_file_action",
    "One row per action on a file in SharePoint or OneDrive",
    ("action_id",),
    _hash("action_id", "Hash of site, file, time, action, actor and device, which identify an action"),
    sa.Column("acted_at", timestamp(), comment="When it happened, UTC"),
    date_key("Date of acted_at"),
    sa.Column("action", sa.Unicode(64), comment="FileAccessed, FileDeleted, FileDownloaded, FileModified, ..."),
    _guid("site_id", "The site in dim_site"),
    _guid("item_id", "Id of the file within the site; its name stays in the lake"),
    sa.Column("extension", exact_unicode(64), comment="File extension, lower case, without a dot"),
    sa.Column("actor_type", sa.Unicode(64), comment="User, System or NotSpecified"),
    sa.Column("actor_id_type", sa.Unicode(64), comment="AAD, MSA, Anonymous, Self or Unknown"),
    address("actor_address", "Address of who did it, lower case"),
    person_id("actor_id", "Who did it; null for outsiders and services"),
    sa.Column(
        "application", sa.Unicode(256), comment="Application as it names itself, without version; browsers: Mozilla"
    ),
    extraction_id(),
)


agg_site_exposure = table(
    "agg_site_exposure",
    "As of the day, one row per site, level and extension with a permission. Permissions are counted once however many "
    "they were granted to; a SharePoint group stands for its members; links that have expired count no more",
    ("site_id", "level", "extension"),
    _guid("site_id", "The site in dim_site"),
    sa.Column("level", exact_unicode(64), comment="Where in the site: Site, Web, List, Folder or File; or empty"),
    sa.Column("extension", exact_unicode(64), comment="File extension, lower case; empty for what is no file"),
    sa.Column("sensitivity_label", exact_unicode(256), comment="Sensitivity label of the site"),
    sa.Column("template", exact_unicode(64), comment="Template of the site"),
    _flag("is_personal", "True for somebody's OneDrive"),
    count("permissions", "Permissions, by link or direct"),
    count("items", "Items that have permissions of their own"),
    count("anyone_links", "Links that open for whoever has them"),
    count("organization_links", "Links that open for everybody in the organization"),
    count("specific_people_links", "Links that open for those they were sent to"),
    count("direct_grants", "Permissions without a link"),
    count("everyone_except_external_grants", "Permissions of all members of the organization by the claim"),
    count("everyone_grants", "Permissions of claims that can hold guests too: Everyone, All users"),
    count(
        "unknown_group_grants", "Permissions of groups told by a name alone that is not known: they may hold everybody"
    ),
    count("guest_grants", "Permissions that reach a guest"),
    count("guests", "Distinct guests within the row; not to be summed over rows"),
    count("guest_domains", "Distinct domains of these guests; not to be summed over rows"),
    extraction_id(),
)


agg_site_storage = table(
    "agg_site_storage",
    "As of the day, one row per template and sensitivity label of sites; single sites are in dim_site. All but the "
    "share can be summed over rows",
    ("template", "sensitivity_label"),
    sa.Column(
        "template", exact_unicode(64), comment="Template of the sites; empty where unknown, as in the recycle bin"
    ),
    sa.Column(
        "sensitivity_label", exact_unicode(256), comment="Sensitivity label of the sites; empty where they have none"
    ),
    count("sites", "Sites"),
    count("sites_without_owner", "Sites that name no owner"),
    count("sites_with_one_owner", "Sites that name one owner alone"),
    count("sites_inactive_90_days", "Sites without change for 90 days or more"),
    count("sites_inactive_365_days", "Sites without change for 365 days or more"),
    count("sites_in_recycle_bin", "Sites that were deleted and can be restored"),
    _bytes("age_days", "Sum of the sites' ages in days; divide by sites", nullable=False),
    _bytes("inactive_days", "Sum of the sites' days without change; divide by sites", nullable=False),
    count("owners", "Sum of the owners that sites name"),
    _bytes("files", "Files", nullable=False),
    _bytes("quota_bytes", "Storage that the sites may use", nullable=False),
    _bytes("total_bytes", "Size of all files: metadata, all versions, recycle bin", nullable=False),
    _bytes("file_bytes", "Size of the latest version of files", nullable=False),
    _bytes("metadata_bytes", "Size of the metadata", nullable=False),
    _bytes("version_bytes", "Size of earlier versions and the recycle bin", nullable=False),
    sa.Column("version_share", sa.Double, comment="version_bytes of total_bytes, 0 to 1; null where nothing is stored"),
    extraction_id(),
)
