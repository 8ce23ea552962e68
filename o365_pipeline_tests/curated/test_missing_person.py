"""Why rows of a person are missing: which answer counts, and what the lake and the ledgers know."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from o365_pipeline.curated.missing_person import (
    Answer,
    Evidence,
    ExtractionEvidence,
    LakeEvidence,
    OperationEvidence,
    Reason,
    answer,
    why_missing,
)
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.data_request import Scope
from o365_pipeline.database.ledger import approval_dataset
from o365_pipeline.datasets import catalogue
from o365_pipeline.deployment import Deployment
from o365_pipeline.extraction.windows import Window
from o365_pipeline_tests.curated.conftest import FIRST, ROW_INFORMATION, Landing, row
from o365_pipeline_tests.ledger_rows import note_extraction, note_landing, note_operation

SECOND = FIRST + dt.timedelta(days=1)
LANDED = ExtractionEvidence("Succeeded", Window(FIRST, SECOND), is_landed=True)
DENIED = ExtractionEvidence("Succeeded", Window(FIRST, SECOND), is_landed=True, deny_groups="g9")
OF_A_GROUP = ExtractionEvidence(
    "Succeeded", Window(FIRST, SECOND), is_landed=True, scope=Scope(kind="List", groups=("g1",))
)
NAMED, SILENT = OperationEvidence("Succeeded", ("u1",)), OperationEvidence("Succeeded")
CURATED = LakeEvidence(is_curated=True)


ANSWERS = [
    (Evidence(extracted=LANDED, held=LakeEvidence(True, rows=12)), Reason.THERE, "12 rows"),
    (
        Evidence(held=LakeEvidence(True, rows=1, error="quota")),
        Reason.THERE,
        "1 row; not all, Data Connect reports: quota",
    ),
    (
        Evidence(extracted=LANDED, held=LakeEvidence(True, rows=2, quarantined=1, quarantine_reason="no id")),
        Reason.THERE,
        "2 rows, 1 row more in quarantine (no id)",
    ),
    (
        Evidence(extracted=LANDED, held=LakeEvidence(True, quarantined=3, quarantine_reason="no id")),
        Reason.IN_QUARANTINE,
        "3 rows: no id",
    ),
    (Evidence(extracted=LANDED, held=CURATED, is_erased=True), Reason.DENIED, "the person was erased"),
    (Evidence(extracted=LANDED, is_too_old=True), Reason.PURGED, "the day is older than it is kept"),
    (Evidence(is_requested=False), Reason.NOT_COVERED, "the data request does not name this dataset"),
    (Evidence(), Reason.NOT_EXTRACTED, "nothing was asked for on this day"),
    (
        Evidence(extracted=ExtractionEvidence("Failed", Window(FIRST, FIRST), error="store is down")),
        Reason.NOT_EXTRACTED,
        "the factory run is Failed: store is down",
    ),
    (Evidence(extracted=ExtractionEvidence("Purged", Window(FIRST, FIRST))), Reason.PURGED, "deleted"),
    (
        Evidence(extracted=ExtractionEvidence("Released", Window(FIRST, FIRST), error="a disk was lost")),
        Reason.NOT_EXTRACTED,
        "given up: a disk was lost; extract the day anew",
    ),
    (
        Evidence(extracted=LANDED, held=LakeEvidence(True, error="Mailbox is in another Region")),
        Reason.OUT_OF_REGION,
        "Data Connect reports: Mailbox is in another Region",
    ),
    (Evidence(extracted=LANDED, held=LakeEvidence(True, error="regional quota")), Reason.ERROR, "regional quota"),
    (
        Evidence(extracted=LANDED, held=LakeEvidence(True, error="denied", returned_no_data=True)),
        Reason.ERROR,
        "denied",
    ),
    (
        Evidence(extracted=LANDED, recorded=NAMED, held=LakeEvidence(True, returned_no_data=True)),
        Reason.NO_DATA,
        "nothing of the person in 2026-11-16_2026-11-17",
    ),
    (
        Evidence(extracted=LANDED, held=LakeEvidence(True, rows_on_other_days=4)),
        Reason.NO_DATA,
        "4 rows of the person on other days of 2026-11-16_2026-11-17",
    ),
    (Evidence(extracted=DENIED, recorded=NAMED, held=CURATED), Reason.DENIED, "leaves out the members of g9"),
    (Evidence(extracted=LANDED, recorded=NAMED, held=CURATED), Reason.UNDELIVERED, "names u1"),
    (Evidence(extracted=LANDED, held=LakeEvidence()), Reason.UNKNOWN, "not curated yet"),
    (Evidence(extracted=LANDED, held=CURATED), Reason.UNKNOWN, "the operation record has not arrived"),
    (Evidence(extracted=LANDED, recorded=SILENT, held=CURATED), Reason.UNKNOWN, "does not name the person"),
    (Evidence(extracted=DENIED, recorded=SILENT, held=CURATED), Reason.UNKNOWN, "leaves out the members of g9"),
    (
        Evidence(extracted=OF_A_GROUP, recorded=SILENT, held=CURATED),
        Reason.UNKNOWN,
        "only this was asked for: List of groups g1; guests, shared",
    ),
]


@pytest.mark.parametrize(("known", "reason", "details"), ANSWERS)
def test_the_answer_is_the_one_that_counts(known: Evidence, reason: Reason, details: str) -> None:
    found = answer(known)

    assert found.reason is reason
    assert details in found.details


def test_every_reason_is_an_answer_to_something() -> None:
    assert {reason for _, reason, _ in ANSWERS} == set(Reason)


Ask = Callable[..., Answer]


@pytest.fixture
def ask(deployment: Deployment, customer: Customer, landing: Landing) -> Ask:
    """Ask why a person's messages of a day are missing."""

    def ask(person: str = "u1", day: dt.date = FIRST, dataset: str = "Message_v1") -> Answer:
        return why_missing(deployment.database, landing.lake, customer, catalogue()[dataset], person, day)

    return ask


