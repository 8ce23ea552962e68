"""Synthetic Teams chats and the rows of TeamChat: each message once in every participant's mailbox.

What belongs here: who chats with whom at what time, and the columns. This dataset's keys are PascalCase, also nested
ones.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from o365_pipeline.sandbox.tenant.organization import Organization, Person
from o365_pipeline.sandbox.tenant.row_format import Columns, Window, constant, opaque_id, share, utc_text

TALKS_PER_DAY = 1.5
WEEKEND = 0.04
OPENINGS = ("Do you have a minute?", "Is the draft ready?", "Thanks for this morning!", "Shall we move the call?")
ANSWERS = ("Sure.", "On it.", "Done, have a look.", "Can we talk at three?", "Great, thank you!", "Not yet, tomorrow.")


@dataclass(slots=True, eq=False)
class ChatMessage:
    """One message, whoever holds a copy of it."""

    chat: str
    key: str
    sent: dt.datetime
    author: Person
    participants: list[Person]
    text: str

    @property
    def message_id(self) -> str:
        """The milliseconds since 1970, as in real messages."""
        return str(int(self.sent.timestamp() * 1000))


@dataclass(slots=True)
class ChatCopy:
    """One message in one mailbox."""

    message: ChatMessage
    holder: Person

    @property
    def id(self) -> str:
        return opaque_id("AAMk", "chat", self.message.key, self.holder.id)

    @property
    def stored(self) -> dt.datetime:
        return self.message.sent + dt.timedelta(seconds=1)


def chat_copies(organization: Organization, window: Window) -> Iterator[ChatCopy]:
    """Returns every copy that may lie in the window, and some outside it."""
    slack = dt.timedelta(minutes=1)
    for day in window.days(1, 1):
        for message in _messages(organization, day):
            if window.start - slack <= message.sent < window.end:
                for holder in message.participants:
                    yield ChatCopy(message, holder)


def _messages(organization: Organization, day: dt.date) -> Iterator[ChatMessage]:
    rhythm = WEEKEND if day.weekday() >= 5 else 1.0
    for person in organization.active:
        random = organization.random("chat", day, person.number)
        talks = int(TALKS_PER_DAY * person.activity * rhythm + random.random())
        for talk in range(talks):
            others = organization.colleagues(person, random, random.choice((1, 1, 1, 1, 2, 4)))
            if not others:
                continue
            participants = [person, *others]
            chat = "|".join(sorted(participant.id for participant in participants))
            sent = person.working_moment(day, random)
            author = person
            for number in range(random.randint(2, 8)):
                text = random.choice(ANSWERS if number else OPENINGS)
                yield ChatMessage(
                    chat, f"{organization.seed}|{day}|{person.number}|{talk}|{number}", sent, author, participants, text
                )
                sent += dt.timedelta(seconds=3 + random.expovariate(1 / 70))
                author = random.choice([participant for participant in participants if participant is not author])


CHAT_COLUMNS: Columns = {
    "Id": lambda copy: copy.id,
    "CreatedDateTime": lambda copy: utc_text(copy.stored),
    "LastModifiedDateTime": lambda copy: utc_text(copy.stored + dt.timedelta(seconds=1)),
    "ChangeKey": lambda copy: opaque_id("CQ", "change", copy.id)[:40],
    "Categories": constant([]),
    "ReceivedDateTime": lambda copy: utc_text(copy.message.sent),
    "SentDateTime": lambda copy: utc_text(copy.message.sent),
    "HasAttachments": constant(False),
    "InternetMessageId": lambda copy: copy.message.message_id,
    "Subject": constant(""),
    "BodyPreview": lambda copy: copy.message.text,
    "Importance": constant("Normal"),
    "ParentFolderId": lambda copy: opaque_id("AAMk", "chats", copy.holder.id),
    "ConversationId": lambda copy: opaque_id("AAQk", "chat", copy.message.chat, copy.holder.id),
    "ConversationIndex": lambda copy: opaque_id("AQH", "chat", copy.message.chat)[:30],
    "IsRead": lambda copy: share(copy.message.key, copy.holder.id) > 0.05,
    "IsDraft": constant(False),
    "Body": lambda copy: {
        "ContentType": "Microsoft.OutlookServices.BodyType'HTML'",
        "Content": f"<html><body><div>{copy.message.text}</div></body></html>",
    },
    "Sender": lambda copy: copy.message.author.address.pascal(),
    "From": lambda copy: copy.message.author.address.pascal(),
    "ToRecipients": lambda copy: [
        participant.address.pascal()
        for participant in copy.message.participants
        if participant is not copy.message.author
    ],
    "ReplyTo": constant([]),
    "Flag": constant({"FlagStatus": "Microsoft.OutlookServices.FollowupFlagStatus'NotFlagged'"}),
    "Attachments": constant([]),
    "ThreadId": lambda copy: opaque_id("19:", "chat", copy.message.chat)[:40],
    "ThreadType": lambda copy: "OneToOneChat" if len(copy.message.participants) == 2 else "GroupChat",
    "ODataType": constant("#Microsoft.OutlookServices.Message"),
}
