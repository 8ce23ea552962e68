"""What the star holds: which of the mart's tables, under which names, and which of their numbers add up.

What belongs here: what cannot be read out of the tables themselves. The model is made in `model.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

DIMENSIONS: Mapping[str, str] = {
    "customer": "One row per customer, as of the newest day",
    "person": "One row per person that is or was in the mart, as the newest day tells that has the person",
    "group": "One row per group that is or was in the mart, as the newest day tells that has the group",
    "channel": "One row per channel that is or was in the mart, as the newest day tells that has the channel",
    "site": "One row per site that is or was in the mart, as the newest day tells that has the site",
    "device": "One row per device that is or was in the mart, as the newest day tells that has the device",
    "sync_app": "One row per OneDrive sync app that is or was in the mart, as the newest day tells that has it",
}
"""What is described, by the name of its table without dim_."""

WITH_HISTORY: Mapping[str, str] = {
    "person": "One row per person and day of the mart: the person as it was then, to count people over time and to "
    "tell of a fact what held on its day",
    "group": "One row per group and day of the mart: the group as it was then",
    "site": "One row per site and day of the mart: the site as it was then, and what it stored",
}
"""What is kept for each day, too, since reports ask what it was then."""

FACTS: Mapping[str, str] = {
    "fact_message": "mail",
    "bridge_message_recipient": "mail_recipient",
    "bridge_message_holder": "mail_holder",
    "fact_meeting": "meeting",
    "bridge_meeting_attendee": "meeting_attendee",
    "fact_chat": "chat",
    "fact_channel_message": "channel_message",
    "fact_group_message": "group_mail",
    "fact_call": "call",
    "bridge_call_participant": "call_participant",
    "bridge_group_member": "group_member",
    "agg_group_person_day": "group_person_day",
    "agg_group_day": "group_day",
    "agg_signal_day": "signal_day",
    "fact_task": "task",
    "fact_sync_error": "sync_error",
    "bridge_person_license": "license",
    "fact_viva_metric": "viva_metric",
    "fact_sharing_link": "sharing_link",
    "bridge_sharing_grantee": "sharing_grantee",
    "fact_file_action": "file_action",
    "agg_site_exposure": "site_exposure",
    "agg_site_storage": "site_storage",
    "agg_person_day": "person_day",
    "agg_response": "response_day",
    "agg_collaboration_day": "collaboration_day",
}
"""What happened, was shared or counted: the star's name of each table."""

SNAPSHOTS = {
    *("bridge_group_member", "fact_task", "fact_sync_error", "bridge_person_license", "fact_viva_metric"),
    *("fact_sharing_link", "bridge_sharing_grantee", "agg_site_exposure", "agg_site_storage"),
}
"""Tables whose rows come again on another day: they do not add up over days."""

DOES_NOT_ADD_UP = {
    *("level", "work_starts", "work_ends", "percent_complete", "depth", "error_number"),
    *("fastest_minutes", "median_minutes", "version_share", "influence_score", "unsynced_days"),
    *("age_days", "inactive_days", "unvisited_days", "guest_domains"),
}
"""Numbers that rows are told apart by, and those of which the sum says nothing."""

DISTINCT_PEOPLE = {
    "agg_site_exposure": {"guests"},
    "agg_group_day": {"members", "active_members", "active_guests", "senders"},
}
"""Numbers of different people, who may be the same in the next row."""

SUMS_OF_DAYS = {"agg_site_storage": {"age_days", "inactive_days"}}

UNITS = {"work_starts": "minute of the day", "work_ends": "minute of the day", "percent_complete": "%"}
