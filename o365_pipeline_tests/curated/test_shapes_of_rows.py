"""Rows as they are published, where that differs from the schema pages: spellings, shapes, what the pages lack."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest

from o365_pipeline.curated.day_files import QUARANTINE, USER_ROWS
from o365_pipeline.curated.time_zones import zone_of, zone_of_bias
from o365_pipeline.datasets import catalogue
from o365_pipeline_tests.curated.conftest import FIRST, ROW_INFORMATION, Landing, row

CuratedRow = Callable[..., dict[str, Any]]
NOBODY = "00000000-0000-0000-0000-000000000000"
SHARE = {"SiteId": "s", "ItemType": "Web", "ScopeId": "c", "RoleDefinition": "Read"}
TASK = {"CreatedDateTime": "2026-11-16T03:00:00Z", "LastModifiedDateTime": "2026-11-16T03:00:00Z"}


def sender(**values: object) -> dict[str, Any]:
    return {"emailAddress": values}


TYPES = (
    "SeriesMaster",
    "seriesMaster",
    "microsoft.graph.eventType'seriesMaster'",
    "#Ms.EventType'SeriesMaster' ",
    "T'seriesMaster'",
)
RESPONSES = ("Declined", "declined", "Ms.R'Declined'", "DECLINED", "Ms.R'DECLINED'")


def test_an_enum_has_one_spelling_at_the_top_and_below(landing: Landing) -> None:
    told = [(kind, response) for kind in TYPES for response in RESPONSES]
    landing.curate(
        "Event_v0",
        [
            row(
                Id=str(place),
                Type=kind,
                ShowAs="Free",
                Attendees=[{"Status": {"Response": response}}],
                Subject="Standup",
            )
            for place, (kind, response) in enumerate(told)
        ],
    )
    found = landing.table("Event_v0")

    assert {(one["type"], one["show_as"], one["subject"]) for one in found} == {("seriesMaster", "free", "Standup")}
    assert {attendee["status"]["response"] for one in found for attendee in one["attendees"]} == {"declined"}


def test_an_enum_in_a_column_of_json_has_the_same_spelling(curated_row: CuratedRow) -> None:
    assert json.loads(curated_row("TeamChat_v1", Id="1", Flag={"FlagStatus": "NotFlagged"})["flag"]) == {
        "flagStatus": "notFlagged"
    }


def test_what_the_catalogue_calls_enums_it_has() -> None:
    for dataset in catalogue():
        for path in dataset.enums:
            name, *keys = path.split(".")
            kind = dataset.column(name).type
            for key in keys:
                kind = kind.item or kind
                kind = dict(kind.fields).get(key, kind)
            assert (kind.item or kind).kind in ("string", "json"), f"{dataset.name}: {path}"


@pytest.mark.parametrize("key", ["upn", "Upn", "UPN", "uPn"])
def test_keys_within_structures_match_whatever_their_case(landing: Landing, key: str) -> None:
    by, to = {"TYPE": "User", key: "a@x"}, {"type": "User", key: "B@x", "AADObjectID": "p2"}

    landing.curate("SharePointPermissions_v1", [{**SHARE, "SharedWith": [to], "ShareCreatedBy": by}])
    [found] = landing.table("SharePointPermissions_v1")

    assert (found["share_created_by"]["upn"], found["share_created_by"]["type"]) == ("a@x", "User")
    assert [(one["upn"], one["aadObjectId"]) for one in found["shared_with"]] == [("b@x", "p2")]
    assert (found["unknown_columns"], landing.drift.unknown) == (None, {})


def test_columns_match_whatever_their_case(curated_row: CuratedRow) -> None:
    found = curated_row("User_v1", ID="u1", DISPLAYNAME="Ann")

    assert (found["id"], found["display_name"]) == ("u1", "Ann")


@pytest.mark.parametrize(
    ("due", "utc"),
    [
        ({"DateTime": "2026-11-30T00:00:00.0000000", "TimeZone": "UTC"}, dt.datetime(2026, 11, 30)),
        ({"dateTime": "2026-11-30T00:00:00", "timeZone": "Tokyo Standard Time"}, dt.datetime(2026, 11, 29, 15)),
        ({"DateTime": "2026-11-30T00:00:00+02:00", "TimeZone": "Mars"}, dt.datetime(2026, 11, 29, 22)),
        ("2026-11-30T00:00:00Z", dt.datetime(2026, 11, 30)),
        ({"DateTime": None, "TimeZone": None}, None),
        ({}, None),
    ],
)
def test_a_time_may_be_an_object_of_a_time_and_its_zone(curated_row: CuratedRow, due: object, utc: object) -> None:
    assert curated_row("TodoTasks_v0", Id="t1", DueDateTime=due, **TASK)["due_date_time"] == utc


@pytest.mark.parametrize("due", [{"DateTime": "soon"}, {"when": "soon"}, "soon", "infinity", "10000-01-01T00:00:00Z"])
def test_a_time_that_is_none_is_a_reason(landing: Landing, due: object) -> None:
    landing.curate("TodoTasks_v0", [row(Id="t1", DueDateTime=due, **TASK), row(Id="t2", **TASK)])

    assert [found["id"] for found in landing.table("TodoTasks_v0")] == ["t2"]
    assert [found["reason"] for found in landing.table("TodoTasks_v0", QUARANTINE)] == [
        "DueDateTime is not of type datetime"
    ]


NO_ERRORS: list[Any] = [
    "",
    "{}",
    "null",
    "None",
    '""',
    " ",
    "[ ]",
    {},
    [],
    None,
    False,
    '{"error": {}}',
    {"code": None},
]
ERRORS: list[Any] = ["no mailbox", {"code": 404}, {"error": {"message": "gone"}}, 404, True, ["gone"]]


def test_an_error_that_says_nothing_is_none(landing: Landing) -> None:
    told = [{**ROW_INFORMATION, "errorInformation": error} for error in [*NO_ERRORS, *ERRORS]]
    counts = landing.curate("Message_v1", [row(id=str(place), rowinformation=said) for place, said in enumerate(told)])

    assert (counts[FIRST].curated, counts[FIRST].user_rows) == (len(NO_ERRORS), len(ERRORS))
    assert sorted(int(found["id"]) for found in landing.table("Message_v1")) == list(range(len(NO_ERRORS)))


SAID_OF_ROWS: list[dict[str, Any]] = [
    {"rowinformation": {"ErrorInformation": "no mailbox"}},
    {"rowInformation": {"userReturnedNoData": True}},
    {"ROWINFORMATION": {"ISUSERSUMMARYROW": "true"}},
    {"rowinformation": '{"errorInformation": "no mailbox"}'},
]


def test_what_data_connect_says_of_a_row_is_read_whatever_its_case(landing: Landing) -> None:
    counts = landing.curate("Message_v1", [{"PUser": "u1", **said} for said in SAID_OF_ROWS])

    assert (counts[FIRST].user_rows, landing.drift.unknown) == (len(SAID_OF_ROWS), {})
    assert {found["puser"] for found in landing.table("Message_v1", USER_ROWS)} == {"u1"}


def test_whose_row_it_is_is_read_whatever_the_case(landing: Landing) -> None:
    landing.curate("Message_v1", [{"id": key, key: "u1"} for key in ("puser", "PUSER", "Puser", "pUser")])

    assert [found["puser"] for found in landing.table("Message_v1")] == ["u1"] * 4


def test_of_a_column_that_stands_there_twice_the_other_is_kept_too(curated_row: CuratedRow) -> None:
    found = curated_row("Message_v1", id="m1", subject="one", SUBJECT="two")

    assert (found["subject"], json.loads(found["unknown_columns"])) == ("one", {"SUBJECT": "two"})


def test_the_group_of_a_member_stands_in_either_column(landing: Landing) -> None:
    owners = (
        {"puser": "g1"},
        {"pObjectId": "g1"},
        {"puser": "x", "pObjectId": "g1"},
        {"puser": "g1", "pObjectId": NOBODY},
    )
    landing.curate("GroupMembers_v0", [{"id": str(place), **owner} for place, owner in enumerate(owners)])

    assert [found["p_object_id"] for found in landing.table("GroupMembers_v0")] == ["g1"] * len(owners)


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("sender", sender() | {"emailAddress": "Ann"}, "sender.emailAddress is not an object"),
        ("toRecipients", ["ann@x"], "toRecipients is not an object"),
        ("toRecipients", [sender(address="a"), "ann@x"], "toRecipients is not an object"),
        ("attachments", [{"size": "large"}], "attachments.size is not of type int"),
    ],
)
def test_a_text_where_a_structure_is_expected_is_no_structure_of_nulls(
    landing: Landing, column: str, value: object, reason: str
) -> None:
    landing.curate("Message_v1", [row(id="m1", **{column: value})])

    assert [found["reason"] for found in landing.table("Message_v1", QUARANTINE)] == [reason]
    assert reason.partition(" is not ")[0] in landing.drift.retyped
    assert "ann@x" not in landing.drift.table()


def test_a_text_that_says_nothing_is_no_structure(curated_row: CuratedRow) -> None:
    found = curated_row("Message_v1", id="m1", sender="null", toRecipients="")

    assert (found["sender"], found["to_recipients"]) == (None, None)


def test_what_the_catalogue_lacks_is_kept_and_named_below_the_top_too(landing: Landing) -> None:
    to = [sender(address="a@x"), {**sender(address="b@x", score=0.5), "@odata.type": "#x"}]
    landing.curate("Message_v1", [row(id="m1", toRecipients=to, newcomer={"a": 1})])

    [found] = landing.table("Message_v1")

    assert json.loads(found["unknown_columns"]) == {
        "newcomer": {"a": 1},
        "toRecipients": [{"emailAddress": {"score": 0.5}}],
    }
    assert landing.drift.unknown == {"newcomer": "object", "toRecipients.emailAddress.score": "number"}


def test_what_is_unknown_below_a_column_that_was_not_asked_for_is_not_kept(landing: Landing) -> None:
    landing.curate("Message_v1", [row(id="m1", SENDER=sender(x="secret"))], columns=("id",))

    assert "secret" not in json.dumps(landing.table("Message_v1"))


@pytest.mark.parametrize("depth", [400, 900, 5_000])
def test_a_row_that_is_nested_too_deeply_stops_nothing(landing: Landing, depth: int) -> None:
    deep = '{"a":' * depth + "1" + "}" * depth
    usual = '{"puser": "u1", "id": "%s", "%s": %s}\n'
    told = [("unknown", "Newcomer", deep), ("known", "from", deep), ("json", "flag", "[" * depth + "]" * depth)]
    told += [("several", "Newcomer", f'[1, {{"a": {deep}}}]'), ("other", "toRecipients", f"[[{deep}], 1]")]
    fits = [("text", "subject", json.dumps(deep)), ("structure", "from", json.dumps(deep)), ("odd", "FROM", "null")]

    landing.curate("Message_v1", "".join(usual % row for row in [*told, *fits]).encode())

    assert {found["id"] for found in landing.table("Message_v1")} == {"text", "structure", "odd"}
    assert [found["reason"] for found in landing.table("Message_v1", QUARANTINE)] == ["nested too deeply"] * 5


def test_texts_hold_no_nul_and_no_blanks_at_their_ends(curated_row: CuratedRow) -> None:
    found = curated_row(
        "Message_v1",
        id="m1",
        importance="lo\0w ",
        subject=" \\u0000 ",
        sender=sender(name="A\0nn ", address=" "),
        flag={"note": "a\0 "},
        categories=["Red ", "\0"],
    )

    assert (found["importance"], found["subject"], found["categories"]) == ("low", "\\u0000", ["Red", None])
    assert found["sender"] == {"emailAddress": {"name": "Ann", "address": None}}
    assert json.loads(found["flag"]) == {"note": "a"}


@pytest.mark.parametrize("never", ["9999-12-31T23:59:59.9999999Z", "9999-12-31", "0001-01-01T00:00:00+14:00"])
def test_either_end_of_the_calendar_is_never(curated_row: CuratedRow, never: str) -> None:
    assert curated_row("Message_v1", id="m1", sentDateTime=never)["sent_date_time"] is None


@pytest.mark.parametrize("number", [2**63, 10**30, "NaN", "Infinity"])
def test_a_number_that_not_every_database_has_is_a_reason(landing: Landing, number: object) -> None:
    landing.curate("SharePointSites_v1", [{"Id": "s1", "StorageUsed": number}])
    landing.curate("VivaInsightsDataset_v0", [{"TotalFocusHours": str(number)}])

    assert [found["reason"] for found in landing.table("SharePointSites_v1", QUARANTINE)] == [
        "StorageUsed is not of type int64"
    ]
    assert bool(landing.table("VivaInsightsDataset_v0", QUARANTINE)) == isinstance(number, str)


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("Tokyo Standard Time", "Asia/Tokyo"),
        ("(UTC+01:00) Amsterdam, Berlin, Bern, Rome", "Europe/Amsterdam"),
        ("(UTC-08:00) Pacific Time (US & Canada)", "America/Los_Angeles"),
        ("(UTC-06:00) Central America", "Etc/GMT+6"),
        ("(UTC+05:45) Somewhere", "GMT+05:45"),
        ("UTC+1", "Etc/GMT-1"),
        ("Customized Time Zone", None),
    ],
)
def test_a_zone_is_known_by_its_names_its_cities_or_its_offset(name: str, zone: str | None) -> None:
    assert zone_of(name) == zone


def test_a_bias_counts_west_of_greenwich() -> None:
    assert (zone_of_bias("-60"), zone_of_bias("480"), zone_of_bias("-330")) == ("Etc/GMT-1", "Etc/GMT+8", "GMT+05:30")
    assert (zone_of_bias("soon"), zone_of_bias("100000")) == (None, None)
