"""The mart: its dimensions, facts, bridges and the aggregate per person and day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mssql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TIMESTAMP = sa.DateTime().with_variant(mssql.DATETIME2(6), "mssql")


def _exact(length: int) -> sa.types.TypeEngine[str]:
    return sa.Unicode(length).with_variant(mssql.NVARCHAR(length, collation="Latin1_General_100_BIN2"), "mssql")


def upgrade() -> None:
    op.create_table(
        "dim_person",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column("person_id", _exact(100), nullable=False, comment="Entra object id"),
        sa.Column("display_name", sa.Unicode(256), comment="Name as shown in the organization"),
        sa.Column("mail", sa.Unicode(320), comment="Primary address"),
        sa.Column("user_principal_name", sa.Unicode(320), comment="Name used to sign in"),
        sa.Column("department", sa.Unicode(256), comment="Department"),
        sa.Column("job_title", sa.Unicode(256), comment="Job title"),
        sa.Column("office_location", sa.Unicode(256), comment="Office"),
        sa.Column("city", sa.Unicode(256), comment="City"),
        sa.Column("country", sa.Unicode(256), comment="Country"),
        sa.Column("manager_id", _exact(100), comment="Entra object id of the manager; a person of dim_person"),
        sa.Column("manager_name", sa.Unicode(256), comment="Name of the manager"),
        sa.Column("time_zone", sa.Unicode(256), comment="Time zone of the mailbox, as Exchange names it"),
        sa.Column("user_type", sa.Unicode(64), comment="Member or Guest"),
        sa.Column("is_enabled", sa.Boolean(), comment="True where the account can sign in"),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint("customer", "day", "person_id", name="pk_dim_person", mssql_clustered=False),
        comment="One row per person of the organization",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "dim_date",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column("date_key", sa.Date(), nullable=False, comment="The date, in UTC"),
        sa.Column("year", sa.Integer(), nullable=False, comment="Calendar year"),
        sa.Column("quarter", sa.Integer(), nullable=False, comment="Quarter, 1 to 4"),
        sa.Column("month", sa.Integer(), nullable=False, comment="Month, 1 to 12"),
        sa.Column("iso_week", sa.Integer(), nullable=False, comment="Week of ISO 8601, 1 to 53"),
        sa.Column("weekday", sa.Integer(), nullable=False, comment="1 is Monday, 7 is Sunday"),
        sa.Column("is_weekend", sa.Boolean(), nullable=False, comment="True on Saturday and Sunday"),
        sa.Column("extraction_id", sa.String(64), comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint("customer", "day", "date_key", name="pk_dim_date", mssql_clustered=False),
        comment="One row per calendar date that the partition's facts fall on, and one for its own day",
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
            "date_key", sa.Date(), nullable=False, comment="Date of starts_at; where that is unknown, of the creation"
        ),
        sa.Column("duration_minutes", sa.Integer(), comment="Full minutes from start to end"),
        sa.Column("organizer_id", _exact(100), comment="Who organized it; null for outsiders"),
        sa.Column("organizer_address", _exact(320), comment="Address of the organizer, lower case"),
        sa.Column("is_all_day", sa.Boolean(), comment="True where it has no time of day"),
        sa.Column("is_cancelled", sa.Boolean(), comment="True where the organizer canceled it"),
        sa.Column("is_online", sa.Boolean(), comment="True where it has an online meeting"),
        sa.Column("series_type", sa.Unicode(64), comment="singleInstance, occurrence, exception or seriesMaster"),
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
        "agg_person_day",
        sa.Column("customer", sa.String(100), nullable=False, comment="Tenant whose data this is"),
        sa.Column("day", sa.Date(), nullable=False, comment="The partition that loaded the row"),
        sa.Column("person_id", _exact(100), nullable=False, comment="The person in dim_person"),
        sa.Column("date_key", sa.Date(), nullable=False, comment="Date of the activity, UTC"),
        sa.Column("mails_sent", sa.Integer(), nullable=False, comment="Mails sent"),
        sa.Column("mails_received", sa.Integer(), nullable=False, comment="Mails with the person in To, Cc or Bcc"),
        sa.Column(
            "meetings", sa.Integer(), nullable=False, comment="Meetings organized or attended, without those declined"
        ),
        sa.Column("meeting_minutes", sa.Integer(), nullable=False, comment="Full minutes of those meetings"),
        sa.Column("chats_sent", sa.Integer(), nullable=False, comment="Chat messages sent"),
        sa.Column(
            "chats_received", sa.Integer(), nullable=False, comment="Chat messages with the person among the recipients"
        ),
        sa.Column("extraction_id", sa.String(64), nullable=False, comment="The extraction that it comes from"),
        sa.PrimaryKeyConstraint(
            "customer", "day", "person_id", "date_key", name="pk_agg_person_day", mssql_clustered=False
        ),
        comment="One row per person and date with activity; drafts, cancelled and all-day meetings do not count",
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("agg_person_day")
    op.drop_table("fact_chat")
    op.drop_table("bridge_meeting_attendee")
    op.drop_table("fact_meeting")
    op.drop_table("bridge_message_recipient")
    op.drop_table("fact_message")
    op.drop_table("dim_date")
    op.drop_table("dim_person")
