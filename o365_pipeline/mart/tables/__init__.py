"""The mart's tables: grain, columns, types and keys, with the comments that become the data dictionary.

What belongs here: the list of the tables; each table is in the module of its subject. The SQL that fills a table is in
`mart/sql/`, one file per table. A change of a table needs a migration in `mart/migrations/versions/`.

Every table is keyed by the partition that loaded it (customer, day) and then by its own key, so joins are always on
customer, day and that key. There are no foreign keys: each table is loaded in a transaction of its own, and people
outside the organization have no row in dim_person.
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from o365_pipeline.mart.tables.chats import fact_chat
from o365_pipeline.mart.tables.devices import bridge_person_license, dim_device, dim_sync_app, fact_sync_error
from o365_pipeline.mart.tables.groups import (
    agg_group_day,
    agg_group_person_day,
    bridge_group_member,
    dim_group,
    fact_group_message,
)
from o365_pipeline.mart.tables.mail import bridge_message_holder, bridge_message_recipient, fact_message
from o365_pipeline.mart.tables.meetings import bridge_meeting_attendee, fact_meeting
from o365_pipeline.mart.tables.people import dim_customer, dim_date, dim_person
from o365_pipeline.mart.tables.settings import mart_setting
from o365_pipeline.mart.tables.signals import agg_signal_day
from o365_pipeline.mart.tables.sites import (
    agg_site_exposure,
    agg_site_storage,
    bridge_sharing_grantee,
    dim_site,
    fact_file_action,
    fact_sharing_link,
)
from o365_pipeline.mart.tables.tasks import fact_task
from o365_pipeline.mart.tables.teams import bridge_call_participant, dim_channel, fact_call, fact_channel_message
from o365_pipeline.mart.tables.time import agg_collaboration_day, agg_person_day, agg_response
from o365_pipeline.mart.tables.viva import fact_viva_metric

__all__ = [
    "MART_TABLES",
    "SUBJECTS",
    "agg_collaboration_day",
    "agg_group_day",
    "agg_group_person_day",
    "agg_person_day",
    "agg_response",
    "agg_signal_day",
    "agg_site_exposure",
    "agg_site_storage",
    "bridge_call_participant",
    "bridge_group_member",
    "bridge_meeting_attendee",
    "bridge_message_holder",
    "bridge_message_recipient",
    "bridge_person_license",
    "bridge_sharing_grantee",
    "dim_channel",
    "dim_customer",
    "dim_date",
    "dim_device",
    "dim_group",
    "dim_person",
    "dim_site",
    "dim_sync_app",
    "fact_call",
    "fact_channel_message",
    "fact_chat",
    "fact_file_action",
    "fact_group_message",
    "fact_meeting",
    "fact_message",
    "fact_sharing_link",
    "fact_sync_error",
    "fact_task",
    "fact_viva_metric",
    "mart_setting",
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
    bridge_group_member,
    dim_group,
    fact_channel_message,
    dim_channel,
    fact_group_message,
    bridge_call_participant,
    fact_call,
    agg_group_person_day,
    agg_group_day,
    agg_signal_day,
    fact_task,
    dim_device,
    dim_sync_app,
    fact_sync_error,
    bridge_person_license,
    fact_viva_metric,
    dim_site,
    bridge_sharing_grantee,
    fact_sharing_link,
    fact_file_action,
    agg_site_exposure,
    agg_site_storage,
    agg_person_day,
    agg_response,
    agg_collaboration_day,
    dim_date,
)
"""The order in which a partition is loaded: each table comes after the tables that its SQL reads."""

SUBJECTS: Mapping[str, tuple[sa.Table, ...]] = {
    "people": (dim_person, dim_customer),
    "mail": (fact_message, bridge_message_recipient, bridge_message_holder),
    "meetings": (fact_meeting, bridge_meeting_attendee),
    "chats": (fact_chat,),
    "teams": (dim_channel, fact_channel_message, fact_call, bridge_call_participant),
    "groups": (dim_group, bridge_group_member, fact_group_message, agg_group_day, agg_group_person_day),
    "sites": (
        *(dim_site, fact_sharing_link, bridge_sharing_grantee, fact_file_action),
        *(agg_site_exposure, agg_site_storage),
    ),
    "tasks": (fact_task,),
    "devices": (dim_device, dim_sync_app, fact_sync_error, bridge_person_license),
    "time": (agg_person_day, agg_collaboration_day, agg_response, dim_date),
    "signals": (agg_signal_day,),
    "viva": (fact_viva_metric,),
}
"""The tables by what they are about."""
