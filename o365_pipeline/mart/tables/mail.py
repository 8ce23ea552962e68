"""Mail: one row per mail, whoever holds a copy, and to whom it went.

What belongs here: grain, columns, types and keys. The SQL that fills a table is in `sql/`, under its name.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.database.database import timestamp
from o365_pipeline.mart.tables.columns import address, count, date_key, exact_unicode, extraction_id, person_id, table

fact_message = table(
    "fact_message",
    "One row per mail, however many mailboxes hold a copy",
    ("message_id",),
    sa.Column("message_id", exact_unicode(400), comment="internetMessageId, or a hash of it where it is long"),
    sa.Column("sent_at", timestamp(), comment="When it was sent, UTC"),
    sa.Column("received_at", timestamp(), comment="When the first copy was received, UTC"),
    date_key("Date of sent_at; where that is unknown, of the creation"),
    person_id("sender_id", "Who sent it; null for outsiders"),
    address("sender_address", "Address of the sender, lower case"),
    sa.Column("conversation_id", sa.Unicode(400), comment="Thread, as the chosen copy's mailbox knows it"),
    sa.Column("importance", sa.Unicode(64), comment="low, normal or high"),
    sa.Column("has_attachments", sa.Boolean, comment="True where files are attached"),
    sa.Column("is_draft", sa.Boolean, comment="True while it has not been sent"),
    count("recipient_count", "Distinct addresses in To, Cc and Bcc"),
    count("copies", "Mailboxes that held a copy"),
    extraction_id(),
)


bridge_message_recipient = table(
    "bridge_message_recipient",
    "One row per mail, kind of recipient and address",
    ("message_id", "kind", "recipient_address"),
    sa.Column("message_id", exact_unicode(400), comment="The mail in fact_message"),
    sa.Column("kind", sa.String(10), comment="to, cc or bcc"),
    address("recipient_address", "Address of the recipient, lower case"),
    person_id("person_id", "Whose address it is; null for outsiders and lists"),
    extraction_id(),
)


bridge_message_holder = table(
    "bridge_message_holder",
    "One row per mail and mailbox that held a copy",
    ("message_id", "person_id"),
    sa.Column("message_id", exact_unicode(400), comment="The mail in fact_message"),
    person_id("person_id", "Whose mailbox it is"),
    sa.Column("conversation_id", exact_unicode(400), comment="Thread, as this mailbox knows it"),
    sa.Column("is_read", sa.Boolean, comment="True where every copy of the mailbox is marked as read"),
    sa.Column("is_sender", sa.Boolean, nullable=False, comment="True where the mailbox is the sender's"),
    extraction_id(),
)
