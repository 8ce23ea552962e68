"""Synthetic rows: the same at every call, in Data Connect's format, with a tenant's rhythm."""

import datetime as dt
import json
from collections import Counter, defaultdict
from typing import Any

import pytest

from o365_pipeline.datasets import SYSTEM_COLUMNS, Dataset, catalogue
from o365_pipeline.datasets.types import ColumnType
from o365_pipeline.sandbox.tenant.organization import organization
from o365_pipeline.sandbox.tenant.synthetic_tenant import SyntheticTenant
from o365_pipeline_tests.sandbox.conftest import copy_job

WEEK = {"start": "2026-11-16T00:00:00Z", "end": "2026-11-23T00:00:00Z"}
ONE_DAY = {"start": "2026-11-22T00:00:00Z", "end": "2026-11-22T00:00:00Z"}
WEEK_OR_DAY = {"column": WEEK, "window": WEEK, "none": WEEK, "snapshot": ONE_DAY}
TENANT = SyntheticTenant(users=40)


def rows(dataset: str, columns: list[str], **changes: Any) -> list[dict[str, Any]]:
    filters = {"date_column": catalogue()[dataset].date_filter} | changes
    filters.setdefault("table_name", catalogue()[dataset].table_name)
    return [json.loads(line.content) for line in TENANT.lines(copy_job(dataset, columns, **filters))]


def items(dataset: str, columns: list[str], **changes: Any) -> list[dict[str, Any]]:
    return [row for row in rows(dataset, columns, **changes) if not row["rowinformation"]["userReturnedNoData"]]


@pytest.mark.parametrize("dataset", list(catalogue()), ids=lambda dataset: dataset.name)
def test_a_row_has_the_requested_columns_and_the_system_columns_only(dataset: Dataset) -> None:
    columns = [column.name for column in dataset.columns]
    window = WEEK_OR_DAY[dataset.slicing] if dataset.owner != "puser" else {}
    everything = rows(dataset.name, columns, **window)
    few = rows(dataset.name, columns[:2], **window)
    for found, requested in ((everything, columns), (few, columns[:2])):
        allowed = [*requested, *system_columns(dataset)]
        assert all(list(row) == [name for name in allowed if name in row] for row in found)
        if not dataset.omits_nulls:
            assert {tuple(row) for row in found} == {tuple(allowed)}
    assert len(few) == len(everything) > 10


def system_columns(dataset: Dataset) -> list[str]:
    """What Data Connect adds to a row; nobody's rows tell the tenant alone."""
    own = ["ptenant"] if dataset.owner == "none" else [dataset.owner, *SYSTEM_COLUMNS]
    return [name for name in dict.fromkeys(own) if name == dataset.owner or name not in ("puser", "pObjectId")]


@pytest.mark.parametrize("dataset", list(catalogue()), ids=lambda dataset: dataset.name)
def test_every_row_fits_the_types_and_the_key_of_its_dataset(dataset: Dataset) -> None:
    key = dataset.natural_key
    found = [
        row
        for row in rows(dataset.name, [column.name for column in dataset.columns], **WEEK_OR_DAY[dataset.slicing])
        if not row.get("rowinformation", {}).get("userReturnedNoData")
    ]
    for column in dataset.columns:
        held = [row[column.name] for row in found if row.get(column.name) is not None]
        assert all(fits(column.type, value) for value in held), column.name
    for name in key:
        assert name in dataset.nullable_key or all(row[name] is not None for row in found), name
    keys = [json.dumps([row.get(name) for name in key]) for row in found]
    assert not key or len(set(keys)) == len(keys)


def fits(kind: ColumnType, value: Any) -> bool:
    if kind.item is not None:
        return isinstance(value, list) and all(fits(kind.item, held) for held in value)
    match kind.kind:
        case "struct":
            return isinstance(value, dict)
        case "datetime":
            return isinstance(value, str) and dt.datetime.fromisoformat(value) is not None
        case "boolean" | "bool":
            return isinstance(value, bool)
        case "double":
            return isinstance(value, float | int)
        case "string":
            return isinstance(value, str)
        case "json":
            return True
        case _:
            return isinstance(value, int) and not isinstance(value, bool)


@pytest.mark.parametrize(
    ("newer", "older", "columns"),
    [
        ("Message_v1", "Message_v0", ["internetMessageId", "sender", "toRecipients"]),
        ("Event_v1", "Event_v0", ["organizer", "attendees", "start"]),
    ],
)
def test_an_older_version_writes_the_same_with_capitals(newer: str, older: str, columns: list[str]) -> None:
    capitals = [name[:1].upper() + name[1:] for name in columns]

    def small(value: Any) -> Any:
        if isinstance(value, dict):
            return {name[:1].lower() + name[1:]: small(held) for name, held in value.items()}
        return [small(held) for held in value] if isinstance(value, list) else value

    now, before = items(newer, columns, **WEEK), items(older, capitals, **WEEK)
    assert all(list(row["Sender" if "Sender" in row else "Organizer"]) == ["EmailAddress"] for row in before)
    assert [[row[name] for name in columns] for row in now] == [
        [small(row[name]) for name in capitals] for row in before
    ]


@pytest.mark.parametrize("dataset", ["Message_v1", "SentItem_v1", "Event_v1", "CalendarView_v0", "TeamChat_v1"])
def test_a_week_has_the_rows_of_its_days_and_the_same_again(dataset: str) -> None:
    key = "Id" if dataset == "TeamChat_v1" else "id"
    week = items(dataset, [key], **WEEK)
    days = [
        row
        for day in range(16, 23)
        for row in items(dataset, [key], start=f"2026-11-{day}T00:00:00Z", end=f"2026-11-{day + 1}T00:00:00Z")
    ]
    assert sorted(row[key] for row in week) == sorted(row[key] for row in days)
    assert len({row[key] for row in week}) == len(week)
    assert rows(dataset, [key]) == rows(dataset, [key])


