"""Where time goes and who works with whom, case by case: what overlaps, what is answered, who makes a pair."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest

from o365_pipeline_tests.mart.conftest import DAY, Fill, Row, address, at
from o365_pipeline_tests.mart.test_mail_facts import copy
from o365_pipeline_tests.mart.test_meeting_and_chat_facts import entry

pytestmark = pytest.mark.usefixtures("organization")

Rows = Callable[[str], list[Row]]
HOUR, ONE_DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


def measures(rows: Rows, *names: str) -> dict[Any, tuple[Any, ...]]:
    return {
        row["person_id"]: tuple(row[name] for name in names)
        for row in rows("agg_person_day")
        if any(map(row.get, names))
    }


def of_person(rows: Rows, person: str) -> Row:
    return next(row for row in rows("dim_person") if row["person_id"] == person)


def test_a_chain_of_managers_that_turns_in_a_circle_ends(fill: Fill, rows: Rows) -> None:
    fill("manager", {"puser": "ann", "id": "eve"}, {"puser": "eve", "id": "bob"})

    chains = {row["person_id"]: (row["manager_chain"], row["level"]) for row in rows("dim_person")}

    assert chains["ann"] == ("eve/bob", 2)
    assert chains["bob"] == ("ann/eve", 2)
    assert chains["cat"] == ("ann/eve/bob", 3)


def test_whoever_manages_themselves_stands_at_the_top(fill: Fill, rows: Rows) -> None:
    fill("manager", {"puser": "ann", "id": "ann"})

    assert (of_person(rows, "ann")["manager_chain"], of_person(rows, "ann")["level"]) == (None, 0)
    assert (of_person(rows, "bob")["manager_chain"], of_person(rows, "bob")["level"]) == ("ann", 1)


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        ({"daysOfWeek": ["sunday", "monday"], "startTime": "08:30:00.0000000", "endTime": "16:15:00.0000000"},
         ("sunday,monday", 510, 975)),
        ({"DaysOfWeek": ["Saturday"], "StartTime": "08:30:00", "EndTime": "16:15:00"}, ("saturday", 510, 975)),
        ({}, ("monday,tuesday,wednesday,thursday,friday", 540, 1020)),
        ({"daysOfWeek": [], "startTime": "17:00:00", "endTime": "08:00:00"},
         ("monday,tuesday,wednesday,thursday,friday", 540, 1020)),
        (None, ("monday,tuesday,wednesday,thursday,friday", 540, 1020)),
    ],
)  # fmt: skip
def test_working_hours_are_read_as_they_are_written_or_taken_to_be_usual(
    fill: Fill, rows: Rows, hours: Row | None, expected: tuple[str, int, int]
) -> None:
    fill("mailbox_settings", {"puser": "bob", "working_hours": None if hours is None else json.dumps(hours)})

    bob = of_person(rows, "bob")

    assert (bob["work_days"], bob["work_starts"], bob["work_ends"]) == expected


@pytest.mark.parametrize("zone", [{"name": "Tokyo Standard Time"}, "Tokyo Standard Time"])
def test_a_zone_that_the_mailbox_does_not_name_is_that_of_the_working_hours(
    fill: Fill, rows: Rows, zone: object
) -> None:
    hours = json.dumps({"timeZone": zone})
    fill("mailbox_settings", {"puser": "bob", "time_zone": "Customized Time Zone", "working_hours": hours})

    assert of_person(rows, "bob")["time_zone_iana"] == "Asia/Tokyo"


def test_guests_bring_no_domain_of_the_organizations_own(fill: Fill, rows: Rows) -> None:
    guest = {"puser": "gus", "mail": "gus@out.org", "user_principal_name": "gus_out.org#EXT#@contoso.com"}
    other = {"puser": "guy", "user_principal_name": "gus_out.org#ext#@contoso.com"}
    fill(
        "user", guest | {"user_type": "Guest"}, guest | other, {"puser": "gil", "mail": "x@o.uk", "user_type": "guest"}
    )

    [customer] = rows("dim_customer")

    assert (customer["people"], customer["guests"], customer["own_domains"]) == (8, 2, "contoso.com")


def test_a_meeting_that_runs_into_the_day_is_that_of_the_day_before(fill: Fill, rows: Rows) -> None:
    night = entry("ann", starts=0, start_utc=at(0) - HOUR, end_utc=at(1))
    fill("earlier_calendar_view", night)
    fill("calendar_view", night, entry("ann", uid="early", starts=0, end_utc=at(2)))

    [meeting] = rows("fact_meeting")

    assert meeting["i_cal_u_id"] == "early"
    # Its first hour is busy already.
    assert measures(rows, "meeting_minutes", "busy_minutes") == {"ann": (120, 60)}


def test_meetings_that_overlap_are_busy_time_once(fill: Fill, rows: Rows) -> None:
    fill(
        "calendar_view",
        entry("ann", uid="long", starts=9, end_utc=at(12)),
        entry("ann", uid="within", starts=10),
        entry("ann", uid="beyond", starts=11, end_utc=at(13)),
    )

    assert measures(rows, "meetings", "meeting_minutes", "busy_minutes") == {"ann": (3, 360, 240)}


def test_of_a_meeting_that_outlasts_the_working_hours_the_rest_is_after_them(fill: Fill, rows: Rows) -> None:
    fill("calendar_view", entry("ann", starts=16, end_utc=at(18, 30)))

    assert measures(rows, "meeting_minutes", "after_hours_meeting_minutes") == {"ann": (150, 90)}


def test_focus_is_unknown_where_the_calendar_of_the_day_is(fill: Fill, rows: Rows) -> None:
    fill("mailbox_settings", {"puser": "bob"}, {"puser": "cat", "time_zone": "Pacific Standard Time"})
    assert measures(rows, "focus_minutes") == {}

    fill("calendar_view")
    assert measures(rows, "focus_minutes") == {"bob": (480,)}


def test_focus_is_nobodys_whose_account_is_disabled(fill: Fill, rows: Rows) -> None:
    fill("user", {"puser": "fay", "account_enabled": False})
    fill("mailbox_settings", {"puser": "fay"})
    fill("calendar_view")

    assert measures(rows, "focus_minutes") == {}


def test_blocks_of_focus_are_two_hours_or_more(fill: Fill, rows: Rows) -> None:
    fill("calendar_view", entry("ann", uid="1", starts=11), entry("ann", uid="2", starts=13, end_utc=at(15, 1)))

    # From 9 to 11. From 12 to 13 and from 15:01 to 17 are too short.
    assert measures(rows, "focus_minutes") == {"ann": (120,)}


def received(sender: str, sent: dt.datetime, mail: str, puser: str = "bob", thread: str = "thread") -> Row:
    moment = {"sent_date_time": sent, "received_date_time": sent}
    return copy(puser, sender, to=["bob"], mail=mail, conversation_id=thread) | moment


def responses(rows: Rows) -> dict[tuple[Any, Any], tuple[Any, ...]]:
    return {
        (row["responder_id"], row["counterpart"]): tuple(
            row[name] for name in ("responses", "response_minutes", "fastest_minutes", "median_minutes")
        )
        for row in rows("agg_response")
    }


def test_each_mail_received_is_answered_by_the_next_own_mail_of_the_thread(fill: Fill, rows: Rows) -> None:
    fill(
        "message",
        received("ann", at(9), "<1>"),
        received("ann", at(9, 30), "<2>"),
        received("x@out.org", at(9, 50), "<3>"),
        received("ann", at(9, 55), "<elsewhere>", thread="other"),
        received("bob", at(10), "<4>"),
        received("ann", at(10, 30), "<5>"),
        received("bob", at(12), "<6>"),
        received("ann", at(13), "<not answered>"),
    )

    assert responses(rows) == {("bob", "ann"): (3, 60 + 30 + 90, 30, 60), ("bob", "out.org"): (1, 10, 10, 10)}


def test_a_copy_in_sent_items_answers_no_second_time(fill: Fill, rows: Rows) -> None:
    answer = received("bob", at(10), "<2>")
    fill("message", received("ann", at(9), "<1>"), answer)
    fill("sent_item", answer)

    assert responses(rows) == {("bob", "ann"): (1, 60, 60, 60)}


def test_a_mail_of_the_days_before_is_answered_once_and_within_seven_days(fill: Fill, rows: Rows) -> None:
    fill(
        "earlier_message",
        received("ann", at(9) - 7 * ONE_DAY, "<too long ago>", thread="old"),
        received("cat", at(11) - 7 * ONE_DAY, "<just in time>", thread="old"),
        received("ann", at(8) - ONE_DAY, "<answered>"),
        received("bob", at(9) - ONE_DAY, "<its answer>"),
        received("ann", at(10) - ONE_DAY, "<open>"),
    )
    fill("message", received("bob", at(10), "<old>", thread="old"), received("bob", at(10), "<new>"))

    assert responses(rows) == {
        ("bob", "ann"): (1, 1440, 1440, 1440),
        ("bob", "cat"): (1, 7 * 1440 - 60, 7 * 1440 - 60, 7 * 1440 - 60),
    }


def test_a_draft_is_no_answer(fill: Fill, rows: Rows) -> None:
    fill("message", received("ann", at(9), "<1>"), received("bob", at(10), "<2>") | {"is_draft": True})

    assert responses(rows) == {}


def pairs(rows: Rows) -> dict[tuple[Any, Any], tuple[Any, ...]]:
    return {
        (row["person_a"], row["counterpart"]): (row["mails"], row["meetings"], row["chats"], row["weight"])
        for row in rows("agg_collaboration_day")
    }


def test_a_mail_joins_its_sender_to_each_recipient_and_no_recipients_to_each_other(fill: Fill, rows: Rows) -> None:
    fill("message", copy("cat", "cat", to=["bob", "ann"], cc=["bob", "x@out.org", "y@out.org"]))

    assert pairs(rows) == {
        ("ann", "cat"): (1, 0, 0, 0.25),
        ("bob", "cat"): (1, 0, 0, 0.25),
        ("cat", "out.org"): (1, 0, 0, 0.25),
    }


def test_mail_both_ways_is_one_pair(fill: Fill, rows: Rows) -> None:
    fill("message", copy("ann", "ann", to=["bob"], mail="<1>"), copy("ann", "bob", to=["ann"], mail="<2>"))

    assert pairs(rows) == {("ann", "bob"): (2, 0, 0, 2.0)}


@pytest.mark.parametrize("to", ["bob", "everybody@contoso.com"])
def test_a_mail_to_oneself_or_to_a_list_of_the_organization_makes_no_pair(fill: Fill, rows: Rows, to: str) -> None:
    fill("message", copy("bob", "bob", to=[to]))

    assert pairs(rows) == {}


def test_a_thread_of_outsiders_makes_no_pair_for_whoever_holds_a_copy(fill: Fill, rows: Rows) -> None:
    fill("message", copy("bob", "x@out.org", to=["y@other.org"], mail="<1>"))
    assert pairs(rows) == {}

    fill("message", copy("bob", "x@out.org", to=["y@other.org"], cc=["bob"], mail="<2>"))
    assert pairs(rows) == {("bob", "out.org"): (1, 0, 0, 0.5)}


def test_a_meeting_of_more_than_eight_people_makes_no_pairs(fill: Fill, rows: Rows) -> None:
    seven = {f"{number}@out.org": "accepted" for number in range(7)}
    fill("calendar_view", entry("ann", attendees=seven, uid="eight"))
    assert pairs(rows) == {("ann", "out.org"): (0, 1, 0, pytest.approx(1 / 7, abs=1e-6))}

    fill("calendar_view", entry("bob", "bob", attendees=seven | {"8@out.org": "none"}, uid="nine"))
    assert list(pairs(rows)) == [("ann", "out.org")]


def test_rooms_and_whoever_declined_are_in_no_pair(fill: Fill, rows: Rows) -> None:
    room = address("cat") | {"type": "resource", "status": {"response": "accepted", "time": None}}
    meeting = entry("ann", attendees={"bob": "accepted", "dan": "declined"})
    fill("calendar_view", meeting | {"attendees": [*meeting["attendees"], room]})

    assert pairs(rows) == {("ann", "bob"): (0, 1, 0, 1.0)}


def test_the_masters_of_series_are_no_meetings(fill: Fill, rows: Rows) -> None:
    fill("event", entry("ann", uid="series", type="seriesMaster"), entry("ann", uid="single"))

    assert [(row["i_cal_u_id"], row["is_recurring"]) for row in rows("fact_meeting")] == [("single", False)]


def test_dates_of_people_far_from_utc_are_dates_of_the_calendar_too(fill: Fill, rows: Rows) -> None:
    fill("mailbox_settings", {"puser": "bob", "time_zone": "Pacific Standard Time"})
    fill("message", copy("bob", "bob", to=["cat"], sent_date_time=at(1)))

    assert DAY - ONE_DAY in {row["date_key"] for row in rows("dim_date")}
