"""Meetings: one row per occurrence, and who was invited.

What belongs here: grain, columns, types and keys. The SQL that fills a table is in `sql/`, under its name.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.database.database import timestamp
from o365_pipeline.mart.tables.columns import address, count, date_key, exact_unicode, extraction_id, person_id, table

fact_meeting = table(
    "fact_meeting",
    "One row per occurrence of a meeting, however many calendars hold it",
    ("meeting_id",),
    sa.Column("meeting_id", exact_unicode(400), comment="iCalUId and start, or a hash of them where they are long"),
    sa.Column("i_cal_u_id", sa.Unicode(1000), comment="iCalUId, shared by the occurrences of a series"),
    sa.Column("starts_at", timestamp(), comment="Start, UTC"),
    sa.Column("ends_at", timestamp(), comment="End, UTC"),
    date_key("Date of starts_at, for an event of the whole day the date as written; where unknown, of the creation"),
    sa.Column("duration_minutes", sa.Integer, comment="Full minutes that pass from start to end"),
    person_id("organizer_id", "Who organized it; null for outsiders"),
    address("organizer_address", "Address of the organizer, lower case"),
    sa.Column("is_all_day", sa.Boolean, comment="True where it has no time of day"),
    sa.Column("is_cancelled", sa.Boolean, comment="True where the organizer canceled it"),
    sa.Column("is_online", sa.Boolean, comment="True where it has an online meeting"),
    sa.Column(
        "is_zone_assumed",
        sa.Boolean,
        nullable=False,
        comment="True where it names no known time zone, so that its times were taken to be in the mailbox's",
    ),
    sa.Column("series_type", sa.Unicode(64), comment="singleInstance, occurrence or exception"),
    sa.Column("is_recurring", sa.Boolean, nullable=False, comment="True for an occurrence of a series"),
    sa.Column("series_id", exact_unicode(400), comment="What the occurrences of a series share; null for others"),
    count("attendee_count", "Addresses in bridge_meeting_attendee, the organizer's included"),
    count("copies", "Mailboxes whose calendar held it"),
    sa.Column("source", sa.String(20), nullable=False, comment="calendar_view, or event where that was not extracted"),
    extraction_id(),
)


bridge_meeting_attendee = table(
    "bridge_meeting_attendee",
    "One row per meeting and address, the organizer's included",
    ("meeting_id", "attendee_address"),
    sa.Column("meeting_id", exact_unicode(400), comment="The meeting in fact_meeting"),
    address("attendee_address", "Address of the attendee, lower case"),
    person_id("person_id", "Whose address it is; null for outsiders and lists"),
    sa.Column("kind", sa.Unicode(64), nullable=False, comment="organizer, required, optional or resource"),
    sa.Column("response", sa.Unicode(64), nullable=False, comment="accepted, tentativelyAccepted, declined, none, ..."),
    extraction_id(),
)
