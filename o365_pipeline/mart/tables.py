"""The mart's tables: grain, columns, types and keys, with the comments that become its data dictionary.

What belongs here: the tables alone. The SQL that fills them is in `sql/`, one file per table; a change here needs a
migration in `migrations/versions/`.

Every table is keyed by the partition that loaded it (customer, day) and then by its own key, so joins are always on
customer, day and that key. There are no foreign keys: each table is loaded in a transaction of its own, and whoever is
outside the organization has no row in dim_person.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.database import exact_unicode, metadata, timestamp


def _table(name: str, grain: str, key: tuple[str, ...], *columns: sa.Column) -> sa.Table:
    """A mart table: the partition's columns, its own, and the extraction that every row comes from."""
    return sa.Table(
        name,
        metadata,
        sa.Column("customer", sa.String(100), comment="Tenant whose data this is"),
        sa.Column("day", sa.Date, comment="The partition that loaded the row"),
        *columns,
        # A clustered index of SQL Server ends at 900 bytes, which these keys can pass; another one ends at 1,700.
        sa.PrimaryKeyConstraint("customer", "day", *key, mssql_clustered=False),
        comment=grain,
        # The rows lie in the key's order instead of beside an index that repeats the key: half the file.
        sqlite_with_rowid=False,
    )


def _extraction_id(nullable: bool = False) -> sa.Column[str]:
    return sa.Column("extraction_id", sa.String(64), nullable=nullable, comment="The extraction that it comes from")


def _person_id(name: str, comment: str) -> sa.Column[str]:
    return sa.Column(name, exact_unicode(100), comment=comment)


def _address(name: str, comment: str) -> sa.Column[str]:
    return sa.Column(name, exact_unicode(320), comment=comment)


def _date_key(comment: str) -> sa.Column[object]:
    return sa.Column("date_key", sa.Date, nullable=False, comment=comment)


def _count(name: str, comment: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, comment=comment)


dim_person = _table(
    "dim_person",
    "One row per person of the organization",
    ("person_id",),
    _person_id("person_id", "Entra object id"),
    sa.Column("display_name", sa.Unicode(256), comment="Name as shown in the organization"),
    sa.Column("mail", sa.Unicode(320), comment="Primary address"),
    sa.Column("user_principal_name", sa.Unicode(320), comment="Name used to sign in"),
    sa.Column("department", sa.Unicode(256), comment="Department"),
    sa.Column("job_title", sa.Unicode(256), comment="Job title"),
    sa.Column("office_location", sa.Unicode(256), comment="Office"),
    sa.Column("city", sa.Unicode(256), comment="City"),
    sa.Column("country", sa.Unicode(256), comment="Country"),
    _person_id("manager_id", "Entra object id of the manager; a person of dim_person"),
    sa.Column("manager_name", sa.Unicode(256), comment="Name of the manager"),
    sa.Column("time_zone", sa.Unicode(256), comment="Time zone of the mailbox, as Exchange names it"),
    sa.Column("user_type", sa.Unicode(64), comment="Member or Guest"),
    sa.Column("is_enabled", sa.Boolean, comment="True where the account can sign in"),
    _extraction_id(),
)

dim_date = _table(
    "dim_date",
    "One row per calendar date that the partition's facts fall on, and one for its own day",
    ("date_key",),
    _date_key("The date, in UTC"),
    _count("year", "Calendar year"),
    _count("quarter", "Quarter, 1 to 4"),
    _count("month", "Month, 1 to 12"),
    _count("iso_week", "Week of ISO 8601, 1 to 53"),
    _count("weekday", "1 is Monday, 7 is Sunday"),
    sa.Column("is_weekend", sa.Boolean, nullable=False, comment="True on Saturday and Sunday"),
    _extraction_id(nullable=True),
)

fact_message = _table(
    "fact_message",
    "One row per mail, however many mailboxes hold a copy",
    ("message_id",),
    sa.Column("message_id", exact_unicode(400), comment="internetMessageId, or a hash of it where it is long"),
    sa.Column("sent_at", timestamp(), comment="When it was sent, UTC"),
    sa.Column("received_at", timestamp(), comment="When the first copy was received, UTC"),
    _date_key("Date of sent_at; where that is unknown, of the creation"),
    _person_id("sender_id", "Who sent it; null for outsiders"),
    _address("sender_address", "Address of the sender, lower case"),
    sa.Column("conversation_id", sa.Unicode(400), comment="Thread, as the chosen copy's mailbox knows it"),
    sa.Column("importance", sa.Unicode(64), comment="low, normal or high"),
    sa.Column("has_attachments", sa.Boolean, comment="True where files are attached"),
    sa.Column("is_draft", sa.Boolean, comment="True while it has not been sent"),
    _count("recipient_count", "Distinct addresses in To, Cc and Bcc"),
    _count("copies", "Mailboxes that held a copy"),
    _extraction_id(),
)

