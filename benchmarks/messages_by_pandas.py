"""The benchmark's other way: the same two tables from the same files with plain pandas, as a notebook would make them.

It is spared what the pipeline does besides: sealing, quarantine, the other tables and columns, primary keys. It reads
part by part and keeps of each only the columns it needs, since all parts at once take several times the memory.
Run by `messages.py` as `python messages_by_pandas.py INPUT WORK`; the tables are then in WORK/mart.db.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import sqlalchemy as sa
from message_rows import COLUMNS, CUSTOMER, DAY
from steps import done

KINDS = {"to": "toRecipients", "cc": "ccRecipients", "bcc": "bccRecipients"}
TIMES = ["sentDateTime", "receivedDateTime", "createdDateTime", "lastModifiedDateTime"]
RECIPIENT = ["message_id", "kind", "recipient_address"]


def main(parts: Path, work: Path) -> None:
    done("start: imports")
    copies = read(parts)
    done("read JSON Lines, parse dates")
    if find_spec("pyarrow"):
        copies.to_parquet(work / "message.parquet")
        done("write Parquet")
    recipients = recipients_of(copies)
    done("flatten recipients")
    messages = messages_of(copies, recipients)
    done("drop duplicates, count")
    engine = sa.create_engine(f"sqlite:///{work / 'mart.db'}")
    with engine.begin() as connection:
        messages.to_sql("fact_message", connection, index=False)
        recipients.to_sql("bridge_message_recipient", connection, index=False)
    done("load 2 tables into SQLite")


def read(parts: Path) -> pd.DataFrame:
    """The rows of all parts, one per copy of a mail, in the columns that are needed."""
    wanted = ["puser", *COLUMNS]
    frames = [pd.read_json(path, lines=True)[wanted] for path in sorted(parts.iterdir())]
    copies = pd.concat(frames, ignore_index=True)
    for name in TIMES:
        copies[name] = pd.to_datetime(copies[name]).dt.tz_localize(None)
    return copies.rename(columns={"internetMessageId": "message_id"})


def recipients_of(copies: pd.DataFrame) -> pd.DataFrame:
    """One row per mail, kind and address."""
    frames = []
    for kind, column in KINDS.items():
        flat = copies[["message_id", column]].explode(column).dropna()
        addresses = pd.json_normalize(flat[column].tolist())["emailAddress.address"].str.strip().str.lower()
        frames.append(
            pd.DataFrame({"message_id": flat["message_id"].array, "kind": kind, "recipient_address": addresses})
        )
    return _of_partition(pd.concat(frames, ignore_index=True).drop_duplicates(RECIPIENT))


def messages_of(copies: pd.DataFrame, recipients: pd.DataFrame) -> pd.DataFrame:
    """One row per mail, from the copy with the lowest puser and id."""
    groups = copies.groupby("message_id")
    mails = copies.sort_values(["puser", "id"]).drop_duplicates("message_id").set_index("message_id")
    sender = pd.json_normalize(mails["from"].tolist())["emailAddress.address"].str.strip().str.lower()
    mails = mails.assign(
        sent_at=mails["sentDateTime"],
        received_at=groups["receivedDateTime"].min(),
        date_key=mails["sentDateTime"].dt.date,
        sender_address=sender.array,
        conversation_id=mails["conversationId"],
        has_attachments=mails["hasAttachments"],
        is_draft=groups["isDraft"].all(),
        recipient_count=recipients.groupby("message_id")["recipient_address"].nunique(),
        copies=groups["puser"].nunique(),
    )
    columns = ["sent_at", "received_at", "date_key", "sender_address", "conversation_id", "importance"]
    columns += ["has_attachments", "is_draft", "recipient_count", "copies"]
    return _of_partition(mails[columns].fillna({"recipient_count": 0}).reset_index())


def _of_partition(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(customer=CUSTOMER, day=DAY)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
