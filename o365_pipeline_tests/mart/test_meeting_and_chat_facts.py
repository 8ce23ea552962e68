"""What becomes of meetings and chats: one row each, and who took part."""

import datetime as dt

import pytest

from o365_pipeline_tests.mart.conftest import address, at

pytestmark = pytest.mark.usefixtures("organization")


def entry(puser, organizer="ann", attendees=None, uid="040000", starts=9, response=None, **more):
    """A calendar's copy of a meeting of one hour; attendees are names with their responses."""
    return {
        "puser": puser,
        "id": f"{puser}/{uid}/{starts}",
        "i_cal_u_id": uid,
        "start_utc": at(starts),
        "end_utc": at(starts + 1),
        "organizer": address(organizer),
        "attendees": [
            address(name) | {"status": {"response": answer, "time": None}, "type": "required"}
            for name, answer in (attendees or {}).items()
        ],
        "response_status": {"response": response, "time": None},
        "is_all_day": False,
        "is_cancelled": False,
        "type": "singleInstance",
    } | more


def chat(puser, sender, to, epoch="1620239924329", **more):
    return {
        "puser": puser,
        "id": f"{puser}/{epoch}/{sender}",
        "internet_message_id": epoch,
        "from": address(sender),
        "to_recipients": [address(name) for name in to],
        "sent_date_time": at(11),
        "conversation_id": f"{puser}'s chat",
    } | more


def attendees(rows):
    return {row["attendee_address"]: (row["kind"], row["response"]) for row in rows("bridge_meeting_attendee")}


def meetings_of(rows):
    return {
        row["person_id"]: (row["meetings"], row["meeting_minutes"])
        for row in rows("agg_person_day")
        if row["meetings"] or row["meeting_minutes"]
    }


def test_a_meeting_in_three_calendars_is_one_meeting(fill, rows):
    invited = {"bob": "none", "x@out.org": "accepted"}
    fill("calendar_view", entry("bob", attendees=invited, response="accepted"), entry("ann", attendees=invited))

    [meeting] = rows("fact_meeting")

    assert meeting["meeting_id"] == "040000/20260105T090000Z"
    assert (meeting["organizer_id"], meeting["organizer_address"]) == ("ann", "ann@contoso.com")
    assert (meeting["starts_at"], meeting["ends_at"], meeting["duration_minutes"]) == (at(9), at(10), 60)
    assert (meeting["attendee_count"], meeting["copies"], meeting["source"]) == (3, 2, "calendar_view")
    assert attendees(rows) == {
        "ann@contoso.com": ("organizer", "organizer"),
        "bob@contoso.com": ("required", "accepted"),
        "x@out.org": ("required", "accepted"),
    }
    assert meetings_of(rows) == {"ann": (1, 60), "bob": (1, 60)}


def test_what_the_attendees_own_calendar_says_wins(fill, rows):
    invited = {"bob": "accepted", "cat": "declined"}
    fill("calendar_view", entry("ann", attendees=invited), entry("bob", attendees=invited, response="declined"))

    assert attendees(rows)["bob@contoso.com"] == ("required", "declined")
    assert attendees(rows)["cat@contoso.com"] == ("required", "declined")
    assert meetings_of(rows) == {"ann": (1, 60)}


def test_an_organizer_among_the_attendees_is_one_row(fill, rows):
    fill("calendar_view", entry("ann", attendees={"ann": "none", "bob": "accepted"}))

    assert attendees(rows)["ann@contoso.com"] == ("organizer", "organizer")
    assert rows("fact_meeting")[0]["attendee_count"] == 2


@pytest.mark.parametrize("flag", ["is_cancelled", "is_all_day"])
def test_cancelled_meetings_and_all_day_events_are_facts_but_do_not_count(fill, rows, flag):
    fill("calendar_view", entry("ann", attendees={"bob": "accepted"}, **{flag: True}))

    assert rows("fact_meeting")[0][flag] is True
    assert meetings_of(rows) == {}


def test_occurrences_of_a_series_are_meetings_of_their_own(fill, rows):
    fill("calendar_view", entry("ann", starts=9), entry("ann", starts=14))

    assert len(rows("fact_meeting")) == 2
    assert meetings_of(rows) == {"ann": (2, 120)}


def test_entries_without_an_i_cal_u_id_stay_apart(fill, rows):
    fill("calendar_view", entry("ann", uid=None, id="1"), entry("ann", uid=None, id="2"))

    assert len(rows("fact_meeting")) == 2


