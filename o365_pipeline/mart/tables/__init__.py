"""The mart's tables: grain, columns, types and keys, with the comments that become its data dictionary.

What belongs here: the list of the tables; each is in the module of its subject. The SQL that fills them is in `sql/`,
one file per table; a change of a table needs a migration in `migrations/versions/`.

Every table is keyed by the partition that loaded it (customer, day) and then by its own key, so joins are always on
customer, day and that key. There are no foreign keys: each table is loaded in a transaction of its own, and whoever is
outside the organization has no row in dim_person.
"""

from __future__ import annotations

from o365_pipeline.mart.tables.chats import fact_chat
from o365_pipeline.mart.tables.mail import bridge_message_holder, bridge_message_recipient, fact_message
from o365_pipeline.mart.tables.meetings import bridge_meeting_attendee, fact_meeting
from o365_pipeline.mart.tables.people import dim_customer, dim_date, dim_person
from o365_pipeline.mart.tables.time import agg_collaboration_day, agg_person_day, agg_response

__all__ = [
    "MART_TABLES",
    "agg_collaboration_day",
    "agg_person_day",
    "agg_response",
    "bridge_meeting_attendee",
    "bridge_message_holder",
    "bridge_message_recipient",
    "dim_customer",
    "dim_date",
    "dim_person",
    "fact_chat",
    "fact_meeting",
    "fact_message",
]

MART_TABLES = (
    dim_person,
    dim_customer,
    bridge_message_recipient,
    bridge_message_holder,
    fact_message,
    bridge_meeting_attendee,
    fact_meeting,
    fact_chat,
    agg_person_day,
    agg_response,
    agg_collaboration_day,
    dim_date,
)
"""In the order in which a partition is loaded: a table comes after those that its SQL reads."""
