"""Groups and their teams' messages: the rows of GroupDetails, GroupMembers, GroupOwners and the channel datasets.

What belongs here: columns, and the messages of channels. The groups themselves belong to `groups.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from o365_pipeline.sandbox.tenant.groups import Channel, Group, groups
from o365_pipeline.sandbox.tenant.organization import Organization, Person
from o365_pipeline.sandbox.tenant.row_format import Columns, Window, constant, enum, opaque_id, utc_text

POSTS_PER_DAY = 0.5
WEEKEND = 0.05
POSTS = ("The new figures are in.", "Who joins on Thursday?", "Please review the draft.", "We are live.", "Questions?")
REPLIES = ("Thanks!", "I do.", "Looks good.", "One remark, see above.", "Congratulations!", "Will do today.")


@dataclass(slots=True)
class Membership:
    """One person in one group, as member or owner."""

    holder: Group
    person: Person


@dataclass(slots=True)
class ChannelEntry:
    """One channel of one team."""

    holder: Group
    channel: Channel


@dataclass(slots=True)
class Post:
    """One message in a channel; the first of a thread has position 0."""

    holder: Group
    channel: Channel
    thread: str
    position: int
    author: Person
    sent: dt.datetime
    text: str

    @property
    def id(self) -> str:
        return opaque_id("AAMk", "post", self.thread, str(self.position))


def group_details(organization: Organization, _: Window) -> Iterator[Group]:
    """Every group once."""
    return iter(groups(organization))


def group_members(organization: Organization, _: Window) -> Iterator[Membership]:
    return (Membership(group, person) for group in groups(organization) for person in group.members)


def group_owners(organization: Organization, _: Window) -> Iterator[Membership]:
    return (Membership(group, person) for group in groups(organization) for person in group.owners)


def channels(organization: Organization, _: Window) -> Iterator[ChannelEntry]:
    return (ChannelEntry(group, channel) for group in groups(organization) for channel in group.channels)


def channel_messages(organization: Organization, window: Window) -> Iterator[Post]:
    """Returns the messages written in the standard channels in the window."""
    for day in window.days(1, 0):
        rhythm = WEEKEND if day.weekday() >= 5 else 1.0
        for group in groups(organization):
            for channel in group.channels:
                if channel.membership != "standard" or day < channel.created.date():
                    continue
                random = organization.random("posts", day, channel.id)
                for number in range(int(POSTS_PER_DAY * rhythm * 2 * random.random() + 0.5)):
                    yield from _thread(organization, group, channel, day, number, window)


def _thread(
    organization: Organization, group: Group, channel: Channel, day: dt.date, number: int, window: Window
) -> Iterator[Post]:
    thread = f"{channel.id}|{day}|{number}"
    random = organization.random("post", thread)
    writers = [person for person in group.members if person.has_mailbox]
    author = random.choice(writers)
    sent = author.working_moment(day, random).replace(microsecond=0)
    for position in range(1 + random.choice((0, 0, 1, 2, 4))):
        text = random.choice(REPLIES if position else POSTS)
        if sent in window:
            yield Post(group, channel, thread, position, author, sent, text)
        sent += dt.timedelta(minutes=2 + int(random.expovariate(1 / 90)))
        author = random.choice(writers)


GROUP_COLUMNS: Columns = {
    "id": lambda group: group.id,
    "createdDateTime": lambda group: utc_text(group.created),
    "description": lambda group: group.name,
    "displayName": lambda group: group.name,
    "groupTypes": lambda group: [] if group.is_security else ["Unified"],
    "isAssignableToRole": constant(False),
    "mail": lambda group: None if group.is_security else group.mail,
    "mailEnabled": lambda group: not group.is_security,
    "mailNickname": lambda group: group.alias,
    "proxyAddresses": lambda group: [] if group.is_security else [f"SMTP:{group.mail}"],
    "renewedDateTime": lambda group: utc_text(group.created + dt.timedelta(days=90)),
    "resourceProvisioningOptions": lambda group: ["Team"] if group.channels else [],
    "securityEnabled": lambda group: group.is_security,
    "visibility": lambda group: None if group.is_security else "Public" if group.is_public else "Private",
    "ODataType": constant("#microsoft.graph.group"),
}

MEMBERSHIP_COLUMNS: Columns = {
    "id": lambda entry: entry.person.id,
    "userPrincipalName": lambda entry: entry.person.mail,
    "displayName": lambda entry: entry.person.name,
    "ODataType": constant("#microsoft.graph.user"),
}

CHANNEL_COLUMNS: Columns = {
    "id": lambda entry: entry.channel.id,
    "createdDateTime": lambda entry: utc_text(entry.channel.created),
    "displayName": lambda entry: entry.channel.name,
    "description": lambda entry: f"{entry.holder.name}: {entry.channel.name}",
    "isFavoriteByDefault": lambda entry: entry.channel.name == "General",
    "email": constant(""),
    "webUrl": lambda entry: f"https://teams.microsoft.com/l/channel/{entry.channel.id}?groupId={entry.holder.id}",
    "membershipType": lambda entry: enum("channelMembershipType", entry.channel.membership),
    "ODataType": constant("#microsoft.graph.channel"),
}

POST_COLUMNS: Columns = {
    "Id": lambda post: post.id,
    "CreatedDateTime": lambda post: utc_text(post.sent + dt.timedelta(seconds=1)),
    "LastModifiedDateTime": lambda post: utc_text(post.sent + dt.timedelta(seconds=2)),
    "SentDateTime": lambda post: utc_text(post.sent),
    "Subject": constant(""),
    "Importance": constant("Normal"),
    "From": lambda post: post.author.address.pascal(),
    "Body": lambda post: {
        "ContentType": "Microsoft.OutlookServices.BodyType'HTML'",
        "Content": f"<html><body><div>{post.text}</div></body></html>",
    },
    "ParentFolderId": lambda post: opaque_id("AAMk", "folder", post.channel.id),
    # All posts of a thread have one; it begins with the channel.
    "ConversationId": lambda post: f"{post.channel.id};messageid={opaque_id('', post.thread)[:12]}",
    "IsRead": constant(True),
    "Sender": lambda post: post.author.address.pascal(),
    "ReplyTo": constant([]),
    "Flag": constant({"FlagStatus": "Microsoft.OutlookServices.FollowupFlagStatus'NotFlagged'"}),
    "Attachments": constant([]),
    "ODataType": constant("#Microsoft.OutlookServices.Message"),
}
