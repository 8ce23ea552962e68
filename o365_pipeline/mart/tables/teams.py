"""Teams: channels, what is written in them, calls and who took part in them. Chats between people are in `chats.py`.

What belongs here: grain, columns, types and keys. The SQL that fills a table is in `sql/`, under its name.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.database.database import timestamp
from o365_pipeline.mart.tables.columns import address, count, date_key, exact_unicode, extraction_id, person_id, table
from o365_pipeline.mart.tables.groups import group_id

dim_channel = table(
    "dim_channel",
    "One row per channel, and one per team of which no channel is known or a message's channel is not",
    ("channel_id",),
    sa.Column("channel_id", exact_unicode(400), comment="Thread of the channel; group_id where the channel is unknown"),
    sa.Column("channel_name", sa.Unicode(256), comment="Name of the channel; null where the channel is unknown"),
    sa.Column("membership_type", sa.Unicode(64), comment="standard, private or shared"),
    sa.Column("created_at", timestamp(), comment="When the channel was made, UTC"),
    group_id(),
    sa.Column("team_name", sa.Unicode(256), comment="Name of the team"),
    sa.Column("team_visibility", sa.Unicode(64), comment="Public, Private or HiddenMembership"),
    address("team_mail", "Address of the team's group, lower case"),
    extraction_id(),
)

fact_channel_message = table(
    "fact_channel_message",
    "One row per message in a standard channel of a team",
    ("channel_message_id",),
    sa.Column("channel_message_id", exact_unicode(400), comment="Hash of the team and the message's id in it"),
    sa.Column("sent_at", timestamp(), comment="When it was sent, UTC"),
    date_key("Date of sent_at, UTC; where that is unknown, the partition's day"),
    group_id(),
    sa.Column(
        "channel_id",
        exact_unicode(400),
        nullable=False,
        comment="The channel in dim_channel, as the sender's signal tells it; group_id where there is no such signal",
    ),
    person_id("sender_id", "Who sent it; null for outsiders"),
    address("sender_address", "Address of the sender, lower case; null where only an object id is given"),
    sa.Column("conversation_id", sa.Unicode(400), comment="Thread in the team"),
    sa.Column(
        "is_reply",
        sa.Boolean,
        nullable=False,
        comment="True where the sender's signal says so; without one, where the thread has an earlier message",
    ),
    sa.Column("importance", sa.Unicode(64), comment="normal, high or urgent"),
    extraction_id(),
)

fact_call = table(
    "fact_call",
    "One row per call or online meeting, however many people have a copy of its record",
    ("call_id",),
    sa.Column("call_id", exact_unicode(400), comment="CommunicationId, or a hash where it is long or none"),
    sa.Column("starts_at", timestamp(), comment="Start, UTC"),
    sa.Column("ends_at", timestamp(), comment="End, UTC"),
    date_key("Date of starts_at, UTC; where that is unknown, of the record, made some nine hours after the end"),
    sa.Column("duration_minutes", sa.Integer, comment="Full minutes from start to end"),
    sa.Column("kind", sa.Unicode(64), comment="call or meeting"),
    sa.Column("sub_type", sa.Unicode(64), comment="MissedCall, VoiceMail, ScheduledMeeting, ..."),
    person_id("organizer_id", "Who called or organized it; null for outsiders"),
    sa.Column("i_cal_u_id", sa.Unicode(1000), comment="iCalUId in upper case, as in fact_meeting; null for calls"),
    sa.Column("thread_id", sa.Unicode(400), comment="Thread of its chat or channel"),
    sa.Column("channel_id", exact_unicode(400), comment="The channel in dim_channel; null outside of known channels"),
    group_id(),
    count("participant_count", "Participants in bridge_call_participant"),
    count("external_count", "Participants of other organizations, by phone or without a name"),
    count("copies", "People who have a copy of the record"),
    extraction_id(),
)

bridge_call_participant = table(
    "bridge_call_participant",
    "One row per call and participant, without bots and recorders; the caller of a call is one",
    ("call_id", "participant_id"),
    sa.Column("call_id", exact_unicode(400), comment="The call in fact_call"),
    sa.Column("participant_id", exact_unicode(100), comment="Entra object id; a hash of the name where there is none"),
    person_id("person_id", "The person in dim_person; null for outsiders"),
    sa.Column("is_organizer", sa.Boolean, nullable=False, comment="True for who called or organized it"),
    sa.Column(
        "is_external",
        sa.Boolean,
        nullable=False,
        comment="True where the tenant is another; where none is given, for who is not in dim_person",
    ),
    sa.Column("joined_at", timestamp(), comment="First time that the participant joined, UTC"),
    sa.Column("left_at", timestamp(), comment="Last time that the participant left, UTC"),
    sa.Column("minutes", sa.Integer, comment="Full minutes in the call; null where the record has no actions"),
    extraction_id(),
)