def test_another_seed_or_tenant_has_other_people() -> None:
    first, other = organization("t1", 60, 7), organization("t2", 60, 7)
    assert not {person.id for person in first.people} & {person.id for person in other.people}
    assert {person.id for person in organization("t1", 60, 8).people}.isdisjoint(person.id for person in first.people)


def test_one_mail_lies_in_several_mailboxes_under_one_message_id() -> None:
    columns = ["id", "internetMessageId", "sender", "toRecipients", "ccRecipients", "bccRecipients"]
    copies = defaultdict(list)
    for row in items("Message_v1", columns, **WEEK):
        copies[row["internetMessageId"]].append(row)
    mails = copies.values()

    assert max(len(mail) for mail in mails) > 5
    assert all(len({row["puser"] for row in mail}) == len({row["id"] for row in mail}) == len(mail) for mail in mails)
    assert all(len({json.dumps(row["toRecipients"]) for row in mail}) == 1 for mail in mails)
    blind = [mail for mail in mails if any(row["bccRecipients"] for row in mail)]
    assert blind
    assert all(sum(bool(row["bccRecipients"]) for row in mail) == 1 for mail in blind)


def test_a_default_week_has_thousands_of_mails_most_on_working_days() -> None:
    job = copy_job("Message_v1", ["sentDateTime"], date_column="sentDateTime", **WEEK)
    sent = [json.loads(line.content)["sentDateTime"] for line in SyntheticTenant().lines(job)]
    moments = [moment for moment in sent if moment]
    days = Counter(moment[:10] for moment in moments)
    assert 8_000 <= len(moments) <= 12_000
    assert days["2026-11-21"] + days["2026-11-22"] < 0.1 * days["2026-11-18"]
    assert WEEK["start"] <= min(moments) <= max(moments) < WEEK["end"]


def test_sent_items_are_the_senders_copies() -> None:
    sent = {row["id"]: row for row in items("SentItem_v1", ["id", "internetMessageId"], **WEEK)}
    copies = {row["id"] for row in items("Message_v1", ["id"], **WEEK)}
    assert sent
    assert set(sent) <= copies


def test_the_given_date_column_decides() -> None:
    columns = ["id", "sentDateTime", "lastModifiedDateTime"]
    changed = items("Message_v1", columns, date_column="lastModifiedDateTime")
    assert {row["lastModifiedDateTime"][:10] for row in changed} == {"2026-11-16"}
    assert any(row["sentDateTime"] < "2026-11-16" for row in changed)


def test_who_returns_nothing_has_one_user_row() -> None:
    silent = [row for row in rows("Message_v1", ["id"], **WEEK) if row["rowinformation"]["userReturnedNoData"]]
    without_mailbox = {
        person.id for person in organization("t1", TENANT.users, TENANT.seed).people if not person.has_mailbox
    }
    assert without_mailbox <= {row["puser"] for row in silent}
    assert len({row["puser"] for row in silent}) == len(silent)
    assert {row["id"] for row in silent} == {None}


def test_a_meeting_has_one_uid_in_all_calendars_and_an_answer_in_each() -> None:
    columns = ["id", "iCalUId", "responseStatus", "isOrganizer", "start", "type", "isCancelled", "isAllDay"]
    view = items("CalendarView_v0", columns, **WEEK)
    meetings = defaultdict(list)
    for row in view:
        meetings[row["iCalUId"]].append(row)
    assert max(len(calendars) for calendars in meetings.values()) > 3
    assert all(sum(row["isOrganizer"] for row in calendars) == 1 for calendars in meetings.values())
    answers = {row["responseStatus"]["response"].split("'")[1] for row in view}
    assert answers == {"organizer", "accepted", "tentativelyAccepted", "declined", "none"}
    assert {row["type"] for row in view} == {"singleInstance", "occurrence"}
    assert any(row["isCancelled"] for row in view)
    assert any(row["isAllDay"] for row in view)
    assert {row["start"]["timeZone"] for row in view} == {"UTC"}
    assert all("2026-11-16" <= row["start"]["dateTime"] < "2026-11-23" for row in view)


def test_a_chat_message_keeps_its_id_in_every_mailbox() -> None:
    columns = ["Id", "InternetMessageId", "From", "ToRecipients", "SentDateTime"]
    copies = defaultdict(list)
    for row in items("TeamChat_v1", columns):
        copies[row["InternetMessageId"], row["From"]["EmailAddress"]["Address"]].append(row)
    assert all(len(message) == 1 + len(message[0]["ToRecipients"]) for message in copies.values())
    assert all(int(number) > 1_700_000_000_000 for number, _ in copies)


def test_managers_form_a_tree() -> None:
    manager = {row["puser"]: row["id"] for row in rows("Manager_v0", ["id"])}
    for person in manager:
        steps = 0
        while person in manager:
            person, steps = manager[person], steps + 1
        assert steps < 10


def test_groups_and_filters_narrow_the_people() -> None:
    everyone = {row["puser"] for row in rows("User_v1", ["id", "department"])}
    group = {row["puser"] for row in rows("User_v1", ["id"], groups=["g1"])}
    sales = rows(
        "User_v1", ["department"], filter_uri="https://graph.microsoft.com/v1.0/users?$filter=Department eq 'Sales'"
    )
    assert 0 < len(group) < len(everyone) / 2
    assert {row["department"] for row in sales} == {"Sales"}
