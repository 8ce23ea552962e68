"""Mail in mailboxes: the rows of Message, Inbox and SentItem, one for each copy.

What belongs here: copies and columns. Authors and recipients belong to `mail_threads.py`.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from o365_pipeline.sandbox.tenant.mail_threads import THREAD_DAYS, Mail, mails
from o365_pipeline.sandbox.tenant.organization import Organization, Person
from o365_pipeline.sandbox.tenant.row_format import Columns, Window, constant, enum, opaque_id, share, utc_text

LAST_CHANGE_HOURS = 30
"""A copy changes (is read, filed) within this time, so that windows by lastModifiedDateTime find it too."""


@dataclass(slots=True)
class MailCopy:
    """One mail in one mailbox."""

    mail: Mail
    holder: Person

    @property
    def is_sent(self) -> bool:
        return self.mail.author is self.holder

    @property
    def id(self) -> str:
        return opaque_id("AAMk", "mail", self.mail.message_id, self.holder.id)

    @property
    def chance(self) -> float:
        return share(self.mail.message_id, self.holder.id)

    @property
    def received(self) -> dt.datetime:
        return self.mail.sent + dt.timedelta(seconds=0 if self.is_sent else 1 + int(self.chance * 20))

    @property
    def modified(self) -> dt.datetime:
        return self.received + dt.timedelta(seconds=int(self.chance**4 * LAST_CHANGE_HOURS * 3600))


def message_copies(organization: Organization, window: Window, mails_per_day: float) -> Iterator[MailCopy]:
    """Returns every copy that may lie in the window, and some outside it."""
    for mail in _mails(organization, window, mails_per_day):
        for holder in mail.holders:
            yield MailCopy(mail, holder)


def inbox_copies(organization: Organization, window: Window, mails_per_day: float) -> Iterator[MailCopy]:
    """Returns the copies in the recipients' inboxes."""
    return (copy for copy in message_copies(organization, window, mails_per_day) if not copy.is_sent)


def sent_copies(organization: Organization, window: Window, mails_per_day: float) -> Iterator[MailCopy]:
    """Returns the copies in the senders' Sent Items."""
    for mail in _mails(organization, window, mails_per_day):
        if mail.author:
            yield MailCopy(mail, mail.author)


def _mails(organization: Organization, window: Window, mails_per_day: float) -> Iterator[Mail]:
    slack = dt.timedelta(hours=LAST_CHANGE_HOURS + 1)
    for mail in mails(organization, window.days(THREAD_DAYS + 3, 1), mails_per_day):
        if window.start - slack <= mail.sent < window.end:
            yield mail


def _text(copy: MailCopy) -> str:
    mail = copy.mail
    greeting = f"Hello {mail.to[0].name.split()[0]}," if len(mail.to) == 1 else "Hello all,"
    return f"{greeting} about {mail.topic.removeprefix('RE: ')}: please see below. Kind regards, {mail.sender.name}"


def _body(copy: MailCopy) -> dict[str, str]:
    paragraphs = "".join(f"<p>{part}</p>" for part in _text(copy).split(": "))
    return {"contentType": enum("bodyType", "html"), "content": f"<html><body>{paragraphs}</body></html>"}


def _attachments(copy: MailCopy) -> list[dict[str, object]]:
    mail = copy.mail
    return [
        {
            "id": opaque_id("AAMk", "attachment", copy.id, str(number)),
            "lastModifiedDateTime": utc_text(copy.received),
            "name": f"document-{number + 1}.pdf",
            "contentType": "application/pdf",
            "size": 20_000 + int(share(mail.message_id, str(number)) * 2_000_000),
            "isInline": False,
            "ODataType": "#microsoft.graph.fileAttachment",
        }
        for number in range(mail.attachments)
    ]


def _conversation_index(copy: MailCopy) -> str:
    thread = hashlib.blake2b(copy.mail.thread_id.encode(), digest_size=22).digest()
    replies = b"".join(bytes([n % 256, 0, 0, 0, 16]) for n in range(copy.mail.position))
    return base64.b64encode(thread + replies).decode()


def _headers(copy: MailCopy) -> list[dict[str, str]]:
    return [{"name": "Message-ID", "value": copy.mail.message_id}, {"name": "Date", "value": utc_text(copy.mail.sent)}]


MAIL_COLUMNS: Columns = {
    "id": lambda copy: copy.id,
    "createdDateTime": lambda copy: utc_text(copy.received),
    "lastModifiedDateTime": lambda copy: utc_text(copy.modified),
    "changeKey": lambda copy: opaque_id("CQ", "change", copy.id)[:40],
    "categories": constant([]),
    "receivedDateTime": lambda copy: utc_text(copy.received),
    "sentDateTime": lambda copy: utc_text(copy.mail.sent),
    "hasAttachments": lambda copy: copy.mail.attachments > 0,
    "internetMessageId": lambda copy: copy.mail.message_id,
    "subject": lambda copy: copy.mail.topic,
    "bodyPreview": lambda copy: _text(copy)[:255],
    "importance": lambda copy: copy.mail.importance,
    "parentFolderId": lambda copy: opaque_id("AQMk", "sent" if copy.is_sent else "inbox", copy.holder.id),
    # In reality, too, a conversation has another id in each mailbox; its index is the same in all.
    "conversationId": lambda copy: opaque_id("AAQk", "conversation", copy.mail.thread_id, copy.holder.id),
    "conversationIndex": _conversation_index,
    "isDeliveryReceiptRequested": constant(None),
    "isReadReceiptRequested": constant(False),
    "isRead": lambda copy: copy.is_sent or copy.chance > 0.12,
    "isDraft": constant(False),
    "webLink": lambda copy: f"https://outlook.office365.com/owa/?ItemID={copy.id}&viewmodel=ReadMessageItem",
    "inferenceClassification": lambda copy: "focused" if copy.mail.author else "other",
    "internetMessageHeaders": _headers,
    "body": _body,
    "uniqueBody": _body,
    "sender": lambda copy: copy.mail.sender.camel(),
    "from": lambda copy: copy.mail.sender.camel(),
    "toRecipients": lambda copy: [address.camel() for address in copy.mail.to],
    "ccRecipients": lambda copy: [address.camel() for address in copy.mail.cc],
    "bccRecipients": lambda copy: [address.camel() for address in copy.mail.bcc] if copy.is_sent else [],
    "replyTo": constant([]),
    "flag": constant({"flagStatus": enum("followupFlagStatus", "notFlagged")}),
    "attachments": _attachments,
    "ODataType": constant("#microsoft.graph.message"),
}
