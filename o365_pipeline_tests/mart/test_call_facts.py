"""What becomes of Teams call records: one call, who took part, and for how long."""

import datetime as dt

import pytest

from o365_pipeline_tests.mart.conftest import DAY, at

pytestmark = pytest.mark.usefixtures("organization")


def who(name, tenant="us", **more):
    return {"tenantId": tenant, "userAADObjectId": name, "displayName": "", "recipientType": "User"} | more


def record(puser, attendees=("ann", "bob"), call="call-1", organizer="ann", actions=(), **more):
    """A person's copy of a call from nine to ten; actions are (name, "Join" or "Leave", minute, second)."""
    return {
        "puser": puser,
        "id": f"{puser}/{call}",
        "communication_id": call,
        "organizer": who(organizer) if isinstance(organizer, str) else organizer,
        "attendees": [who(person) if isinstance(person, str) else person for person in attendees],
        "content": [
            {
                "dateTime": f"{at(9) + dt.timedelta(minutes=minute, seconds=second):%Y-%m-%dT%H:%M:%S}.1234567+00:00",
                "action": action,
                "participant": who(name),
            }
            for name, action, minute, second in actions
        ],
        "start_time": at(9),
        "end_time": at(10),
        "created_date_time": at(19),
        "communication_type": "Meeting",
        "communication_sub_type": "ScheduledMeeting",
    } | more


def participants(rows):
    found = rows("bridge_call_participant")
    result = {row["participant_id"]: row for row in found}
    assert len(result) == len(found)
    return result


def minutes(rows):
    return {name: row["minutes"] for name, row in participants(rows).items()}


def test_the_copies_of_several_people_are_one_call_that_the_organizer_speaks_for(fill, rows):
    fill("teams_call_records", record("bob", thread_id="bob's"), record("ann", thread_id="19:m", i_cal_uid="04ab"))

    [call] = rows("fact_call")

    assert (call["call_id"], call["thread_id"], call["organizer_id"]) == ("call-1", "19:m", "ann")
    assert (call["starts_at"], call["ends_at"], call["duration_minutes"]) == (at(9), at(10), 60)
    assert (call["kind"], call["sub_type"], call["i_cal_u_id"]) == ("meeting", "ScheduledMeeting", "04AB")
    assert (call["participant_count"], call["external_count"], call["copies"]) == (2, 0, 2)
    assert (call["date_key"], call["channel_id"], call["group_id"]) == (DAY, None, None)
    assert {name: row["is_organizer"] for name, row in participants(rows).items()} == {"ann": True, "bob": False}


def test_records_without_a_communication_id_stay_apart(fill, rows):
    fill("teams_call_records", record("ann", call=None), record("bob", call=" ", id="b"))

    assert len(rows("fact_call")) == 2


def test_a_call_in_a_channel_is_its_teams(fill, rows):
    fill("teams_channel_details", {"p_object_id": "g1", "id": "19:a", "display_name": "General"})
    fill("teams_call_records", record("ann", thread_id="19:a"))

    [call] = rows("fact_call")

    assert (call["channel_id"], call["group_id"]) == ("19:a", "g1")


def test_the_caller_of_a_call_takes_part_and_the_organizer_of_a_meeting_need_not(fill, rows):
    fill("teams_call_records", record("bob", attendees=["bob"], call="c", communication_type="Call"))
    fill("teams_call_records", record("bob", attendees=["bob"], call="m"))

    found = {(row["call_id"], row["participant_id"]) for row in rows("bridge_call_participant")}

    assert found == {("c", "ann"), ("c", "bob"), ("m", "bob")}


def test_outsiders_are_known_by_their_tenant_phones_by_a_hash_and_bots_are_left_out(fill, rows):
    fill(
        "teams_call_records",
        record(
            "bob",
            attendees=[
                "ann",
                "bob",
                who("zed"),
                who("eve", tenant=None),
                who("xi", tenant="them"),
                who("yo", tenant=None),
                who("", tenant=None, displayName="+1 555", recipientType="Phone"),
                who("", tenant=None, displayName="a recorder", recipientType="Applications"),
                who(None, tenant=None, displayName=None, recipientType=None),
                None,
            ],
        ),
    )

    found = participants(rows)

    [phone] = [name for name in found if name.startswith("sha256:")]
    assert {name: (row["person_id"], row["is_external"]) for name, row in found.items()} == {
        "ann": ("ann", False),
        "bob": ("bob", False),
        # Of our tenant, though no user row describes Zed.
        "zed": ("zed", False),
        "eve": ("eve", False),
        "xi": (None, True),
        "yo": (None, True),
        phone: (None, True),
    }
    assert rows("fact_call")[0]["external_count"] == 3
    people = {row["person_id"] for row in rows("dim_person")}
    assert "zed" in people
    assert not people & {"xi", "yo"}


@pytest.mark.parametrize("missing", ["organizer", "attendees", "content", "start_time", "end_time"])
def test_a_record_that_lacks_something_is_a_call_all_the_same(fill, rows, missing):
    fill("teams_call_records", record("bob", actions=[("bob", "Join", 0, 0)]) | {missing: None})

    [call] = rows("fact_call")

    assert call["date_key"] == DAY
    assert (call["organizer_id"] is None) == (missing == "organizer")
    assert (call["duration_minutes"] is None) == (missing in ("start_time", "end_time"))
    assert set(participants(rows)) == ({"bob"} if missing == "attendees" else {"ann", "bob"})


def test_minutes_are_those_between_joining_and_leaving_in_every_copy_once(fill, rows):
    actions = [("ann", "Join", 0, 0), ("ann", "Leave", 20, 30), ("ann", "Join", 30, 0), ("ann", "Leave", 40, 40)]
    fill("teams_call_records", record("ann", actions=actions), record("bob", actions=actions[::-1]))

    found = participants(rows)

    assert minutes(rows) == {"ann": 31, "bob": None}
    assert (found["ann"]["joined_at"].minute, found["ann"]["left_at"].minute) == (0, 40)
    assert found["ann"]["joined_at"].replace(microsecond=0) == at(9)


def test_two_devices_at_once_count_once(fill, rows):
    actions = [("ann", "Join", 0, 0), ("ann", "Join", 10, 0), ("ann", "Leave", 20, 0), ("ann", "Leave", 30, 0)]
    fill("teams_call_records", record("ann", actions=actions))

    assert minutes(rows)["ann"] == 30


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        ([("ann", "Join", 45, 0)], 14),
        ([("ann", "Join", 5, 0), ("ann", "Leave", 5, 0)], 0),
        ([("ann", "Join", 70, 0)], 0),
        ([("ann", "Leave", 50, 0)], 0),
        ([("ann", "Mute", 50, 0)], None),
    ],
    ids=["never left", "left at once", "joined after the end", "never joined", "neither"],
)
def test_actions_without_their_counterpart(fill, rows, actions, expected):
    fill("teams_call_records", record("ann", actions=actions))

    assert minutes(rows)["ann"] == expected
