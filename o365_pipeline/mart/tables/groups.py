"""Groups and teams: what they are, who belongs to them, what is written to them and how active they are.

What belongs here: grain, columns, types and keys. The SQL that fills a table is in `sql/`, under its name.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.database.database import timestamp
from o365_pipeline.mart.tables.columns import (
    address,
    count,
    date_key,
    exact_unicode,
    extraction_id,
    person_id,
    table,
    week_start,
)


def group_id() -> sa.Column[str]:
    return sa.Column("group_id", exact_unicode(100), comment="The group in dim_group; a team has its group's id")


bridge_group_member = table(
    "bridge_group_member",
    "One row per group, role and direct member; an owner who is a member too has two rows",
    ("group_id", "role", "member_id"),
    group_id(),
    sa.Column("role", sa.String(10), comment="member or owner"),
    sa.Column("member_id", exact_unicode(320), comment="Entra object id of the member; without one, the address"),
    person_id("person_id", "The person in dim_person; null for guests who are not there, and for what is no user"),
    address("member_address", "Sign-in name, lower case; of a guest, the guest's own address"),
    sa.Column("kind", sa.Unicode(64), nullable=False, comment="user, group, device, servicePrincipal or orgContact"),
    sa.Column("is_guest", sa.Boolean, nullable=False, comment="True for a user of another organization"),
    extraction_id(),
)

dim_group = table(
    "dim_group",
    "One row per group as of the day, also where only its members, channels or messages are known",
    ("group_id",),
    sa.Column("group_id", exact_unicode(100), comment="Entra object id of the group"),
    sa.Column("display_name", sa.Unicode(256), comment="Name of the group"),
    address("mail", "Address of the group, lower case"),
    sa.Column(
        "kind", sa.String(30), comment="unified (Microsoft 365), security, mail_enabled_security or distribution"
    ),
    sa.Column("is_team", sa.Boolean, nullable=False, comment="True where the group is a team in Teams"),
    sa.Column("is_dynamic", sa.Boolean, comment="True where a rule decides who is a member"),
    sa.Column("visibility", sa.Unicode(64), comment="Public, Private or HiddenMembership"),
    sa.Column("classification", exact_unicode(256), comment="How sensitive the organization says that it is"),
    sa.Column("created_at", timestamp(), comment="When it was made, UTC"),
    sa.Column("expires_at", timestamp(), comment="When it expires unless it is renewed, UTC"),
    sa.Column("deleted_at", timestamp(), comment="When it was deleted, UTC; null while it lives"),
    count("members", "Users who are direct members, guests included"),
    count("guests", "Guests among the members"),
    count("owners", "Users who own it"),
    extraction_id(),
)

fact_group_message = table(
    "fact_group_message",
    "One row per mail and group whose mailbox it is in; Teams channels are in fact_channel_message",
    ("group_id", "group_message_id"),
    group_id(),
    sa.Column("group_message_id", exact_unicode(400), comment="internetMessageId, or a hash where it is long or none"),
    sa.Column("sent_at", timestamp(), comment="When it was sent, UTC"),
    date_key("Date of sent_at, UTC; where that is unknown, the partition's day"),
    person_id("sender_id", "Who sent it; null for outsiders and for the group itself"),
    address("sender_address", "Address of the sender, lower case"),
    sa.Column("conversation_id", sa.Unicode(400), comment="Thread in the group's mailbox"),
    sa.Column("is_reply", sa.Boolean, nullable=False, comment="True where it is not the first of its thread"),
    sa.Column("importance", sa.Unicode(64), comment="low, normal or high"),
    extraction_id(),
)


def written() -> list[sa.Column[int]]:
    return [
        count("messages", "Messages in the team's channels"),
        count("mails", "Mails to the group, without the group's own"),
        count("replies", "Replies among the messages and mails"),
    ]


agg_group_person_day = table(
    "agg_group_person_day",
    "One row per group, person and date with activity of the person; count distinct actor_id for people per week",
    ("group_id", "actor_id", "date_key"),
    group_id(),
    sa.Column("actor_id", exact_unicode(320), comment="person_id; of an outsider the address, in calls participant_id"),
    date_key("Date of the activity, UTC"),
    week_start(),
    person_id("person_id", "The person in dim_person; null for outsiders"),
    sa.Column("is_member", sa.Boolean, nullable=False, comment="True for a member or owner of the group as of the day"),
    sa.Column("is_guest", sa.Boolean, nullable=False, comment="True for a guest"),
    *written(),
    count("calls", "Calls of the team's channels that the person took part in"),
    count("call_minutes", "Full minutes that the person was in them"),
    extraction_id(),
)

agg_group_day = table(
    "agg_group_day",
    "One row per group and date with activity; people of several dates or days: see agg_group_person_day",
    ("group_id", "date_key"),
    group_id(),
    date_key("Date of the activity, UTC"),
    week_start(),
    count("members", "Members of the group as of the day"),
    count("active_members", "Members and owners who wrote or took part in a call"),
    count("active_guests", "Guests who wrote or took part in a call"),
    count("senders", "People who wrote"),
    *written(),
    count("calls", "Calls of the team's channels"),
    count("call_minutes", "Full minutes of all who took part in them"),
    extraction_id(),
)
