"""Curation: types, keys, and where each row ends."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from o365_pipeline.curated import curation, day_files
from o365_pipeline.curated.curation import Counts
from o365_pipeline.curated.day_files import CURATED, ONLY_PART, QUARANTINE, USER_ROWS, day_folder
from o365_pipeline.curated.privacy import NOBODY
from o365_pipeline.curated.typed_table import JUDGED, fill
from o365_pipeline.datasets import catalogue
from o365_pipeline.raw.duckdb_session import duckdb_session
from o365_pipeline.raw.manifest import Manifest
from o365_pipeline_tests.conftest import few
from o365_pipeline_tests.curated.conftest import FIRST, ROW_INFORMATION, Landing, row

CuratedRow = Callable[..., dict[str, Any]]


def mail(identifier: str = "m1", **values: Any) -> dict[str, Any]:
    return row(id=identifier, sentDateTime=f"{FIRST}T10:00:00Z", **values)


def test_times_become_utc(curated_row: CuratedRow) -> None:
    found = curated_row("Message_v1", id="m1", sentDateTime="2026-11-16T10:00:00+02:00")

    assert found["sent_date_time"] == dt.datetime(2026, 11, 16, 8)


def test_never_becomes_null_wherever_it_stands(curated_row: CuratedRow) -> None:
    found = curated_row(
        "Event_v1",
        id="e1",
        createdDateTime="0001-01-01T00:00:00Z",
        responseStatus={"response": "none", "time": "0001-01-01T00:00:00Z"},
        start={"dateTime": "0001-01-01T00:00:00.0000000", "timeZone": "UTC"},
    )

    assert found["created_date_time"] is None
    assert found["response_status"] == {"response": "none", "time": None}
    assert found["start_utc"] is None


def test_enum_values_become_bare_also_inside_structures(curated_row: CuratedRow) -> None:
    found = curated_row(
        "Message_v1",
        id="m1",
        importance="microsoft.graph.importance'high'",
        attachments=[{"contentType": "microsoft.graph.bodyType'html'", "name": "it's 'quoted'"}],
    )

    assert found["importance"] == "high"
    [attachment] = found["attachments"]
    assert (attachment["contentType"], attachment["name"]) == ("html", "it's 'quoted'")


def test_a_meeting_time_in_a_windows_zone_becomes_utc(curated_row: CuratedRow) -> None:
    found = curated_row(
        "Event_v1",
        id="e1",
        start={"dateTime": "2026-07-01T09:00:00.0000000", "timeZone": "Pacific Standard Time"},
        end={"dateTime": "2026-01-01T09:00:00.0000000", "timeZone": "Europe/Berlin"},
    )

    assert found["start_utc"] == dt.datetime(2026, 7, 1, 16)
    assert found["start_time_zone"] == "Pacific Standard Time"
    assert found["end_utc"] == dt.datetime(2026, 1, 1, 8)


def test_pascal_case_rows_give_the_same_as_camel_case_rows(landing: Landing) -> None:
    sender = {"EmailAddress": {"Name": "A", "Address": "a@x"}}
    chat = {"Id": "c1", "From": sender, "ToRecipients": [sender], "SentDateTime": "2026-11-16T10:00:00Z"}
    camel = {"id": "c2", "from": {"emailAddress": {"name": "A", "address": "a@x"}}}
    landing.curate("TeamChat_v1", [row(**chat), row(**camel)])

    first, second = landing.table("TeamChat_v1")

    assert first["from"] == second["from"] == {"emailAddress": {"name": "A", "address": "a@x"}}
    assert first["to_recipients"] == [{"emailAddress": {"name": "A", "address": "a@x"}}]


def test_columns_that_were_not_requested_stay_out_even_where_the_lake_holds_them(landing: Landing) -> None:
    landing.curate("Message_v1", [mail(subject="secret", importance="low")], columns=("id", "importance"))

    [found] = landing.table("Message_v1")

    assert found["importance"] == "low"
    assert found["subject"] is None
    assert found["sent_date_time"] is None


def test_columns_that_were_not_requested_take_no_memory_while_rows_are_typed() -> None:
    asked = ("id", "importance")
    manifest = Manifest(
        extraction_id="x1", customer="contoso", dataset="Message_v1", first_day=FIRST, last_day=FIRST, columns=asked,
        factory_run_id="r1", rows_reported=None, parts=(),
    )  # fmt: skip
    with duckdb_session() as (connection, _):
        fill(connection, catalogue()["Message_v1"], manifest, asked, NOBODY, [])
        held = {name for name, *_ in connection.execute("DESCRIBE typed").fetchall()}
        kept = {name for name, *_ in connection.execute("DESCRIBE kept").fetchall()}

    assert held == {"puser", "id", "importance", "unknown_columns", *JUDGED}
    assert kept == {"row_id", *catalogue()["Message_v1"].curated_schema, *JUDGED}


def test_of_rows_with_one_key_the_latest_is_kept_and_the_others_have_a_reason(landing: Landing) -> None:
    rows = [
        mail(lastModifiedDateTime="2026-11-16T10:00:00Z", importance="low"),
        mail(lastModifiedDateTime="2026-11-16T12:00:00Z", importance="high"),
        mail(lastModifiedDateTime="2026-11-16T11:00:00Z", importance="normal"),
        {**mail(), "puser": "u2"},
    ]

    counts = landing.curate("Message_v1", rows)

    assert counts == {FIRST: Counts(curated=2, quarantined=2)}
    assert [found["importance"] for found in landing.table("Message_v1") if found["puser"] == "u1"] == ["high"]
    assert {found["reason"] for found in landing.table("Message_v1", QUARANTINE)} == {
        "repeats the key puser, id of a row that was kept"
    }


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"sentDateTime": "yesterday"}, "sentDateTime is not of type datetime"),
        ({"isRead": "perhaps"}, "isRead is not of type boolean"),
        ({"toRecipients": "a@x"}, "toRecipients is not a list"),
        ({"from": ["a@x"]}, "from is not an object"),
        ({"id": None}, "no id"),
        ({"puser": None}, "no puser"),
    ],
)
def test_a_row_that_does_not_fit_is_in_quarantine_with_reason_and_text(
    landing: Landing, values: dict[str, Any], reason: str
) -> None:
    bad = {**mail("bad"), **values}

    counts = landing.curate("Message_v1", [mail("good"), bad])

    assert counts == {FIRST: Counts(curated=1, quarantined=1)}
    [rejected] = landing.table("Message_v1", QUARANTINE)
    assert rejected["reason"] == reason
    assert json.loads(rejected["raw"]) == bad
    assert rejected["file"].endswith("part-0.json")


@pytest.mark.parametrize("zone", ["Mars", "Customized Time Zone", "tzone://Microsoft/Custom", "", None])
def test_a_meeting_time_in_no_known_zone_is_kept_as_it_is_written_and_marked(
    curated_row: CuratedRow, zone: str | None
) -> None:
    start = {"dateTime": "2026-11-16T10:00:00", "timeZone": zone}

    found = curated_row("Event_v1", id="e1", start=start, end={"dateTime": "2026-11-16T10:30:00", "timeZone": "UTC"})

    assert (found["start_utc"], found["start_is_local"]) == (dt.datetime(2026, 11, 16, 10), True)
    assert found["start_time_zone"] == (zone or None)
    assert found["end_is_local"] is False


def test_user_rows_are_kept_apart_from_items(landing: Landing) -> None:
    no_data = row(id=None, rowinformation={**ROW_INFORMATION, "userReturnedNoData": True})
    summary = row(id=None, rowinformation={**ROW_INFORMATION, "isUserSummaryRow": True})
    failed = row(id=None, rowinformation={**ROW_INFORMATION, "errorInformation": "mailbox not found"})

    counts = landing.curate("Message_v1", [mail(), no_data, summary, failed])

    assert counts == {FIRST: Counts(curated=1, user_rows=3)}
    assert len(landing.table("Message_v1", USER_ROWS)) == 3


def test_a_malformed_line_never_stops_the_rest(landing: Landing) -> None:
    good = json.dumps(mail("m1"))
    part = f'{good}\n{{"id": oops}}\n{json.dumps(mail("m2"))}{json.dumps(mail("m3"))}\n'.encode()

    counts = landing.curate("Message_v1", part, [mail("m4")])

    assert counts == {FIRST: Counts(curated=4, quarantined=1)}
    [rejected] = landing.table("Message_v1", QUARANTINE)
    assert (rejected["line"], rejected["raw"]) == (2, '{"id": oops}')


def test_a_window_of_days_is_split_by_the_rows_day_and_loses_none(landing: Landing) -> None:
    days = [FIRST + dt.timedelta(days=n) for n in range(-1, 4)]
    rows = [row(id=f"m{n}", sentDateTime=f"{day}T12:00:00Z") for n, day in enumerate(days)]

    counts = landing.curate("Message_v1", rows, [row(id="undated")], last_day=days[3])

    assert {day: found.curated for day, found in counts.items()} == {days[1]: 3, days[2]: 1, days[3]: 2}


def test_a_dataset_without_days_counts_whole_on_every_day(landing: Landing) -> None:
    second = FIRST + dt.timedelta(days=1)

    counts = landing.curate("User_v1", [row(id="u1")], last_day=second)

    assert counts == {FIRST: Counts(curated=1), second: Counts(curated=1)}


def test_an_empty_landing_gives_an_empty_table(landing: Landing) -> None:
    assert landing.curate("Message_v1") == {FIRST: Counts()}
    assert landing.table("Message_v1") == []


def test_curating_again_gives_the_same_bytes(landing: Landing) -> None:
    rows = [mail(f"m{n % 7}", lastModifiedDateTime=f"2026-11-16T1{n % 9}:00:00Z") for n in range(50)]
    path = f"{day_folder(CURATED, 'message', 'contoso', FIRST)}/{ONLY_PART}"
    landing.curate("Message_v1", rows)
    first = landing.lake.read(path)

    landing.curate("Message_v1", rows[:])

    assert landing.lake.read(path) == first


@pytest.mark.parametrize("most", [0, 500_000])
def test_rows_that_repeat_a_key_are_found_where_they_lie_however_many_they_are(
    landing: Landing, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(curation, "UPDATED_ROWS", most)
    rows = [mail(f"m{n % 3}", subject=f"{n:02}", lastModifiedDateTime=f"2026-11-16T1{n}:00:00Z") for n in range(9)]

    counts = landing.curate("Message_v1", [row(id=None), *rows[:5]], rows[5:])

    assert counts[FIRST] == Counts(curated=3, quarantined=7)
    assert [found["subject"] for found in landing.table("Message_v1")] == ["06", "07", "08"]
    rejected = landing.table("Message_v1", QUARANTINE)
    told = [(entry["file"][-6:-5], entry["line"], json.loads(entry["raw"]).get("subject")) for entry in rejected]
    assert told == [("0", 1, None), *(("0", n + 2, f"{n:02}") for n in range(5)), ("1", 1, "05")]
    assert {entry["reason"] for entry in rejected[1:]} == {"repeats the key puser, id of a row that was kept"}


def test_wide_rows_of_a_large_landing_stay_in_its_order_and_are_in_small_groups(
    landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curation, "SORTED_BYTES", 100_000)
    monkeypatch.setattr(day_files, "GROUP_BYTES", 2_048 * 2_000)
    ids = [f"m{n * 7 % 2_500:04}" for n in range(2_500)]
    parts = [[mail(one, bodyPreview=one * 300) for one in some] for some in (ids[:1_000], ids[1_000:])]

    landing.curate("Message_v1", *parts)

    assert [found["id"] for found in landing.table("Message_v1")] == ids
    assert landing.row_groups("Message_v1") == [2_048, 2_500 - 2_048]


VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.lists(st.integers(), max_size=2))
ROWS = st.fixed_dictionaries(
    {"puser": st.sampled_from(["u1", "u2", None]), "id": st.sampled_from(["m1", "m2", "m3", None])},
    optional={
        "sentDateTime": st.one_of(st.just("2026-11-16T10:00:00Z"), VALUES),
        "isRead": VALUES,
        "toRecipients": VALUES,
        "from": VALUES,
        "rowinformation": st.one_of(VALUES, st.just({**ROW_INFORMATION, "userReturnedNoData": True})),
    },
)


@few(12)
@given(st.lists(ROWS, max_size=8), st.lists(st.text(alphabet='{}[]":, a1', max_size=12), max_size=3))
def test_whatever_lands_every_row_is_somewhere(landing: Landing, rows: list[dict[str, Any]], noise: list[str]) -> None:
    lines = [*(json.dumps(entry) for entry in rows), *noise]
    part = "\n".join(lines).encode()

    counts = landing.curate("Message_v1", part)

    found = counts[FIRST]
    tables = [landing.table("Message_v1", stage) for stage in (CURATED, USER_ROWS, QUARANTINE)]
    assert [len(table) for table in tables] == [found.curated, found.user_rows, found.quarantined]
    assert found.total >= len(rows)
    assert found.total == landing.rows_landed


def test_a_cut_emoji_loses_no_row(landing: Landing) -> None:
    part = json.dumps(mail("m1", importance="cut \ud83d")).encode() + b"\n" + json.dumps(mail("m2")).encode()

    counts = landing.curate("Message_v1", part)

    assert counts == {FIRST: Counts(curated=2)}
    assert [found["importance"] for found in landing.table("Message_v1")] == ["cut ?", None]


def test_what_only_python_takes_for_json_is_quarantined_with_its_text(landing: Landing) -> None:
    nested = "[" * 2000 + "]" * 2000
    part = f'{{"id": {nested}}}\n{json.dumps(mail("m2"))}\n{{"id": oops}}\n'.encode()

    counts = landing.curate("Message_v1", part)

    assert counts[FIRST].curated == 1
    assert counts[FIRST].quarantined == 2
    assert all(found["raw"] and found["line"] for found in landing.table("Message_v1", QUARANTINE))


def test_a_meeting_time_with_an_offset_is_taken_by_it(curated_row: CuratedRow) -> None:
    found = curated_row(
        "Event_v1", id="e1", start={"dateTime": "2026-11-16T09:00:00Z", "timeZone": "Pacific Standard Time"}
    )

    assert found["start_utc"] == dt.datetime(2026, 11, 16, 9)
