"""Where people's time goes: what is counted per person and date.

What belongs here: grain, columns, types and keys. The SQL that fills a table is in `sql/`, under its name.
"""

from __future__ import annotations

from o365_pipeline.mart.tables.columns import count, date_key, extraction_id, person_id, table

agg_person_day = table(
    "agg_person_day",
    "One row per person and date with activity; drafts, cancelled and all-day meetings do not count",
    ("person_id", "date_key"),
    person_id("person_id", "The person in dim_person"),
    date_key("Date of the activity, UTC"),
    count("mails_sent", "Mails sent"),
    count("mails_received", "Mails with the person in To, Cc or Bcc"),
    count("meetings", "Meetings organized or attended, without those declined"),
    count("meeting_minutes", "Full minutes of those meetings"),
    count("chats_sent", "Chat messages sent"),
    count("chats_received", "Chat messages with the person among the recipients"),
    extraction_id(),
)
