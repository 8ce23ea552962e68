"""The benchmark's input: one customer's day of Message_v1 in JSON Lines parts, the same at every run.

What belongs here: making the files, in little memory. Every mail lies in some four mailboxes under one
internetMessageId, its copies in different parts; Bcc stands in the sender's copy alone. No randomness: everything
follows from the mail's number.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

CUSTOMER = "contoso"
DAY = dt.date(2026, 11, 16)
COLUMNS = (
    "id",
    "internetMessageId",
    "conversationId",
    "createdDateTime",
    "lastModifiedDateTime",
    "receivedDateTime",
    "sentDateTime",
    "hasAttachments",
    "importance",
    "isDraft",
    "isRead",
    "sender",
    "from",
    "toRecipients",
    "ccRecipients",
    "bccRecipients",
)
"""What is requested, as in the data request that is shipped. The files hold `body` beside it."""

PARTS = 8
PEOPLE = 1_000
WORDS = '<p>Please see the figures below and tell me by Friday. "Agreed" \u2013 gr\u00fc\u00dfe, Ann</p>\r\n'


def write_parts(directory: Path, messages: int, body_bytes: int) -> list[Path]:
    """Write that many rows; returns the files, of which none is empty."""
    paths = [directory / f"part-{number:05}.json" for number in range(PARTS)]
    body = (WORDS * (body_bytes // len(WORDS) + 1))[:body_bytes]
    with ExitStack() as stack:
        files = [stack.enter_context(path.open("w", encoding="utf-8")) for path in paths]
        for number, (holder, row) in zip(range(messages), _copies(body), strict=False):
            files[holder % PARTS].write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")
            if number and number % 50_000 == 0:
                print(f"  {number:,} rows", flush=True)
    for path in paths:
        if not path.stat().st_size:
            path.unlink()
    return [path for path in paths if path.exists()]


def _copies(body: str) -> Iterator[tuple[int, dict[str, object]]]:
    """Every mail's copies without end, each with the number of the mailbox that holds it."""
    mail = 0
    while True:
        author = mail * 7 % PEOPLE
        to = [(author + 1 + 13 * n) % PEOPLE for n in range(1 + mail % 3)]
        cc = [(author + 401 + 17 * n) % PEOPLE for n in range(mail % 2)]
        bcc = [(author + 701) % PEOPLE] if mail % 4 == 0 else []
        for holder in (author, *to, *cc, *bcc):
            yield holder, _row(mail, author, holder, to, cc, bcc if holder == author else [], body)
        mail += 1


def _row(
    mail: int, author: int, holder: int, to: list[int], cc: list[int], bcc: list[int], body: str
) -> dict[str, object]:
    sent = dt.datetime.combine(DAY, dt.time(1)) + dt.timedelta(seconds=mail * 11 % (20 * 3600))
    received = _moment(sent + dt.timedelta(seconds=holder % 30))
    sender = _address(author)
    outsider = [{"emailAddress": {"name": "A partner", "address": f"Partner{mail % 5_000}@fabrikam.com"}}]
    return {
        "id": f"AAMkAGI2mail{mail:010}mailbox{holder:06}" + "A" * 80,
        "internetMessageId": f"<{mail:032x}@mail.contoso.com>",
        "conversationId": f"AAQkAGI2thread{mail // 3:010}mailbox{holder:06}" + "A" * 40,
        "createdDateTime": received,
        "lastModifiedDateTime": received,
        "receivedDateTime": received,
        "sentDateTime": _moment(sent),
        "hasAttachments": mail % 5 == 0,
        "importance": "high" if mail % 20 == 0 else "normal",
        "isDraft": False,
        "isRead": holder % 8 != 0,
        "sender": sender,
        "from": sender,
        "toRecipients": [_address(person) for person in to],
        "ccRecipients": [_address(person) for person in cc] + (outsider if mail % 3 == 0 else []),
        "bccRecipients": [_address(person) for person in bcc],
        "body": {"contentType": "microsoft.graph.bodyType'html'", "content": body},
        "puser": f"00000000-0000-4000-8000-{holder:012}",
        "ptenant": "00000000-0000-4000-8000-0000000000b1",
        "pAdditionalInfo": None,
        "datarow": 0,
        "userrow": 0,
        "pagerow": 0,
        "rowinformation": {
            "errorInformation": None,
            "userReturnedNoData": False,
            "isUserSummaryRow": False,
            "userHasCompleteData": False,
        },
    }


def _address(person: int) -> dict[str, object]:
    return {"emailAddress": {"name": f"Person {person}", "address": f"Person{person}@contoso.com"}}


def _moment(moment: dt.datetime) -> str:
    return f"{moment.isoformat()}Z"
