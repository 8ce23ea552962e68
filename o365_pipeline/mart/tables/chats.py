"""Teams chats between people.

What belongs here: grain, columns, types and keys. The SQL that fills a table is in `sql/`, under its name.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.database.database import timestamp
from o365_pipeline.mart.tables.columns import address, count, date_key, exact_unicode, extraction_id, person_id, table

fact_chat = table(
    "fact_chat",
    "One row per Teams chat message, however many mailboxes hold a copy",
    ("chat_message_id",),
    sa.Column("chat_message_id", exact_unicode(400), comment="Epoch in milliseconds and the sender's address"),
    sa.Column("sent_at", timestamp(), comment="When it was sent, UTC"),
    date_key("Date of sent_at; where that is unknown, of the creation"),
    person_id("sender_id", "Who sent it; null for outsiders"),
    address("sender_address", "Address of the sender, lower case"),
    sa.Column("conversation_id", sa.Unicode(400), comment="Chat, as the chosen copy's mailbox knows it"),
    count("recipient_count", "Distinct addresses that it went to"),
    count("copies", "Mailboxes that held a copy"),
    sa.Column("has_attachments", sa.Boolean, comment="True where files are attached"),
    sa.Column("importance", sa.Unicode(64), comment="normal, high or urgent"),
    extraction_id(),
)
