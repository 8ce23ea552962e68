"""Which synthetic rows each dataset has: those of its own generator, or those that `typed_rows.py` makes by type.

What belongs here: the choice, and how versions of a dataset spell the same columns. The items and their columns belong
to `mail_rows.py` and the like.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from o365_pipeline.datasets import Dataset
from o365_pipeline.sandbox.tenant.activity_rows import SIGNAL_COLUMNS, signals
from o365_pipeline.sandbox.tenant.calendar_rows import CALENDAR_COLUMNS, created_entries, occurrences
from o365_pipeline.sandbox.tenant.call_rows import CALL_COLUMNS, call_records
from o365_pipeline.sandbox.tenant.chat_rows import CHAT_COLUMNS, chat_copies
from o365_pipeline.sandbox.tenant.device_rows import DEVICE_COLUMNS, LICENSE_COLUMNS, devices, licenses
from o365_pipeline.sandbox.tenant.directory_rows import (
    MAILBOX_COLUMNS,
    PERSON_COLUMNS,
    mailboxes,
    managers,
    reports,
    users,
)
from o365_pipeline.sandbox.tenant.file_action_rows import ACTION_COLUMNS, actions
from o365_pipeline.sandbox.tenant.group_rows import (
    CHANNEL_COLUMNS,
    GROUP_COLUMNS,
    MEMBERSHIP_COLUMNS,
    POST_COLUMNS,
    channel_messages,
    channels,
    group_details,
    group_members,
    group_owners,
)
from o365_pipeline.sandbox.tenant.groups import Group
from o365_pipeline.sandbox.tenant.mail_rows import MAIL_COLUMNS, inbox_copies, message_copies, sent_copies
from o365_pipeline.sandbox.tenant.organization import Organization, Person
from o365_pipeline.sandbox.tenant.row_format import Columns, Window
from o365_pipeline.sandbox.tenant.sharepoint_rows import (
    FILE_COLUMNS,
    PERMISSION_COLUMNS,
    SITE_COLUMNS,
    SITE_GROUP_COLUMNS,
    file_states,
    grants,
    site_groups,
    site_states,
)
from o365_pipeline.sandbox.tenant.sync_rows import SYNC_ERROR_COLUMNS, SYNC_HEALTH_COLUMNS, sync_apps, sync_errors
from o365_pipeline.sandbox.tenant.task_rows import (
    LIST_COLUMNS,
    PLANNER_COLUMNS,
    TODO_COLUMNS,
    planner_tasks,
    todo_lists,
    todo_tasks,
)
from o365_pipeline.sandbox.tenant.typed_rows import typed_columns, typed_items

MAIL_SIGNALS = ("EmailSent", "EmailRead", "EmailReplied", "EmailForwarded")
MEETING_SIGNALS = ("MeetingCreated", "MeetingAccepted", "MeetingDeclined")
CONTACT_SIGNALS = ("ContactCreated", "ContactUpdated")
CHANNEL_SIGNALS = ("ChannelCreated", "ChannelVisited", "MembersAdded")
CONVERSATION_SIGNALS = ("MessageSent", "MessageRead", "ReactedWithEmoji")
TEAMS = ("Teams", "Teams Mobile")


class Item(Protocol):
    """Something that becomes a row of a person or a group."""

    @property
    def holder(self) -> Person | Group: ...


@dataclass(frozen=True)
class RowSource:
    """The generator of a dataset's rows: the items of a window, and the value of each column for an item."""

    items: Callable[[Organization, Window], Iterator[Any]]
    columns: Columns


