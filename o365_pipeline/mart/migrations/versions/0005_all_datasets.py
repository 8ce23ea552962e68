"""The mart of all datasets: people and time, groups and teams, sites and sharing, and what describes the schema.

Its tables are made anew: a mart is loaded from the lake, and what was loaded is loaded again by the landing sensor.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mssql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TIMESTAMP = sa.DateTime().with_variant(mssql.DATETIME2(6), "mssql")

BEFORE = (
    "dim_person",
    "dim_date",
    "fact_message",
    "bridge_message_recipient",
    "fact_meeting",
    "bridge_meeting_attendee",
    "fact_chat",
    "agg_person_day",
)

TABLES = (
    "dim_person",
    "dim_customer",
    "bridge_message_recipient",
    "bridge_message_holder",
    "fact_message",
    "bridge_meeting_attendee",
    "fact_meeting",
    "fact_chat",
    "bridge_group_member",
    "dim_group",
    "fact_channel_message",
    "dim_channel",
    "fact_group_message",
    "bridge_call_participant",
    "fact_call",
    "agg_group_person_day",
    "agg_group_day",
    "agg_signal_day",
    "fact_task",
    "dim_device",
    "bridge_person_license",
    "fact_viva_metric",
    "dim_site",
    "bridge_sharing_grantee",
    "fact_sharing_link",
    "fact_file_action",
    "agg_site_exposure",
    "agg_site_storage",
    "agg_person_day",
    "agg_response",
    "agg_collaboration_day",
    "dim_date",
)

OTHERS = ("mart_setting", "data_dictionary")


def _exact(length: int) -> sa.types.TypeEngine[str]:
    return sa.Unicode(length).with_variant(mssql.NVARCHAR(length, collation="Latin1_General_100_BIN2"), "mssql")


def upgrade() -> None:
    for name in BEFORE:
        op.drop_table(name)
    _create()
    _for_readers(TABLES)
    if op.get_context().dialect.name == "mssql":
        op.execute("GRANT SELECT ON data_dictionary TO mart_reader")
    op.execute("UPDATE ledger_landing SET loaded_at = NULL")


def downgrade() -> None:
    for name in (*TABLES, *OTHERS):
        op.drop_table(name)
    _revision("0002_mart").upgrade()
    _for_readers(BEFORE)
    op.execute("UPDATE ledger_landing SET loaded_at = NULL")


def _for_readers(tables: tuple[str, ...]) -> None:
    """On SQL Server: rows that lie by partition, and tables that readers see."""
    if op.get_context().dialect.name != "mssql":
        return
    for name in tables:
        op.create_index(f"ix_{name}_partition", name, ["customer", "day"], mssql_clustered=True)
        op.execute(f"GRANT SELECT ON {name} TO mart_reader")


def _revision(name: str) -> ModuleType:
    """The module of an earlier revision."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _create() -> None:
    op.create_table(
        "dim_person",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column("person_id", _exact(100), nullable=False, comment="Entra object id"),
        sa.Column("display_name", sa.Unicode(256), comment="Name as shown in the organization"),
        sa.Column("mail", sa.Unicode(320), comment="Primary address"),
        sa.Column("user_principal_name", sa.Unicode(320), comment="Name used to sign in"),
        sa.Column("company_name", sa.Unicode(256), comment="Company"),
        sa.Column("department", sa.Unicode(256), comment="Department, as of the day"),
        sa.Column("job_title", sa.Unicode(256), comment="Job title"),
        sa.Column("office_location", sa.Unicode(256), comment="Office"),
        sa.Column("city", sa.Unicode(256), comment="City"),
        sa.Column("country", sa.Unicode(256), comment="Country"),
        sa.Column("manager_id", _exact(100), comment="Entra object id of the manager; a person of dim_person"),
        sa.Column("manager_name", sa.Unicode(256), comment="Name of the manager"),
        sa.Column(
            "manager_chain",
            _exact(4000),
            comment="Entra object ids from the direct manager to the top, joined by '/'; ends where it would repeat",
        ),
        sa.Column("level", sa.Integer(), comment="Steps from the top: 0 for whoever has no manager"),
        sa.Column("time_zone", sa.Unicode(256), comment="Time zone of the mailbox, as Exchange names it"),
        sa.Column("time_zone_iana", sa.Unicode(64), comment="The same zone by its IANA name; null where unknown"),
        sa.Column(
            "work_days", sa.Unicode(100), comment="Working days: 'monday,tuesday'; Monday to Friday where unknown"
        ),
        sa.Column(
            "work_starts",
            sa.Integer(),
            comment="First minute of the working hours, of the local day; 540 (09:00) if unknown",
        ),
        sa.Column("work_ends", sa.Integer(), comment="Minute at which they end; 1020 (17:00) where unknown"),
        sa.Column("user_type", sa.Unicode(64), comment="Member or Guest"),
        sa.Column("is_enabled", sa.Boolean(), comment="True where the account can sign in"),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint("customer", "day", "person_id", name="pk_dim_person", mssql_clustered=False),
        comment="One row per person of the organization",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "dim_customer",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column("people", sa.Integer(), nullable=False, comment="People in dim_person, guests included"),
        sa.Column("guests", sa.Integer(), nullable=False, comment="Guests among them"),
        sa.Column(
            "own_domains", sa.Unicode(1000), comment="Domains of the members' addresses: 'contoso.com, contoso.org'"
        ),
        sa.Column("extraction_id", sa.String(64), comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint("customer", "day", name="pk_dim_customer", mssql_clustered=False),
        comment="One row per customer and day",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "bridge_message_recipient",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column("message_id", _exact(400), nullable=False, comment="The mail in fact_message"),
        sa.Column("kind", sa.String(10), nullable=False, comment="to, cc or bcc"),
        sa.Column("recipient_address", _exact(320), nullable=False, comment="Address of the recipient, lower case"),
        sa.Column("person_id", _exact(100), comment="Whose address it is; null for outsiders and lists"),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint(
            "customer",
            "day",
            "message_id",
            "kind",
            "recipient_address",
            name="pk_bridge_message_recipient",
            mssql_clustered=False,
        ),
        comment="One row per mail, kind of recipient and address",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "bridge_message_holder",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column("message_id", _exact(400), nullable=False, comment="The mail in fact_message"),
        sa.Column("person_id", _exact(100), nullable=False, comment="Whose mailbox it is"),
        sa.Column("conversation_id", _exact(400), comment="Thread, as this mailbox knows it"),
        sa.Column("is_read", sa.Boolean(), comment="True where every copy of the mailbox is marked as read"),
        sa.Column("is_sender", sa.Boolean(), nullable=False, comment="True where the mailbox is the sender's"),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint(
            "customer", "day", "message_id", "person_id", name="pk_bridge_message_holder", mssql_clustered=False
        ),
        comment="One row per mail and mailbox that held a copy",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "fact_message",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column(
            "message_id", _exact(400), nullable=False, comment="internetMessageId, or a hash of it where it is long"
        ),
        sa.Column("sent_at", TIMESTAMP, comment="When it was sent, UTC"),
        sa.Column("received_at", TIMESTAMP, comment="When the first copy was received, UTC"),
        sa.Column(
            "date_key", sa.Date(), nullable=False, comment="Date of sent_at; where that is unknown, of the creation"
        ),
        sa.Column("sender_id", _exact(100), comment="Who sent it; null for outsiders"),
        sa.Column("sender_address", _exact(320), comment="Address of the sender, lower case"),
        sa.Column("conversation_id", sa.Unicode(400), comment="Thread, as the chosen copy's mailbox knows it"),
        sa.Column("importance", sa.Unicode(64), comment="low, normal or high"),
        sa.Column("has_attachments", sa.Boolean(), comment="True where files are attached"),
        sa.Column("is_draft", sa.Boolean(), comment="True while it has not been sent"),
        sa.Column("recipient_count", sa.Integer(), nullable=False, comment="Distinct addresses in To, Cc and Bcc"),
        sa.Column("copies", sa.Integer(), nullable=False, comment="Mailboxes that held a copy"),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint("customer", "day", "message_id", name="pk_fact_message", mssql_clustered=False),
        comment="One row per mail, however many mailboxes hold a copy",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "bridge_meeting_attendee",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column("meeting_id", _exact(400), nullable=False, comment="The meeting in fact_meeting"),
        sa.Column("attendee_address", _exact(320), nullable=False, comment="Address of the attendee, lower case"),
        sa.Column("person_id", _exact(100), comment="Whose address it is; null for outsiders and lists"),
        sa.Column("kind", sa.Unicode(64), nullable=False, comment="organizer, required, optional or resource"),
        sa.Column(
            "response", sa.Unicode(64), nullable=False, comment="accepted, tentativelyAccepted, declined, none, ..."
        ),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint(
            "customer",
            "day",
            "meeting_id",
            "attendee_address",
            name="pk_bridge_meeting_attendee",
            mssql_clustered=False,
        ),
        comment="One row per meeting and address, the organizer's included",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "fact_meeting",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column(
            "meeting_id",
            _exact(400),
            nullable=False,
            comment="iCalUId and start, or a hash of them where they are long",
        ),
        sa.Column("i_cal_u_id", sa.Unicode(1000), comment="iCalUId, shared by the occurrences of a series"),
        sa.Column("starts_at", TIMESTAMP, comment="Start, UTC"),
        sa.Column("ends_at", TIMESTAMP, comment="End, UTC"),
        sa.Column(
            "date_key",
            sa.Date(),
            nullable=False,
            comment="Date of starts_at, for an event of the whole day the date as written; where unknown, of the creation",
        ),
        sa.Column("duration_minutes", sa.Integer(), comment="Full minutes that pass from start to end"),
        sa.Column("organizer_id", _exact(100), comment="Who organized it; null for outsiders"),
        sa.Column("organizer_address", _exact(320), comment="Address of the organizer, lower case"),
        sa.Column("is_all_day", sa.Boolean(), comment="True where it has no time of day"),
        sa.Column("is_cancelled", sa.Boolean(), comment="True where the organizer canceled it"),
        sa.Column("is_online", sa.Boolean(), comment="True where it has an online meeting"),
        sa.Column("series_type", sa.Unicode(64), comment="singleInstance, occurrence or exception"),
        sa.Column("is_recurring", sa.Boolean(), nullable=False, comment="True for an occurrence of a series"),
        sa.Column("series_id", _exact(400), comment="What the occurrences of a series share; null for others"),
        sa.Column(
            "attendee_count",
            sa.Integer(),
            nullable=False,
            comment="Addresses in bridge_meeting_attendee, the organizer's included",
        ),
        sa.Column("copies", sa.Integer(), nullable=False, comment="Mailboxes whose calendar held it"),
        sa.Column(
            "source", sa.String(20), nullable=False, comment="calendar_view, or event where that was not extracted"
        ),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint("customer", "day", "meeting_id", name="pk_fact_meeting", mssql_clustered=False),
        comment="One row per occurrence of a meeting, however many calendars hold it",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "fact_chat",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column(
            "chat_message_id", _exact(400), nullable=False, comment="Epoch in milliseconds and the sender's address"
        ),
        sa.Column("sent_at", TIMESTAMP, comment="When it was sent, UTC"),
        sa.Column(
            "date_key", sa.Date(), nullable=False, comment="Date of sent_at; where that is unknown, of the creation"
        ),
        sa.Column("sender_id", _exact(100), comment="Who sent it; null for outsiders"),
        sa.Column("sender_address", _exact(320), comment="Address of the sender, lower case"),
        sa.Column("conversation_id", sa.Unicode(400), comment="Chat, as the chosen copy's mailbox knows it"),
        sa.Column("recipient_count", sa.Integer(), nullable=False, comment="Distinct addresses that it went to"),
        sa.Column("copies", sa.Integer(), nullable=False, comment="Mailboxes that held a copy"),
        sa.Column("has_attachments", sa.Boolean(), comment="True where files are attached"),
        sa.Column("importance", sa.Unicode(64), comment="normal, high or urgent"),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint("customer", "day", "chat_message_id", name="pk_fact_chat", mssql_clustered=False),
        comment="One row per Teams chat message, however many mailboxes hold a copy",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "bridge_group_member",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column("group_id", _exact(100), nullable=False, comment="The group in dim_group; a team has its group's id"),
        sa.Column("role", sa.String(10), nullable=False, comment="member or owner"),
        sa.Column(
            "member_id", _exact(320), nullable=False, comment="Entra object id of the member; without one, the address"
        ),
        sa.Column(
            "person_id",
            _exact(100),
            comment="The person in dim_person; null for guests who are not there, and for what is no user",
        ),
        sa.Column(
            "member_address", _exact(320), comment="Sign-in name, lower case; of a guest, the guest's own address"
        ),
        sa.Column(
            "kind", sa.Unicode(64), nullable=False, comment="user, group, device, servicePrincipal or orgContact"
        ),
        sa.Column("is_guest", sa.Boolean(), nullable=False, comment="True for a user of another organization"),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint(
            "customer", "day", "group_id", "role", "member_id", name="pk_bridge_group_member", mssql_clustered=False
        ),
        comment="One row per group, role and direct member; an owner who is a member too has two rows",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "dim_group",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column("group_id", _exact(100), nullable=False, comment="Entra object id of the group"),
        sa.Column("display_name", sa.Unicode(256), comment="Name of the group"),
        sa.Column("mail", _exact(320), comment="Address of the group, lower case"),
        sa.Column(
            "kind", sa.String(30), comment="unified (Microsoft 365), security, mail_enabled_security or distribution"
        ),
        sa.Column("is_team", sa.Boolean(), nullable=False, comment="True where the group is a team in Teams"),
        sa.Column("is_dynamic", sa.Boolean(), comment="True where a rule decides who is a member"),
        sa.Column("visibility", sa.Unicode(64), comment="Public, Private or HiddenMembership"),
        sa.Column("classification", sa.Unicode(256), comment="How sensitive the organization says that it is"),
        sa.Column("created_at", TIMESTAMP, comment="When it was made, UTC"),
        sa.Column("expires_at", TIMESTAMP, comment="When it expires unless it is renewed, UTC"),
        sa.Column("deleted_at", TIMESTAMP, comment="When it was deleted, UTC; null while it lives"),
        sa.Column("members", sa.Integer(), nullable=False, comment="Users who are direct members, guests included"),
        sa.Column("guests", sa.Integer(), nullable=False, comment="Guests among the members"),
        sa.Column("owners", sa.Integer(), nullable=False, comment="Users who own it"),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint("customer", "day", "group_id", name="pk_dim_group", mssql_clustered=False),
        comment="One row per group as of the day, also where only its members, channels or messages are known",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "fact_channel_message",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column(
            "channel_message_id", _exact(400), nullable=False, comment="Hash of the team and the message's id in it"
        ),
        sa.Column("sent_at", TIMESTAMP, comment="When it was sent, UTC"),
        sa.Column(
            "date_key",
            sa.Date(),
            nullable=False,
            comment="Date of sent_at, UTC; where that is unknown, the partition's day",
        ),
        sa.Column("group_id", _exact(100), comment="The group in dim_group; a team has its group's id"),
        sa.Column(
            "channel_id",
            _exact(400),
            nullable=False,
            comment="The channel in dim_channel, as the sender's signal tells it; group_id where there is no such signal",
        ),
        sa.Column("sender_id", _exact(100), comment="Who sent it; null for outsiders"),
        sa.Column(
            "sender_address",
            _exact(320),
            comment="Address of the sender, lower case; null where only an object id is given",
        ),
        sa.Column("conversation_id", sa.Unicode(400), comment="Thread in the team"),
        sa.Column(
            "is_reply",
            sa.Boolean(),
            nullable=False,
            comment="True where the sender's signal says so; without one, where the thread has an earlier message",
        ),
        sa.Column("importance", sa.Unicode(64), comment="normal, high or urgent"),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint(
            "customer", "day", "channel_message_id", name="pk_fact_channel_message", mssql_clustered=False
        ),
        comment="One row per message of the day in a standard channel of a team",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "dim_channel",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column(
            "channel_id",
            _exact(400),
            nullable=False,
            comment="Thread of the channel; group_id where the channel is unknown",
        ),
        sa.Column("channel_name", sa.Unicode(256), comment="Name of the channel; null where the channel is unknown"),
        sa.Column("membership_type", sa.Unicode(64), comment="standard, private or shared"),
        sa.Column("created_at", TIMESTAMP, comment="When the channel was made, UTC"),
        sa.Column("group_id", _exact(100), comment="The group in dim_group; a team has its group's id"),
        sa.Column("team_name", sa.Unicode(256), comment="Name of the team"),
        sa.Column("team_visibility", sa.Unicode(64), comment="Public, Private or HiddenMembership"),
        sa.Column("team_mail", _exact(320), comment="Address of the team's group, lower case"),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint("customer", "day", "channel_id", name="pk_dim_channel", mssql_clustered=False),
        comment="One row per channel, and one per team of which no channel is known or a message's channel is not",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "fact_group_message",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column("group_id", _exact(100), nullable=False, comment="The group in dim_group; a team has its group's id"),
        sa.Column(
            "group_message_id",
            _exact(400),
            nullable=False,
            comment="internetMessageId, or a hash where it is long or none",
        ),
        sa.Column("sent_at", TIMESTAMP, comment="When it was sent, UTC"),
        sa.Column(
            "date_key",
            sa.Date(),
            nullable=False,
            comment="Date of sent_at, UTC; where that is unknown, the partition's day",
        ),
        sa.Column("sender_id", _exact(100), comment="Who sent it; null for outsiders and for the group itself"),
        sa.Column("sender_address", _exact(320), comment="Address of the sender, lower case"),
        sa.Column("conversation_id", sa.Unicode(400), comment="Thread in the group's mailbox"),
        sa.Column("is_reply", sa.Boolean(), nullable=False, comment="True where it is not the first of its thread"),
        sa.Column("importance", sa.Unicode(64), comment="low, normal or high"),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint(
            "customer", "day", "group_id", "group_message_id", name="pk_fact_group_message", mssql_clustered=False
        ),
        comment="One row per mail and group whose mailbox it is in; Teams channels are in fact_channel_message",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "bridge_call_participant",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column("call_id", _exact(400), nullable=False, comment="The call in fact_call"),
        sa.Column(
            "participant_id",
            _exact(100),
            nullable=False,
            comment="Entra object id; a hash of the name where there is none",
        ),
        sa.Column("person_id", _exact(100), comment="The person in dim_person; null for outsiders"),
        sa.Column("is_organizer", sa.Boolean(), nullable=False, comment="True for who called or organized it"),
        sa.Column(
            "is_external",
            sa.Boolean(),
            nullable=False,
            comment="True where the tenant is another; where none is given, for who is not in dim_person",
        ),
        sa.Column("joined_at", TIMESTAMP, comment="First time that the participant joined, UTC"),
        sa.Column("left_at", TIMESTAMP, comment="Last time that the participant left, UTC"),
        sa.Column("minutes", sa.Integer(), comment="Full minutes in the call; null where the record has no actions"),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint(
            "customer", "day", "call_id", "participant_id", name="pk_bridge_call_participant", mssql_clustered=False
        ),
        comment="One row per call and participant, without bots and recorders; the caller of a call is one",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "fact_call",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column(
            "call_id", _exact(400), nullable=False, comment="CommunicationId, or a hash where it is long or none"
        ),
        sa.Column("starts_at", TIMESTAMP, comment="Start, UTC"),
        sa.Column("ends_at", TIMESTAMP, comment="End, UTC"),
        sa.Column(
            "date_key",
            sa.Date(),
            nullable=False,
            comment="Date of starts_at, UTC; where that is unknown, of the record, made some nine hours after the end",
        ),
        sa.Column("duration_minutes", sa.Integer(), comment="Full minutes from start to end"),
        sa.Column("kind", sa.Unicode(64), comment="call or meeting"),
        sa.Column("sub_type", sa.Unicode(64), comment="MissedCall, VoiceMail, ScheduledMeeting, ..."),
        sa.Column("organizer_id", _exact(100), comment="Who called or organized it; null for outsiders"),
        sa.Column("i_cal_u_id", sa.Unicode(1000), comment="iCalUId in upper case, as in fact_meeting; null for calls"),
        sa.Column("thread_id", sa.Unicode(400), comment="Thread of its chat or channel"),
        sa.Column("channel_id", _exact(400), comment="The channel in dim_channel; null outside of known channels"),
        sa.Column("group_id", _exact(100), comment="The group in dim_group; a team has its group's id"),
        sa.Column("participant_count", sa.Integer(), nullable=False, comment="Participants in bridge_call_participant"),
        sa.Column(
            "external_count",
            sa.Integer(),
            nullable=False,
            comment="Participants of other organizations, by phone or without a name",
        ),
        sa.Column("copies", sa.Integer(), nullable=False, comment="People who have a copy of the record"),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint("customer", "day", "call_id", name="pk_fact_call", mssql_clustered=False),
        comment="One row per call or online meeting, however many people have a copy of its record",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "agg_group_person_day",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column("group_id", _exact(100), nullable=False, comment="The group in dim_group; a team has its group's id"),
        sa.Column(
            "actor_id",
            _exact(320),
            nullable=False,
            comment="person_id; of an outsider the address, in calls participant_id",
        ),
        sa.Column("date_key", sa.Date(), nullable=False, comment="Date of the activity, UTC"),
        sa.Column("week_start", sa.Date(), nullable=False, comment="Monday of the week that date_key is in"),
        sa.Column("person_id", _exact(100), comment="The person in dim_person; null for outsiders"),
        sa.Column(
            "is_member", sa.Boolean(), nullable=False, comment="True for a member or owner of the group as of the day"
        ),
        sa.Column("is_guest", sa.Boolean(), nullable=False, comment="True for a guest"),
        sa.Column("messages", sa.Integer(), nullable=False, comment="Messages in the team's channels"),
        sa.Column("mails", sa.Integer(), nullable=False, comment="Mails to the group, without the group's own"),
        sa.Column("replies", sa.Integer(), nullable=False, comment="Replies among the messages and mails"),
        sa.Column(
            "calls", sa.Integer(), nullable=False, comment="Calls of the team's channels that the person took part in"
        ),
        sa.Column("call_minutes", sa.Integer(), nullable=False, comment="Full minutes that the person was in them"),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint(
            "customer", "day", "group_id", "actor_id", "date_key", name="pk_agg_group_person_day", mssql_clustered=False
        ),
        comment="One row per group, person and date with activity of the person; count distinct actor_id for people per week",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "agg_group_day",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column("group_id", _exact(100), nullable=False, comment="The group in dim_group; a team has its group's id"),
        sa.Column("date_key", sa.Date(), nullable=False, comment="Date of the activity, UTC"),
        sa.Column("week_start", sa.Date(), nullable=False, comment="Monday of the week that date_key is in"),
        sa.Column("members", sa.Integer(), nullable=False, comment="Members of the group as of the day"),
        sa.Column(
            "active_members",
            sa.Integer(),
            nullable=False,
            comment="Members and owners who wrote or took part in a call",
        ),
        sa.Column("active_guests", sa.Integer(), nullable=False, comment="Guests who wrote or took part in a call"),
        sa.Column("senders", sa.Integer(), nullable=False, comment="People who wrote"),
        sa.Column("messages", sa.Integer(), nullable=False, comment="Messages in the team's channels"),
        sa.Column("mails", sa.Integer(), nullable=False, comment="Mails to the group, without the group's own"),
        sa.Column("replies", sa.Integer(), nullable=False, comment="Replies among the messages and mails"),
        sa.Column("calls", sa.Integer(), nullable=False, comment="Calls of the team's channels"),
        sa.Column("call_minutes", sa.Integer(), nullable=False, comment="Full minutes of all who took part in them"),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint(
            "customer", "day", "group_id", "date_key", name="pk_agg_group_day", mssql_clustered=False
        ),
        comment="One row per group and date with activity; people of several dates or days: see agg_group_person_day",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "agg_signal_day",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column("person_id", _exact(100), nullable=False, comment="The person in dim_person"),
        sa.Column(
            "date_key",
            sa.Date(),
            nullable=False,
            comment="Date of the signal's start, UTC; where that is unknown, of its creation",
        ),
        sa.Column("week_start", sa.Date(), nullable=False, comment="Monday of the week that date_key is in"),
        sa.Column(
            "source",
            sa.String(50),
            nullable=False,
            comment="The dataset: outlook_mail_activity, teams_channel_activity, ...",
        ),
        sa.Column(
            "signal_type",
            _exact(100),
            nullable=False,
            comment="MessageSent, InstantMessage, ...; unknown where not given",
        ),
        sa.Column(
            "app_name", _exact(100), nullable=False, comment="OWA, OutlookDesktop, Teams, ...; unknown where not given"
        ),
        sa.Column("signals", sa.Integer(), nullable=False, comment="How many"),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint(
            "customer",
            "day",
            "person_id",
            "date_key",
            "source",
            "signal_type",
            "app_name",
            name="pk_agg_signal_day",
            mssql_clustered=False,
        ),
        comment="One row per person, date, dataset of signals, type of signal and app",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "fact_task",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column(
            "task_id", _exact(100), nullable=False, comment="Hash of the task's id, the same for all who have it"
        ),
        sa.Column("person_id", _exact(100), nullable=False, comment="Who has the task; a person of dim_person"),
        sa.Column("source", sa.String(10), nullable=False, comment="planner or to_do"),
        sa.Column("list_id", sa.Unicode(400), comment="Plan in Planner, folder in To Do"),
        sa.Column("created_at", TIMESTAMP, comment="When it was made, UTC"),
        sa.Column(
            "date_key",
            sa.Date(),
            nullable=False,
            comment="Date of created_at, UTC; where that is unknown, the partition's day",
        ),
        sa.Column("starts_at", TIMESTAMP, comment="When it is to be begun, UTC"),
        sa.Column("due_at", TIMESTAMP, comment="When it is to be done, UTC"),
        sa.Column("completed_at", TIMESTAMP, comment="When it was done, UTC"),
        sa.Column("percent_complete", sa.Integer(), comment="0 to 100; in To Do 0 or 100, null between"),
        sa.Column("is_completed", sa.Boolean(), nullable=False, comment="True where it was done by the end of the day"),
        sa.Column(
            "is_overdue",
            sa.Boolean(),
            nullable=False,
            comment="True where it was due before the day and is not completed",
        ),
        sa.Column(
            "is_late", sa.Boolean(), nullable=False, comment="True where it was completed on a date after the due one"
        ),
        sa.Column("people", sa.Integer(), nullable=False, comment="People who have the task"),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint("customer", "day", "task_id", "person_id", name="pk_fact_task", mssql_clustered=False),
        comment="One row per task and person who has it: all of Planner, and those of To Do that were changed on the day",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "dim_device",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column("device_id", _exact(100), nullable=False, comment="Entra object id of the device"),
        sa.Column(
            "owner_id", _exact(100), comment="Who owns it, else the first who registered it; a person of dim_person"
        ),
        sa.Column("is_owned", sa.Boolean(), nullable=False, comment="True where it is among the owned devices"),
        sa.Column("people", sa.Integer(), nullable=False, comment="People who own it or have registered it"),
        sa.Column("operating_system", sa.Unicode(64), comment="Windows, iOS, Android, ..."),
        sa.Column("operating_system_version", sa.Unicode(64), comment="Version of the operating system"),
        sa.Column("manufacturer", sa.Unicode(256), comment="Manufacturer"),
        sa.Column("model", sa.Unicode(256), comment="Model"),
        sa.Column("ownership", sa.Unicode(64), comment="company, personal or unknown"),
        sa.Column("trust_type", sa.Unicode(64), comment="Workplace, AzureAd or ServerAd"),
        sa.Column("management_type", sa.Unicode(64), comment="What manages it: mdm, eas, ..."),
        sa.Column("is_enabled", sa.Boolean(), comment="True where it may sign in"),
        sa.Column("is_compliant", sa.Boolean(), comment="True where it meets the organization's policies"),
        sa.Column("is_managed", sa.Boolean(), comment="True where a device management manages it"),
        sa.Column("is_rooted", sa.Boolean(), comment="True where it is rooted or jailbroken"),
        sa.Column("registered_at", TIMESTAMP, comment="When it was registered, UTC"),
        sa.Column("last_sign_in_at", TIMESTAMP, comment="When it signed in last, roughly, UTC"),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint("customer", "day", "device_id", name="pk_dim_device", mssql_clustered=False),
        comment="One row per device that somebody owns or has registered",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "bridge_person_license",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column("person_id", _exact(100), nullable=False, comment="The person in dim_person"),
        sa.Column(
            "sku_id", _exact(100), nullable=False, comment="Id of the product; its part number where there is none"
        ),
        sa.Column(
            "sku_part_number", sa.Unicode(100), comment="SPE_E5, ...; null where only the user's row names the product"
        ),
        sa.Column(
            "plan_count", sa.Integer(), comment="Service plans in the license; null where only the user's row names it"
        ),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint(
            "customer", "day", "person_id", "sku_id", name="pk_bridge_person_license", mssql_clustered=False
        ),
        comment="One row per person and product that the person has a license of",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "fact_viva_metric",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column(
            "viva_metric_id", _exact(100), nullable=False, comment="Hash of the metrics and the place among equal rows"
        ),
        sa.Column("after_hours_collaboration", sa.Double(), comment="Hours of collaboration outside of working hours"),
        sa.Column("after_hours_collaboration_emails", sa.Double(), comment="After-hours collaboration, hours in mails"),
        sa.Column(
            "after_hours_collaboration_instant_messages",
            sa.Double(),
            comment="After-hours collaboration, hours in chats",
        ),
        sa.Column(
            "after_hours_collaboration_meetings", sa.Double(), comment="After-hours collaboration, hours in meetings"
        ),
        sa.Column(
            "after_hours_collaboration_scheduled_calls",
            sa.Double(),
            comment="After-hours collaboration, hours in scheduled calls",
        ),
        sa.Column(
            "after_hours_collaboration_adhoc_calls",
            sa.Double(),
            comment="After-hours collaboration, hours in unscheduled calls",
        ),
        sa.Column("collaboration_hours", sa.Double(), comment="Hours of collaboration"),
        sa.Column("collaboration_hours_emails", sa.Double(), comment="Collaboration, hours in mails"),
        sa.Column(
            "collaboration_hours_external",
            sa.Double(),
            comment="Collaboration, hours with people outside of the organization",
        ),
        sa.Column("collaboration_hours_instant_messages", sa.Double(), comment="Collaboration, hours in chats"),
        sa.Column("collaboration_hours_meetings", sa.Double(), comment="Collaboration, hours in meetings"),
        sa.Column(
            "collaboration_hours_scheduled_calls", sa.Double(), comment="Collaboration, hours in scheduled calls"
        ),
        sa.Column("collaboration_hours_adhoc_calls", sa.Double(), comment="Collaboration, hours in unscheduled calls"),
        sa.Column("conflicting_meeting_hours", sa.Double(), comment="Hours of meetings that overlap others"),
        sa.Column("influence_score", sa.Double(), comment="How well connected the person is, 0 to 1"),
        sa.Column("one_on_one_meeting_hours", sa.Double(), comment="Hours of meetings with the manager alone"),
        sa.Column("skip_level_meeting_hours", sa.Double(), comment="Hours of meetings with the manager's manager"),
        sa.Column("total_focus_hours", sa.Double(), comment="Hours of blocks without meetings, for focused work"),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint("customer", "day", "viva_metric_id", name="pk_fact_viva_metric", mssql_clustered=False),
        comment="One row per row of the dataset, which names neither a person nor a date",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "dim_site",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column("site_id", _exact(100), nullable=False, comment="Id of the site"),
        sa.Column("url", sa.Unicode(1000), comment="Address of the site"),
        sa.Column("title", sa.Unicode(256), comment="Title of its root web"),
        sa.Column("template", sa.Unicode(64), comment="Template of its root web: GROUP, STS, SPSPERS, ..."),
        sa.Column("is_personal", sa.Boolean(), comment="True for somebody's OneDrive"),
        sa.Column("group_id", _exact(100), comment="Microsoft 365 group that it belongs to"),
        sa.Column("is_teams_connected", sa.Boolean(), comment="True where a team works in it"),
        sa.Column("is_teams_channel", sa.Boolean(), comment="True for the site of a private or shared channel"),
        sa.Column("hub_site_id", _exact(100), comment="Hub site that it is associated with"),
        sa.Column("sensitivity_label", sa.Unicode(256), comment="Name of its sensitivity label"),
        sa.Column("sensitivity_label_id", _exact(100), comment="Id of its sensitivity label"),
        sa.Column("classification", sa.Unicode(256), comment="Classification, the older way to label"),
        sa.Column("is_in_recycle_bin", sa.Boolean(), comment="True where the site was deleted and can be restored"),
        sa.Column("share_by_link_enabled", sa.Boolean(), comment="True where it may be shared by links"),
        sa.Column("share_by_email_enabled", sa.Boolean(), comment="True where it may be shared by mail"),
        sa.Column("is_read_only", sa.Boolean(), comment="True while nothing in it can be changed"),
        sa.Column("owner_id", _exact(100), comment="Its owner; null for groups and outsiders"),
        sa.Column("owner_address", _exact(320), comment="Address of its owner, a person or a group, lower case"),
        sa.Column(
            "owner_count",
            sa.Integer(),
            nullable=False,
            comment="Owners that it names: the owner and the secondary contact, 0 to 2",
        ),
        sa.Column("created_at", TIMESTAMP, comment="When it was created, UTC"),
        sa.Column("last_modified_at", TIMESTAMP, comment="When something in its root web was last changed, UTC"),
        sa.Column("age_days", sa.Integer(), comment="Days from its creation to the day"),
        sa.Column("inactive_days", sa.Integer(), comment="Days from the last change to the day"),
        sa.Column("web_count", sa.Integer(), comment="Webs in it, its root web among them"),
        sa.Column("file_count", sa.BigInteger(), comment="Files in it"),
        sa.Column("quota_bytes", sa.BigInteger(), comment="Storage that it may use"),
        sa.Column("used_bytes", sa.BigInteger(), comment="Storage that it uses, the recycle bin with it"),
        sa.Column("total_bytes", sa.BigInteger(), comment="Size of its files: metadata, all versions, recycle bin"),
        sa.Column("file_bytes", sa.BigInteger(), comment="Size of the latest version of its files"),
        sa.Column("metadata_bytes", sa.BigInteger(), comment="Size of the metadata"),
        sa.Column(
            "version_bytes",
            sa.BigInteger(),
            comment="What is left of total_bytes: earlier versions and the recycle bin; never negative",
        ),
        sa.Column("told_on", sa.Date(), comment="The snapshot or change that tells this"),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint("customer", "day", "site_id", name="pk_dim_site", mssql_clustered=False),
        comment="One row per site that there is as of the day, OneDrives among them: the last full snapshot and the changes since",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "bridge_sharing_grantee",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column(
            "permission_id",
            sa.String(64),
            nullable=False,
            comment="Hash of site, item type, scope, role and link, which identify a permission",
        ),
        sa.Column(
            "grantee_id",
            sa.String(64),
            nullable=False,
            comment="Hash of the grantee's address, or else of the object id, sign-in name or group name",
        ),
        sa.Column(
            "kind", sa.String(20), nullable=False, comment="internal, guest, security_group, sharepoint_group or other"
        ),
        sa.Column(
            "address", _exact(320), comment="Address of the grantee, lower case; null for SharePoint groups and claims"
        ),
        sa.Column("person_id", _exact(100), comment="Who it is; null for outsiders and groups"),
        sa.Column("object_id", _exact(100), comment="Entra object id of the person or group"),
        sa.Column("group_name", sa.Unicode(256), comment="Name of the group; null for people"),
        sa.Column("is_guest", sa.Boolean(), comment="True for people of other organizations"),
        sa.Column("domain", sa.Unicode(256), comment="Domain of the grantee's own address, lower case"),
        sa.Column("user_count", sa.BigInteger(), comment="People in the group, nested groups expanded; 1 for a person"),
        sa.Column(
            "is_everyone_except_external",
            sa.Boolean(),
            comment="True for the claim that holds all members of the organization",
        ),
        sa.Column("is_everyone", sa.Boolean(), comment="True for claims that can hold guests too: Everyone, All users"),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint(
            "customer", "day", "permission_id", "grantee_id", name="pk_bridge_sharing_grantee", mssql_clustered=False
        ),
        comment="One row per permission that the day's rows tell of and grantee: a person, a guest, a group",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "fact_sharing_link",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column(
            "permission_id",
            sa.String(64),
            nullable=False,
            comment="Hash of site, item type, scope, role and link, which identify a permission",
        ),
        sa.Column(
            "operation",
            sa.String(20),
            nullable=False,
            comment="Full in a full snapshot; else Created, Updated or Deleted",
        ),
        sa.Column("site_id", _exact(100), comment="The site in dim_site"),
        sa.Column("web_id", _exact(100), comment="Web within the site"),
        sa.Column("list_id", _exact(100), comment="List or library within the web"),
        sa.Column(
            "scope_id", _exact(100), comment="What shares one set of permissions; joins with the files of the lake"
        ),
        sa.Column("link_id", _exact(100), comment="The sharing link; null for a permission that was granted directly"),
        sa.Column("link_scope", sa.Unicode(64), comment="Anyone, Organization or SpecificPeople; null without a link"),
        sa.Column("role", sa.Unicode(256), comment="What it allows: Read, Contribute, Edit, FullControl, ..."),
        sa.Column("item_type", sa.Unicode(64), comment="What is shared, in SharePoint's words"),
        sa.Column("level", sa.Unicode(64), comment="Where in the site that is: Site, Web, List, Folder or File"),
        sa.Column(
            "item_id", sa.String(64), comment="Hash of the item's address in lower case: the address would name files"
        ),
        sa.Column("depth", sa.Integer(), comment="Parts of the item's address, from the host on"),
        sa.Column("extension", sa.Unicode(64), comment="File extension, lower case, without a dot"),
        sa.Column(
            "internal_count", sa.Integer(), nullable=False, comment="People of the organization that it was granted to"
        ),
        sa.Column("guest_count", sa.Integer(), nullable=False, comment="Guests that it was granted to"),
        sa.Column(
            "security_group_count",
            sa.Integer(),
            nullable=False,
            comment="Groups of Entra that it was granted to, claims such as Everyone among them",
        ),
        sa.Column(
            "sharepoint_group_count", sa.Integer(), nullable=False, comment="SharePoint groups that it was granted to"
        ),
        sa.Column("created_by_id", _exact(100), comment="Who shared it; null for outsiders"),
        sa.Column("created_by_address", _exact(320), comment="Address of who shared it, lower case"),
        sa.Column("created_at", TIMESTAMP, comment="When it was shared, UTC"),
        sa.Column("modified_at", TIMESTAMP, comment="When the share was last changed, UTC"),
        sa.Column("expires_at", TIMESTAMP, comment="When the link ends, UTC"),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint("customer", "day", "permission_id", name="pk_fact_sharing_link", mssql_clustered=False),
        comment="One row per permission that the day's rows tell of, by link or direct: the history of changes. What there is as of the day is counted in agg_site_exposure",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "fact_file_action",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column(
            "action_id",
            sa.String(64),
            nullable=False,
            comment="Hash of site, file, time, action, actor and device, which identify an action",
        ),
        sa.Column("acted_at", TIMESTAMP, comment="When it happened, UTC"),
        sa.Column("date_key", sa.Date(), nullable=False, comment="Date of acted_at"),
        sa.Column("action", sa.Unicode(64), comment="FileAccessed, FileDeleted, FileDownloaded, FileModified, ..."),
        sa.Column("site_id", _exact(100), comment="The site in dim_site"),
        sa.Column("item_id", _exact(100), comment="Id of the file within the site; its name stays in the lake"),
        sa.Column("extension", sa.Unicode(64), comment="File extension, lower case, without a dot"),
        sa.Column("actor_type", sa.Unicode(64), comment="User, System or NotSpecified"),
        sa.Column("actor_id_type", sa.Unicode(64), comment="AAD, MSA, Anonymous, Self or Unknown"),
        sa.Column("actor_address", _exact(320), comment="Address of who did it, lower case"),
        sa.Column("actor_id", _exact(100), comment="Who did it; null for outsiders and services"),
        sa.Column(
            "application", sa.Unicode(256), comment="Application as it names itself, without version; browsers: Mozilla"
        ),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint("customer", "day", "action_id", name="pk_fact_file_action", mssql_clustered=False),
        comment="One row per action on a file in SharePoint or OneDrive",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "agg_site_exposure",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column("site_id", _exact(100), nullable=False, comment="The site in dim_site"),
        sa.Column(
            "level", _exact(64), nullable=False, comment="Where in the site: Site, Web, List, Folder or File; or empty"
        ),
        sa.Column(
            "extension", _exact(64), nullable=False, comment="File extension, lower case; empty for what is no file"
        ),
        sa.Column("sensitivity_label", sa.Unicode(256), comment="Sensitivity label of the site"),
        sa.Column("template", sa.Unicode(64), comment="Template of the site"),
        sa.Column("is_personal", sa.Boolean(), comment="True for somebody's OneDrive"),
        sa.Column("permissions", sa.Integer(), nullable=False, comment="Permissions, by link or direct"),
        sa.Column("items", sa.Integer(), nullable=False, comment="Items that have permissions of their own"),
        sa.Column("anyone_links", sa.Integer(), nullable=False, comment="Links that open for whoever has them"),
        sa.Column(
            "organization_links",
            sa.Integer(),
            nullable=False,
            comment="Links that open for everybody in the organization",
        ),
        sa.Column(
            "specific_people_links", sa.Integer(), nullable=False, comment="Links that open for those they were sent to"
        ),
        sa.Column("direct_grants", sa.Integer(), nullable=False, comment="Permissions without a link"),
        sa.Column(
            "everyone_except_external_grants",
            sa.Integer(),
            nullable=False,
            comment="Permissions of all members of the organization by the claim",
        ),
        sa.Column(
            "everyone_grants",
            sa.Integer(),
            nullable=False,
            comment="Permissions of claims that can hold guests too: Everyone, All users",
        ),
        sa.Column("guest_grants", sa.Integer(), nullable=False, comment="Permissions that reach a guest"),
        sa.Column(
            "guests", sa.Integer(), nullable=False, comment="Distinct guests within the row; not to be summed over rows"
        ),
        sa.Column(
            "guest_domains",
            sa.Integer(),
            nullable=False,
            comment="Distinct domains of these guests; not to be summed over rows",
        ),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint(
            "customer", "day", "site_id", "level", "extension", name="pk_agg_site_exposure", mssql_clustered=False
        ),
        comment="As of the day, one row per site, level and extension with a permission. Permissions are counted once however many they were granted to; a SharePoint group stands for its members; links that have expired count no more",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "agg_site_storage",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column(
            "template",
            _exact(64),
            nullable=False,
            comment="Template of the sites; empty where unknown, as in the recycle bin",
        ),
        sa.Column(
            "sensitivity_label",
            _exact(256),
            nullable=False,
            comment="Sensitivity label of the sites; empty where they have none",
        ),
        sa.Column("sites", sa.Integer(), nullable=False, comment="Sites"),
        sa.Column("sites_without_owner", sa.Integer(), nullable=False, comment="Sites that name no owner"),
        sa.Column("sites_with_one_owner", sa.Integer(), nullable=False, comment="Sites that name one owner alone"),
        sa.Column(
            "sites_inactive_90_days", sa.Integer(), nullable=False, comment="Sites without change for 90 days or more"
        ),
        sa.Column(
            "sites_inactive_365_days", sa.Integer(), nullable=False, comment="Sites without change for 365 days or more"
        ),
        sa.Column(
            "sites_in_recycle_bin", sa.Integer(), nullable=False, comment="Sites that were deleted and can be restored"
        ),
        sa.Column(
            "age_days", sa.BigInteger(), nullable=False, comment="Sum of the sites' ages in days; divide by sites"
        ),
        sa.Column(
            "inactive_days",
            sa.BigInteger(),
            nullable=False,
            comment="Sum of the sites' days without change; divide by sites",
        ),
        sa.Column("owners", sa.Integer(), nullable=False, comment="Sum of the owners that sites name"),
        sa.Column("files", sa.BigInteger(), nullable=False, comment="Files"),
        sa.Column("quota_bytes", sa.BigInteger(), nullable=False, comment="Storage that the sites may use"),
        sa.Column(
            "total_bytes",
            sa.BigInteger(),
            nullable=False,
            comment="Size of all files: metadata, all versions, recycle bin",
        ),
        sa.Column("file_bytes", sa.BigInteger(), nullable=False, comment="Size of the latest version of files"),
        sa.Column("metadata_bytes", sa.BigInteger(), nullable=False, comment="Size of the metadata"),
        sa.Column(
            "version_bytes", sa.BigInteger(), nullable=False, comment="Size of earlier versions and the recycle bin"
        ),
        sa.Column(
            "version_share", sa.Double(), comment="version_bytes of total_bytes, 0 to 1; null where nothing is stored"
        ),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint(
            "customer", "day", "template", "sensitivity_label", name="pk_agg_site_storage", mssql_clustered=False
        ),
        comment="As of the day, one row per template and sensitivity label of sites; single sites are in dim_site. All but the share can be summed over rows",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "agg_person_day",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column("person_id", _exact(100), nullable=False, comment="The person in dim_person"),
        sa.Column(
            "date_key",
            sa.Date(),
            nullable=False,
            comment="Date of the activity in the person's time zone; UTC where that is unknown",
        ),
        sa.Column("week_start", sa.Date(), nullable=False, comment="Monday of the week that date_key is in"),
        sa.Column("mails_sent", sa.Integer(), nullable=False, comment="Mails sent"),
        sa.Column(
            "mails_received",
            sa.Integer(),
            nullable=False,
            comment="Mails with the person in To, Cc or Bcc, their own to themselves included",
        ),
        sa.Column(
            "external_mails_sent",
            sa.Integer(),
            nullable=False,
            comment="Of the mails sent, those with a recipient outside dim_customer.own_domains",
        ),
        sa.Column(
            "after_hours_mails_sent",
            sa.Integer(),
            nullable=False,
            comment="Of the mails sent, those outside the person's working hours",
        ),
        sa.Column("meetings", sa.Integer(), nullable=False, comment="Meetings organized or attended"),
        sa.Column(
            "meeting_minutes",
            sa.Integer(),
            nullable=False,
            comment="Full minutes of those meetings, each in full on the date that it starts on",
        ),
        sa.Column("busy_minutes", sa.Integer(), nullable=False, comment="The same where those that overlap count once"),
        sa.Column(
            "after_hours_meeting_minutes",
            sa.Integer(),
            nullable=False,
            comment="Of the meeting minutes, those outside the person's working hours",
        ),
        sa.Column("chats_sent", sa.Integer(), nullable=False, comment="Chat messages sent"),
        sa.Column(
            "chats_received", sa.Integer(), nullable=False, comment="Chat messages with the person among the recipients"
        ),
        sa.Column(
            "after_hours_chats_sent",
            sa.Integer(),
            nullable=False,
            comment="Of the chat messages sent, those outside the person's working hours",
        ),
        sa.Column(
            "focus_minutes",
            sa.Integer(),
            comment="Minutes of the working hours in blocks of two hours or more without a meeting in the person's own calendar; in the partition in which the local date ends, and null in others, on days off and where no calendar is known",
        ),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint(
            "customer", "day", "person_id", "date_key", name="pk_agg_person_day", mssql_clustered=False
        ),
        comment="One row per person and local date with activity or focus time, to be summed over the partitions that hold the date; drafts, meetings that were cancelled or declined, and events of the whole day do not count",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "agg_response",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column("responder_id", _exact(100), nullable=False, comment="Who answered; a person of dim_person"),
        sa.Column(
            "counterpart",
            _exact(320),
            nullable=False,
            comment="Whose mail was answered: counterpart_id, or counterpart_domain where that is null",
        ),
        sa.Column(
            "date_key",
            sa.Date(),
            nullable=False,
            comment="Date of the answer in the responder's time zone; UTC where that is unknown",
        ),
        sa.Column("week_start", sa.Date(), nullable=False, comment="Monday of the week that date_key is in"),
        sa.Column("counterpart_id", _exact(100), comment="The sender in dim_person; null for outsiders and lists"),
        sa.Column("counterpart_domain", _exact(320), comment="Domain of a sender who is not in dim_person"),
        sa.Column("responses", sa.Integer(), nullable=False, comment="Mails received that were answered on that date"),
        sa.Column(
            "response_minutes",
            sa.Integer(),
            nullable=False,
            comment="Full minutes from their receipt to their answer, summed",
        ),
        sa.Column(
            "fastest_minutes",
            sa.Integer(),
            nullable=False,
            comment="Full minutes of the fastest answer; does not add up",
        ),
        sa.Column(
            "median_minutes",
            sa.Integer(),
            nullable=False,
            comment="Full minutes of the answer in the middle; does not add up",
        ),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint(
            "customer", "day", "responder_id", "counterpart", "date_key", name="pk_agg_response", mssql_clustered=False
        ),
        comment="One row per responder, counterpart and local date of the response; a mail received is answered by the next own mail in the same conversation of the responder's mailbox, within seven days",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "agg_collaboration_day",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column(
            "person_a",
            _exact(100),
            nullable=False,
            comment="A person of dim_person: of two people the one with the lower id",
        ),
        sa.Column(
            "counterpart",
            _exact(320),
            nullable=False,
            comment="The other: person_b, or outside_domain where that is null",
        ),
        sa.Column("date_key", sa.Date(), nullable=False, comment="Date of the mail, meeting or chat message, UTC"),
        sa.Column("week_start", sa.Date(), nullable=False, comment="Monday of the week that date_key is in"),
        sa.Column("person_b", _exact(100), comment="The other person in dim_person; null for outsiders"),
        sa.Column("outside_domain", _exact(320), comment="Domain of outsiders; null between two people"),
        sa.Column("mails", sa.Integer(), nullable=False, comment="Mails that one of them sent and the other received"),
        sa.Column(
            "meetings", sa.Integer(), nullable=False, comment="Meetings of at most eight people that both attended"
        ),
        sa.Column(
            "chats", sa.Integer(), nullable=False, comment="Chat messages that one of them sent and the other received"
        ),
        sa.Column(
            "weight",
            sa.Double(),
            nullable=False,
            comment="Sum of 1/(n-1) over these: n-1 are a mail's or chat's recipients, or a meeting's other people",
        ),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint(
            "customer",
            "day",
            "person_a",
            "counterpart",
            "date_key",
            name="pk_agg_collaboration_day",
            mssql_clustered=False,
        ),
        comment="One row per pair and date, of two people or a person and the domain of outsiders, that shared mails, meetings or chat messages. weight is the sum of 1/(n-1) over all of them, n being the people in each (Newman, Scientific collaboration networks II, Physical Review E 64, 016132, 2001). Meetings of more than eight people are left out: Microsoft Viva Insights calls an interaction of two to eight people meaningful. Drafts, meetings that were cancelled or declined, events of the whole day, and mails that name nobody of the organization do not count",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "dim_date",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column("date_key", sa.Date(), nullable=False, comment="The date"),
        sa.Column("year", sa.Integer(), nullable=False, comment="Calendar year"),
        sa.Column("quarter", sa.Integer(), nullable=False, comment="Quarter, 1 to 4"),
        sa.Column("month", sa.Integer(), nullable=False, comment="Month, 1 to 12"),
        sa.Column("iso_week", sa.Integer(), nullable=False, comment="Week of ISO 8601, 1 to 53"),
        sa.Column("weekday", sa.Integer(), nullable=False, comment="1 is Monday, 7 is Sunday"),
        sa.Column("is_weekend", sa.Boolean(), nullable=False, comment="True on Saturday and Sunday"),
        sa.Column("extraction_id", sa.String(64), comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint("customer", "day", "date_key", name="pk_dim_date", mssql_clustered=False),
        comment="One row per calendar date that the partition's rows fall on, and one for its own day",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "mart_setting",
        sa.Column("name", sa.String(100), nullable=False, comment="minimum_group_size; or 'view' and a view's name"),
        sa.Column("value", sa.Unicode(200), nullable=False, comment="A number as text; of a view the hash of its SQL"),
        sa.Column("comment", sa.Unicode(400), nullable=False, comment="What the value does"),
        sa.PrimaryKeyConstraint("name", name="pk_mart_setting"),
        comment="One row per setting of the mart's views, and one per view that there is",
    )
    op.create_table(
        "data_dictionary",
        sa.Column("table_name", sa.String(100), nullable=False, comment="A table or view of this database"),
        sa.Column("column_name", sa.String(100), nullable=False, comment="Its column; * where it tells what a row is"),
        sa.Column("type", sa.String(100), comment="The column's type, before the server's own name for it"),
        sa.Column(
            "key_of", sa.String(250), comment="The table and key that the column refers to, in the same partition"
        ),
        sa.Column("description", sa.Unicode(1000), nullable=False, comment="What it holds"),
        sa.PrimaryKeyConstraint("table_name", "column_name", name="pk_data_dictionary"),
        comment="One row per table or view and per column of this database: what it holds",
    )
