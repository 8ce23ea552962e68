"""Where people's time goes, and with whom they work: what is counted per person, or pair of people, and date.

What belongs here: grain, columns, types and keys. The SQL that fills a table is in `sql/`, under its name.

A local date has hours in two partitions, of two days in UTC. What is counted adds up over them: sum over `day`.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.mart.tables.columns import (
    count,
    date_key,
    exact_unicode,
    extraction_id,
    person_id,
    table,
    week_start,
)


def counterpart(comment: str) -> sa.Column[str]:
    return sa.Column("counterpart", exact_unicode(320), comment=comment)


agg_person_day = table(
    "agg_person_day",
    "One row per person and local date with activity or focus time, to be summed over the partitions that hold the "
    "date; drafts, meetings that were cancelled or declined, and events of the whole day do not count",
    ("person_id", "date_key"),
    person_id("person_id", "The person in dim_person"),
    date_key("Date of the activity in the person's time zone; UTC where that is unknown"),
    week_start(),
    count("mails_sent", "Mails sent"),
    count("mails_received", "Mails with the person in To, Cc or Bcc, their own to themselves included"),
    count("external_mails_sent", "Of the mails sent, those with a recipient outside dim_customer.own_domains"),
    count("after_hours_mails_sent", "Of the mails sent, those outside the person's working hours"),
    count("meetings", "Meetings organized or attended"),
    count("meeting_minutes", "Full minutes of those meetings, each in full on the date that it starts on"),
    count("busy_minutes", "The same where those that overlap count once"),
    count("after_hours_meeting_minutes", "Of the meeting minutes, those outside the person's working hours"),
    count("chats_sent", "Chat messages sent"),
    count("chats_received", "Chat messages with the person among the recipients"),
    count("after_hours_chats_sent", "Of the chat messages sent, those outside the person's working hours"),
    sa.Column(
        "focus_minutes",
        sa.Integer,
        comment="Minutes of the working hours in blocks of two hours or more without a meeting in the person's own "
        "calendar; in the partition in which the local date ends, and null in others, on days off and where no "
        "calendar is known",
    ),
    extraction_id(),
)


agg_response = table(
    "agg_response",
    "One row per responder, counterpart and local date of the response; a mail received is answered by the next own "
    "mail in the same conversation of the responder's mailbox, within seven days",
    ("responder_id", "counterpart", "date_key"),
    person_id("responder_id", "Who answered; a person of dim_person"),
    counterpart("Whose mail was answered: counterpart_id, or counterpart_domain where that is null"),
    date_key("Date of the answer in the responder's time zone; UTC where that is unknown"),
    week_start(),
    person_id("counterpart_id", "The sender in dim_person; null for outsiders and lists"),
    sa.Column("counterpart_domain", exact_unicode(320), comment="Domain of a sender who is not in dim_person"),
    count("responses", "Mails received that were answered on that date"),
    count("response_minutes", "Full minutes from their receipt to their answer, summed"),
    count("fastest_minutes", "Full minutes of the fastest answer; does not add up"),
    count("median_minutes", "Full minutes of the answer in the middle; does not add up"),
    extraction_id(),
)


agg_collaboration_day = table(
    "agg_collaboration_day",
    "One row per pair and date, of two people or a person and the domain of outsiders, that shared mails, meetings or "
    "chat messages. weight is the sum of 1/(n-1) over all of them, n being the people in each (Newman, Scientific "
    "collaboration networks II, Physical Review E 64, 016132, 2001). Meetings of more than eight people are left out: "
    "Microsoft Viva Insights calls an interaction of two to eight people meaningful. Drafts, meetings that were "
    "cancelled or declined, events of the whole day, and mails that name nobody of the organization do not count",
    ("person_a", "counterpart", "date_key"),
    person_id("person_a", "A person of dim_person: of two people the one with the lower id"),
    counterpart("The other: person_b, or outside_domain where that is null"),
    date_key("Date of the mail, meeting or chat message, UTC"),
    week_start(),
    person_id("person_b", "The other person in dim_person; null for outsiders"),
    sa.Column("outside_domain", exact_unicode(320), comment="Domain of outsiders; null between two people"),
    count("mails", "Mails that one of them sent and the other received"),
    count("meetings", "Meetings of at most eight people that both attended"),
    count("chats", "Chat messages that one of them sent and the other received"),
    sa.Column(
        "weight",
        sa.Double,
        nullable=False,
        comment="Sum of 1/(n-1) over these: n-1 are a mail's or chat's recipients, or a meeting's other people",
    ),
    extraction_id(),
)

# Who works with a person or an organization is asked from the other side of a pair too.
sa.Index(None, agg_collaboration_day.c.customer, agg_collaboration_day.c.day, agg_collaboration_day.c.counterpart)