bridge_message_recipient = _table(
    "bridge_message_recipient",
    "One row per mail, kind of recipient and address",
    ("message_id", "kind", "recipient_address"),
    sa.Column("message_id", exact_unicode(400), comment="The mail in fact_message"),
    sa.Column("kind", sa.String(10), comment="to, cc or bcc"),
    _address("recipient_address", "Address of the recipient, lower case"),
    _person_id("person_id", "Whose address it is; null for outsiders and lists"),
    _extraction_id(),
)

fact_meeting = _table(
    "fact_meeting",
    "One row per occurrence of a meeting, however many calendars hold it",
    ("meeting_id",),
    sa.Column("meeting_id", exact_unicode(400), comment="iCalUId and start, or a hash of them where they are long"),
    sa.Column("i_cal_u_id", sa.Unicode(1000), comment="iCalUId, shared by the occurrences of a series"),
    sa.Column("starts_at", timestamp(), comment="Start, UTC"),
    sa.Column("ends_at", timestamp(), comment="End, UTC"),
    _date_key("Date of starts_at; where that is unknown, of the creation"),
    sa.Column("duration_minutes", sa.Integer, comment="Full minutes from start to end"),
    _person_id("organizer_id", "Who organized it; null for outsiders"),
    _address("organizer_address", "Address of the organizer, lower case"),
    sa.Column("is_all_day", sa.Boolean, comment="True where it has no time of day"),
    sa.Column("is_cancelled", sa.Boolean, comment="True where the organizer canceled it"),
    sa.Column("is_online", sa.Boolean, comment="True where it has an online meeting"),
    sa.Column("series_type", sa.Unicode(64), comment="singleInstance, occurrence, exception or seriesMaster"),
    _count("attendee_count", "Addresses in bridge_meeting_attendee, the organizer's included"),
    _count("copies", "Mailboxes whose calendar held it"),
    sa.Column("source", sa.String(20), nullable=False, comment="calendar_view, or event where that was not extracted"),
    _extraction_id(),
)

bridge_meeting_attendee = _table(
    "bridge_meeting_attendee",
    "One row per meeting and address, the organizer's included",
    ("meeting_id", "attendee_address"),
    sa.Column("meeting_id", exact_unicode(400), comment="The meeting in fact_meeting"),
    _address("attendee_address", "Address of the attendee, lower case"),
    _person_id("person_id", "Whose address it is; null for outsiders and lists"),
    sa.Column("kind", sa.Unicode(64), nullable=False, comment="organizer, required, optional or resource"),
    sa.Column("response", sa.Unicode(64), nullable=False, comment="accepted, tentativelyAccepted, declined, none, ..."),
    _extraction_id(),
)

fact_chat = _table(
    "fact_chat",
    "One row per Teams chat message, however many mailboxes hold a copy",
    ("chat_message_id",),
    sa.Column("chat_message_id", exact_unicode(400), comment="Epoch in milliseconds and the sender's address"),
    sa.Column("sent_at", timestamp(), comment="When it was sent, UTC"),
    _date_key("Date of sent_at; where that is unknown, of the creation"),
    _person_id("sender_id", "Who sent it; null for outsiders"),
    _address("sender_address", "Address of the sender, lower case"),
    sa.Column("conversation_id", sa.Unicode(400), comment="Chat, as the chosen copy's mailbox knows it"),
    _count("recipient_count", "Distinct addresses that it went to"),
    _count("copies", "Mailboxes that held a copy"),
    sa.Column("has_attachments", sa.Boolean, comment="True where files are attached"),
    sa.Column("importance", sa.Unicode(64), comment="normal, high or urgent"),
    _extraction_id(),
)

agg_person_day = _table(
    "agg_person_day",
    "One row per person and date with activity; drafts, cancelled and all-day meetings do not count",
    ("person_id", "date_key"),
    _person_id("person_id", "The person in dim_person"),
    _date_key("Date of the activity, UTC"),
    _count("mails_sent", "Mails sent"),
    _count("mails_received", "Mails with the person in To, Cc or Bcc"),
    _count("meetings", "Meetings organized or attended, without those declined"),
    _count("meeting_minutes", "Full minutes of those meetings"),
    _count("chats_sent", "Chat messages sent"),
    _count("chats_received", "Chat messages with the person among the recipients"),
    _extraction_id(),
)

MART_TABLES = (
    dim_person,
    bridge_message_recipient,
    fact_message,
    bridge_meeting_attendee,
    fact_meeting,
    fact_chat,
    dim_date,
    agg_person_day,
)
"""In the order in which a partition is loaded: a table comes after those that its SQL reads."""