SOURCES: Mapping[str, RowSource] = {
    "user": RowSource(users, PERSON_COLUMNS),
    "manager": RowSource(managers, PERSON_COLUMNS),
    "direct_report": RowSource(reports, PERSON_COLUMNS),
    "mailbox_settings": RowSource(mailboxes, MAILBOX_COLUMNS),
    "event": RowSource(created_entries, CALENDAR_COLUMNS),
    "calendar_view": RowSource(occurrences, CALENDAR_COLUMNS),
    "team_chat": RowSource(chat_copies, CHAT_COLUMNS),
    "teams_call_records": RowSource(call_records, CALL_COLUMNS),
    "group_details": RowSource(group_details, GROUP_COLUMNS),
    "group_members": RowSource(group_members, MEMBERSHIP_COLUMNS),
    "group_owners": RowSource(group_owners, MEMBERSHIP_COLUMNS),
    "teams_channel_details": RowSource(channels, CHANNEL_COLUMNS),
    "teams_standard_channel_messages": RowSource(channel_messages, POST_COLUMNS),
    "share_point_sites": RowSource(site_states, SITE_COLUMNS),
    "share_point_permissions": RowSource(grants, PERMISSION_COLUMNS),
    "share_point_groups": RowSource(site_groups, SITE_GROUP_COLUMNS),
    "share_point_files": RowSource(file_states, FILE_COLUMNS),
    "share_point_file_actions": RowSource(actions, ACTION_COLUMNS),
    "one_drive_sync_health": RowSource(sync_apps, SYNC_HEALTH_COLUMNS),
    "one_drive_sync_errors": RowSource(sync_errors, SYNC_ERROR_COLUMNS),
    "outlook_mail_activity": RowSource(signals("Email", MAIL_SIGNALS), SIGNAL_COLUMNS),
    "outlook_meeting_activity": RowSource(signals("Meeting", MEETING_SIGNALS), SIGNAL_COLUMNS),
    "outlook_contact_activity": RowSource(signals("Contact", CONTACT_SIGNALS), SIGNAL_COLUMNS),
    "teams_channel_activity": RowSource(signals("Channel", CHANNEL_SIGNALS, TEAMS), SIGNAL_COLUMNS),
    "teams_conversation_activity": RowSource(signals("Conversation", CONVERSATION_SIGNALS, TEAMS), SIGNAL_COLUMNS),
    "planner_tasks": RowSource(planner_tasks, PLANNER_COLUMNS),
    "todo_tasks": RowSource(todo_tasks, TODO_COLUMNS),
    "todo_task_folders": RowSource(todo_lists, LIST_COLUMNS),
    "owned_devices": RowSource(devices, DEVICE_COLUMNS),
    "registered_devices": RowSource(devices, DEVICE_COLUMNS),
    "license_details": RowSource(licenses, LICENSE_COLUMNS),
}
"""Asset name -> the generator of its rows, for all versions of the dataset."""


def source_of(dataset: Dataset, mails_per_day: float) -> RowSource:
    """Returns the generator of the dataset's rows; without one of its own, the values fit the columns' types."""
    match dataset.asset_name:
        case "message":
            return RowSource(partial(message_copies, mails_per_day=mails_per_day), MAIL_COLUMNS)
        case "sent_item":
            return RowSource(partial(sent_copies, mails_per_day=mails_per_day), MAIL_COLUMNS)
        case "inbox":
            return RowSource(partial(inbox_copies, mails_per_day=mails_per_day), MAIL_COLUMNS)
    own = SOURCES.get(dataset.asset_name)
    return own or RowSource(partial(typed_items, dataset), typed_columns(dataset))


def readers_of(dataset: Dataset, columns: Columns) -> Columns:
    """Returns the dataset's columns in its own spelling; a column that the generator does not have is null."""
    found = {}
    for column in dataset.columns:
        name = next((name for name in column.spellings if name in columns), None)
        if name is not None:
            read = columns[name]
            is_older = column.name[:1].isupper() and name[:1].islower()
            found[column.name] = _pascal_case(read) if is_older else read
    return found


def _pascal_case(read: Callable[[Any], object]) -> Callable[[Any], object]:
    """v0 datasets also write the keys of structures with a capital letter."""

    def renamed(value: object) -> object:
        if isinstance(value, dict):
            return {key[:1].upper() + key[1:]: renamed(held) for key, held in value.items()}
        return [renamed(held) for held in value] if isinstance(value, list) else value

    return lambda item: renamed(read(item))