def test_events_count_only_where_the_calendar_view_was_not_extracted(fill, rows):
    fill("event", entry("ann", uid="created today, held later"))
    assert [row["source"] for row in rows("fact_meeting")] == ["event"]

    fill("calendar_view", entry("ann", uid="held today"))
    assert [(row["source"], row["i_cal_u_id"]) for row in rows("fact_meeting")] == [("calendar_view", "held today")]


def test_a_chat_message_in_two_mailboxes_is_one_that_the_sender_speaks_for(fill, rows):
    fill("team_chat", chat("bob", "cat", to=["bob", "eve"]), chat("cat", "Cat@contoso.com", to=["bob", "eve"]))

    [message] = rows("fact_chat")

    assert message["chat_message_id"] == "1620239924329/cat@contoso.com"
    assert (message["sender_id"], message["conversation_id"]) == ("cat", "cat's chat")
    assert (message["recipient_count"], message["copies"]) == (2, 2)
    counts = {row["person_id"]: (row["chats_sent"], row["chats_received"]) for row in rows("agg_person_day")}
    assert counts == {"cat": (1, 0), "bob": (0, 1), "eve": (0, 1)}


def test_two_people_who_write_in_the_same_millisecond_wrote_two_chat_messages(fill, rows):
    fill("team_chat", chat("ann", "ann", to=["bob"]), chat("bob", "bob", to=["ann"]))

    assert [row["sender_id"] for row in rows("fact_chat")] == ["ann", "bob"]


def test_dates_are_those_of_the_facts_and_the_partitions_own(fill, rows):
    days = dt.timedelta(days=5)
    fill("calendar_view", entry("ann", start_utc=at(9) + days, end_utc=at(10) + days))

    monday, saturday = rows("dim_date")

    assert (monday["date_key"], monday["weekday"], monday["is_weekend"]) == (dt.date(2026, 1, 5), 1, False)
    assert (saturday["date_key"], saturday["weekday"], saturday["is_weekend"]) == (dt.date(2026, 1, 10), 6, True)
    assert (saturday["year"], saturday["quarter"], saturday["month"], saturday["iso_week"]) == (2026, 1, 1, 2)
    assert saturday["extraction_id"] == "extraction of calendar_view"


@pytest.mark.parametrize(
    "settings",
    [
        {"time_zone": "Tokyo Standard Time"},
        {"time_zone": "(UTC+09:00) Osaka, Sapporo, Tokyo"},
        {
            "time_zone": "Customized Time Zone",
            "working_hours": '{"timeZone":{"name":"Customized Time Zone","bias":-540}}',
        },
    ],
    ids=["a known zone", "a described zone", "a custom zone with its bias"],
)
def test_a_meeting_in_no_known_zone_is_in_that_of_the_mailbox_and_says_so(fill, rows, settings):
    unknown = {"start_is_local": True, "end_is_local": True, "start_time_zone": "Customized Time Zone"}
    fill("mailbox_settings", {"puser": "ann"} | settings)
    fill(
        "calendar_view", entry("ann", starts=10, **unknown), entry("ann", uid="1", starts=12, attendees={"bob": "none"})
    )
    fill("calendar_view", entry("bob", starts=10, attendees={"bob": "none"}, **unknown))

    found = {row["i_cal_u_id"]: row for row in rows("fact_meeting")}

    assert (found["040000"]["starts_at"], found["040000"]["ends_at"]) == (at(1), at(2))
    assert (found["040000"]["is_zone_assumed"], found["040000"]["copies"]) == (True, 2)
    assert (found["1"]["starts_at"], found["1"]["is_zone_assumed"]) == (at(12), False)
    assert meetings_of(rows)["ann"] == (2, 120)


def test_copies_of_a_meeting_are_one_whether_or_not_their_zone_is_known(fill, rows):
    custom = {"start_is_local": True, "end_is_local": True, "start_time_zone": "tzone://Microsoft/Custom"}
    fill("mailbox_settings", {"puser": "bob", "time_zone": "Tokyo Standard Time"})
    fill("calendar_view", entry("ann", starts=1), entry("bob", starts=10, **custom), entry("bob", starts=11, **custom))

    first, second = rows("fact_meeting")

    assert (first["starts_at"], first["copies"], first["is_zone_assumed"]) == (at(1), 2, False)
    assert (second["starts_at"], second["copies"], second["is_zone_assumed"]) == (at(2), 1, True)


def test_a_meeting_in_no_known_zone_of_a_mailbox_without_one_is_not_lost(fill, rows):
    fill("calendar_view", entry("ann", start_is_local=True, end_is_local=True, start_time_zone="Mars"))

    [meeting] = rows("fact_meeting")

    assert (meeting["starts_at"], meeting["is_zone_assumed"]) == (at(9), True)
