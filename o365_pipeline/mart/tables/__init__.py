"""The mart's tables: grain, columns, types and keys, with the comments that become its data dictionary.

What belongs here: the list of the tables; each is in the module of its subject. The SQL that fills them is in `sql/`,
one file per table; a change of a table needs a migration in `migrations/versions/`.

Every table is keyed by the partition that loaded it (customer, day) and then by its own key, so joins are always on
customer, day and that key. There are no foreign keys: each table is loaded in a transaction of its own, and whoever is
outside the organization has no row in dim_person.
"""

from __future__ import annotations

from o365_pipeline.mart.tables.chats import fact_chat
from o365_pipeline.mart.tables.mail import bridge_message_recipient, fact_message
from o365_pipeline.mart.tables.meetings import bridge_meeting_attendee, fact_meeting
from o365_pipeline.mart.tables.people import dim_date, dim_person
from o365_pipeline.mart.tables.sites import (
    agg_site_exposure,
    agg_site_storage,
    bridge_sharing_grantee,
    dim_site,
    fact_file_action,
    fact_sharing_link,
)
from o365_pipeline.mart.tables.time import agg_person_day

__all__ = [
    "MART_TABLES",
    "agg_person_day",
    "agg_site_exposure",
    "agg_site_storage",
    "bridge_meeting_attendee",
    "bridge_message_recipient",
    "bridge_sharing_grantee",
    "dim_date",
    "dim_person",
    "dim_site",
    "fact_chat",
    "fact_file_action",
    "fact_meeting",
    "fact_message",
    "fact_sharing_link",
]

MART_TABLES = (
    dim_person,
    bridge_message_recipient,
    fact_message,
    bridge_meeting_attendee,
    fact_meeting,
    fact_chat,
    dim_site,
    bridge_sharing_grantee,
    fact_sharing_link,
    fact_file_action,
    agg_site_exposure,
    agg_site_storage,
    dim_date,
    agg_person_day,
)
"""In the order in which a partition is loaded: a table comes after those that its SQL reads."""