@pytest.fixture
def landed(deployment: Deployment, landing: Landing) -> Callable[..., None]:
    """Land and curate messages of two days, and note that in the ledgers."""

    def landed(*rows: dict[str, Any], **extraction: Any) -> None:
        landing.curate("Message_v1", list(rows), last_day=SECOND)
        note_extraction(deployment.database, last_day=SECOND, **extraction)
        note_landing(deployment.database)

    return landed


def message(identifier: str, day: dt.date = FIRST, **values: Any) -> dict[str, Any]:
    return row(id=identifier, sentDateTime=f"{day}T10:00:00Z", **values)


def user_row(person: str, **information: Any) -> dict[str, Any]:
    return row(puser=person, rowinformation={**ROW_INFORMATION, "isUserSummaryRow": True, **information})


def test_rows_are_counted_for_the_person_alone_however_the_id_is_written(ask: Ask, landed: Any) -> None:
    landed(message("m1"), message("m2"), message("m3", puser="u2"), message("m4", SECOND))

    assert str(ask("U1")) == "there: 2 rows"


def test_data_connects_word_on_a_window_is_found_from_each_of_its_days(ask: Ask, landed: Any) -> None:
    landed(user_row("u1", userReturnedNoData=True), message("m1", puser="u2"))

    assert {ask(day=day).reason for day in (FIRST, SECOND)} == {Reason.NO_DATA}
    assert ask("u3").reason is Reason.UNKNOWN


def test_data_connects_word_on_another_extraction_does_not_count(ask: Ask, landed: Any, deployment: Deployment) -> None:
    landed(user_row("u1", userReturnedNoData=True))
    note_extraction(deployment.database, "x2", "r2", last_day=SECOND, claimed_at=dt.datetime(2026, 11, 30))
    note_landing(deployment.database, "x2", "r2")

    assert ask("u1").reason is Reason.UNKNOWN


def test_a_day_beside_the_window_was_not_extracted(ask: Ask, landed: Any) -> None:
    landed(user_row("u1", userReturnedNoData=True))

    days = (FIRST - dt.timedelta(days=1), SECOND + dt.timedelta(days=1))
    assert {ask("u1", day).reason for day in days} == {Reason.NOT_EXTRACTED}


def test_an_error_of_the_persons_mailbox_is_told_in_one_line(ask: Ask, landed: Any) -> None:
    landed(
        user_row("u1", errorInformation="MailboxNotFound:\n gone"),
        user_row("u2", errorInformation="the mailbox is in another region"),
    )

    assert str(ask("u1")) == "error: Data Connect reports: MailboxNotFound: gone"
    assert ask("u2", SECOND).reason is Reason.OUT_OF_REGION


