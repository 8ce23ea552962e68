"""What becomes of mails: one row each, whoever holds copies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from o365_pipeline.database.database import metadata
from o365_pipeline.mart.build import prepare, rows_of
from o365_pipeline_tests.conftest import few
from o365_pipeline_tests.mart.conftest import CUSTOMER, DAY, address, at

pytestmark = pytest.mark.usefixtures("organization")


def copy(puser, sender, to=(), cc=(), bcc=(), mail="<m1>", **more):
    """A mailbox's copy of a mail; to, cc, bcc and sender are names of people or addresses."""
    return {
        "puser": puser,
        "id": f"{puser}/{mail}",
        "internet_message_id": mail,
        "from": address(sender),
        "to_recipients": [address(name) for name in to],
        "cc_recipients": [address(name) for name in cc],
        "bcc_recipients": [address(name) for name in bcc],
        "sent_date_time": at(9),
        "received_date_time": at(9, 1),
        "is_draft": False,
    } | more


def activity(rows):
    return {row["person_id"]: (row["mails_sent"], row["mails_received"]) for row in rows("agg_person_day")}


def recipients(rows):
    return {(row["kind"], row["recipient_address"], row["person_id"]) for row in rows("bridge_message_recipient")}


def test_copies_in_many_mailboxes_are_one_mail(fill, rows):
    sent = copy("ann", "ann", to=["bob", "cat"], conversation_id="ann's thread", received_date_time=at(9, 3))
    fill("message", copy("bob", "ann", to=["bob", "cat"]), copy("cat", "ann", to=["bob", "cat"]), sent)
    fill("sent_item", sent)

    [mail] = rows("fact_message")

    assert mail["message_id"] == "<m1>"
    assert (mail["sender_id"], mail["sender_address"], mail["conversation_id"]) == (
        "ann",
        "ann@contoso.com",
        "ann's thread",
    )
    assert (mail["sent_at"], mail["received_at"]) == (at(9), at(9, 1))
    assert (mail["copies"], mail["recipient_count"]) == (3, 2)
    assert (mail["customer"], mail["day"], mail["date_key"]) == (CUSTOMER, DAY, DAY)
    assert mail["extraction_id"] == "extraction of message"
    assert activity(rows) == {"ann": (1, 0), "bob": (0, 1), "cat": (0, 1)}


def test_a_mail_to_oneself_counts_once_sent_and_once_received(fill, rows):
    inbox = copy("ann", "ann", to=["ann"])
    sent = inbox | {"id": "sent"}
    fill("message", inbox, sent)
    fill("sent_item", sent)

    assert activity(rows) == {"ann": (1, 1)}
    assert rows("fact_message")[0]["copies"] == 1


def test_a_person_in_to_and_cc_received_one_mail(fill, rows):
    fill("message", copy("bob", "ann", to=["bob"], cc=["bob"]))

    assert recipients(rows) == {("to", "bob@contoso.com", "bob"), ("cc", "bob@contoso.com", "bob")}
    assert rows("fact_message")[0]["recipient_count"] == 1
    assert activity(rows) == {"ann": (1, 0), "bob": (0, 1)}


def test_a_person_under_two_addresses_received_one_mail(fill, rows):
    fill("message", copy("ann", "ann", to=["eve", "e5@contoso.com"]))

    assert recipients(rows) == {("to", "eve@contoso.com", "eve"), ("to", "e5@contoso.com", "eve")}
    assert activity(rows) == {"ann": (1, 0), "eve": (0, 1)}


def test_a_thread_of_outsiders_is_a_mail_that_nobody_known_sent_or_received(fill, rows):
    fill("message", copy("bob", "x@out.org", to=["y@out.org"]))

    [mail] = rows("fact_message")
    assert (mail["sender_id"], mail["sender_address"]) == (None, "x@out.org")
    assert recipients(rows) == {("to", "y@out.org", None)}
    assert activity(rows) == {}


def test_bcc_comes_from_the_senders_copy_alone(fill, rows):
    fill("message", copy("bob", "ann", to=["bob"]), copy("ann", "ann", to=["bob"], bcc=["dan"]))

    assert recipients(rows) == {("to", "bob@contoso.com", "bob"), ("bcc", "dan@contoso.com", "dan")}
    assert activity(rows)["dan"] == (0, 1)


def test_copies_that_write_addresses_in_different_case_name_the_same_people(fill, rows):
    fill("message", copy("bob", "ANN@CONTOSO.COM", to=["Bob@Contoso.com"]), copy("ann", "ann", to=["bob"]))

    [mail] = rows("fact_message")
    assert (mail["sender_id"], mail["copies"], mail["recipient_count"]) == ("ann", 2, 1)
    assert recipients(rows) == {("to", "bob@contoso.com", "bob")}


def test_mails_without_an_internet_message_id_stay_apart(fill, rows):
    fill("message", copy("ann", "ann", mail=None, id="aB"), copy("ann", "ann", mail=None, id="ab"))

    first, second = (row["message_id"] for row in rows("fact_message"))
    assert first != second
    assert first.startswith("row:")
    assert len(first) == len("row:") + 64


def test_a_long_internet_message_id_is_hashed_and_still_joins(fill, rows):
    fill("message", *(copy(name, "ann", to=["bob"], mail=f"<{'x' * 500}>") for name in ("ann", "bob")))

    [mail] = rows("fact_message")
    [recipient] = rows("bridge_message_recipient")
    assert mail["message_id"].startswith("sha256:")
    assert mail["message_id"] == recipient["message_id"]
    assert mail["copies"] == 2


def test_drafts_do_not_count_but_a_draft_left_behind_does_not_undo_a_sent_mail(fill, rows):
    fill("message", copy("ann", "ann", to=["bob"], mail="<draft>", is_draft=True))
    fill("message", copy("ann", "ann", to=["bob"], is_draft=True), copy("bob", "ann", to=["bob"]))

    assert {row["message_id"]: row["is_draft"] for row in rows("fact_message")} == {"<draft>": True, "<m1>": False}
    assert activity(rows) == {"ann": (1, 0), "bob": (0, 1)}


def test_columns_that_were_not_requested_leave_nulls(fill, rows):
    fill("message", {"puser": "bob", "id": "1"})

    [mail] = rows("fact_message")
    assert {mail[name] for name in ("sent_at", "sender_id", "is_draft", "has_attachments", "importance")} == {None}
    assert (mail["date_key"], mail["recipient_count"], mail["copies"]) == (DAY, 0, 1)


COPIES = [
    copy(puser, sender, to=["bob", "cat"], bcc=["dan"] if puser == sender else [], mail=mail, importance=puser)
    for mail, sender in (("<m1>", "ann"), ("<m2>", "bob"), ("<m3>", "x@out.org"))
    for puser in ("dan", "bob", "ann", "cat")
]


@few(10)
@given(copies=st.permutations(COPIES))
def test_copies_in_any_order_give_the_same_rows(curated, fill, copies):
    curated.execute("DELETE FROM message")
    fill("message", *copies)
    prepare(curated, CUSTOMER, DAY)

    names = metadata.tables["fact_message"].columns.keys()
    mails = [dict(zip(names, row, strict=True)) for some in rows_of(curated, "fact_message") for row in some]

    assert [(row["message_id"], row["importance"], row["copies"], row["recipient_count"]) for row in mails] == [
        ("<m1>", "ann", 4, 3),
        ("<m2>", "bob", 4, 3),
        ("<m3>", "ann", 4, 2),
    ]