def test_rows_on_other_days_of_the_window_are_not_a_missing_person(ask: Ask, landed: Any) -> None:
    landed(message("m1"))

    assert ask(day=SECOND).reason is Reason.NO_DATA


def test_rows_in_quarantine_are_told_with_the_reason(ask: Ask, landing: Landing, deployment: Deployment) -> None:
    landing.curate("Message_v1", b'{"puser": "u1", "sentDateTime": "2026-11-16T10:00:00Z"}\n{"puser": "u2", oops\n')
    note_extraction(deployment.database)
    note_landing(deployment.database)

    assert str(ask("u1")) == "in quarantine: 1 row: no id"
    assert ask("u2").reason is Reason.IN_QUARANTINE
    assert ask("u3").reason is Reason.UNKNOWN


@pytest.mark.parametrize("undelivered", ["U1", "group-1"])
def test_microsofts_record_names_the_person_or_a_group_of_the_request(
    ask: Ask, landed: Any, deployment: Deployment, customer: Customer, undelivered: str
) -> None:
    landed(message("m1", puser="u2"), scope='{"kind": "List", "groups": ["Group-1", "group-2"]}')
    note_operation(deployment.database, customer, people_delivered=3, undelivered=[undelivered, "u9"])

    assert ask("u1").reason is Reason.UNDELIVERED
    assert ask("u2").reason is Reason.THERE


def test_who_is_undelivered_under_an_approval_with_deny_groups_is_denied(
    ask: Ask, landed: Any, deployment: Deployment, customer: Customer
) -> None:
    landed(message("m1", puser="u2"), approval_event_id="e7")
    note_operation(deployment.database, customer, undelivered=["u1"])
    approved = {"columns": "id", "scope": "All", "customer": "contoso", "dataset": "Message_v1"}
    with deployment.database.begin() as connection:
        connection.execute(approval_dataset.insert().values(event_id="e6", deny_groups="old", **approved))
        connection.execute(approval_dataset.insert().values(event_id="e7", deny_groups="g9", **approved))

    assert str(ask("u1")) == "denied: the approval leaves out the members of g9"


def test_a_record_that_has_arrived_and_names_nobody_says_so(
    ask: Ask, landed: Any, deployment: Deployment, customer: Customer
) -> None:
    landed(message("m1", puser="u2"))
    before = ask("u1")
    note_operation(deployment.database, customer)

    assert "the operation record has not arrived" in before.details
    assert "Microsoft's record (Succeeded) does not name the person" in ask("u1").details


def test_what_landed_counts_before_a_later_extraction_that_failed(
    ask: Ask, landed: Any, deployment: Deployment
) -> None:
    landed(message("m1"))
    later = dt.datetime(2026, 11, 30)
    note_extraction(deployment.database, "x2", "r2", status="Failed", claimed_at=later)

    assert ask("u1").reason is Reason.THERE
    assert ask("u3").reason is Reason.UNKNOWN


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("Purged", Reason.PURGED),
        ("Failed", Reason.NOT_EXTRACTED),
        ("InProgress", Reason.NOT_EXTRACTED),
        ("Succeeded", Reason.NOT_EXTRACTED),
    ],
)
def test_what_has_not_landed_is_explained_by_the_extraction(
    ask: Ask, deployment: Deployment, status: str, reason: Reason
) -> None:
    note_extraction(deployment.database, status=status)

    assert ask().reason is reason


def test_a_landing_of_a_run_that_was_replaced_is_none(ask: Ask, deployment: Deployment) -> None:
    note_extraction(deployment.database, run_id="r2")
    note_landing(deployment.database, run_id="r1")

    assert ask().reason is Reason.NOT_EXTRACTED


def test_a_dataset_that_was_not_requested_is_not_covered(
    ask: Ask, deployment: Deployment, customer: Customer, landing: Landing
) -> None:
    [kept] = [entry for entry in customer.data_request.datasets if entry.name == "User_v1"]
    request = customer.data_request.model_copy(update={"datasets": (kept,)})
    narrower = customer.model_copy(update={"data_request": request})
    messages = catalogue()["Message_v1"]

    found = why_missing(deployment.database, landing.lake, narrower, messages, "u1", FIRST)

    assert found.reason is Reason.NOT_COVERED
    assert ask().reason is Reason.NOT_EXTRACTED
