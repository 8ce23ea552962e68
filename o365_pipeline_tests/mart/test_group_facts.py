"""What becomes of groups and channels: who belongs to them, what is written there, and how active they are."""

import datetime as dt
import json

import pytest
import sqlalchemy as sa

from o365_pipeline.mart.tables import devices, groups, signals, tasks, teams, viva
from o365_pipeline_tests.mart.conftest import DAY, address, at

pytestmark = pytest.mark.usefixtures("organization")

GUEST = "Gus_Out.org#EXT#@contoso.onmicrosoft.com"


def member(name, group="g1", **more):
    return {
        "p_object_id": group,
        "id": name,
        "user_principal_name": f"{name}@contoso.com",
        "o_data_type": "#microsoft.graph.user",
    } | more


def group(name="g1", **more):
    return {
        "p_object_id": name,
        "id": name,
        "display_name": f"Group {name}",
        "mail": f"{name}@Contoso.com",
        "group_types": ["Unified"],
        "resource_provisioning_options": ["Team"],
        "visibility": "Private",
    } | more


def channel(channel_id, name, group="g1", **more):
    return {
        "p_object_id": group,
        "id": channel_id,
        "display_name": name,
        "membership_type": "standard",
    } | more


def post(message_id, sender, second=0, group="g1", conversation="c1", **more):
    """A channel message at nine o'clock; the sender is a name, or the object that the row has."""
    return {
        "p_object_id": group,
        "id": message_id,
        "sent_date_time": at(9) + dt.timedelta(seconds=second),
        "conversation_id": conversation,
        "from": json.dumps(address(sender) if isinstance(sender, str) else sender),
    } | more


def signal(person, second, kind, channel_name, group="g1"):
    return {
        "puser": person,
        "id": f"{person}/{second}/{kind}",
        "team_group_id": group,
        "thread_name": channel_name,
        "start_time": at(9) + dt.timedelta(seconds=second),
        "signal_type": kind,
    }


def mail(group_name, sender, message_id="<m1>", **more):
    return {
        "p_object_id": group_name,
        "id": f"{group_name}/{message_id}",
        "internet_message_id": message_id,
        "from": address(sender),
        "sent_date_time": at(10),
        "conversation_id": "thread",
    } | more


def tables_in(module):
    return [value for value in vars(module).values() if isinstance(value, sa.Table)]


def by(rows, table, *keys):
    found = rows(table)
    result = {tuple(row[key] for key in keys) if len(keys) > 1 else row[keys[0]]: row for row in found}
    assert len(result) == len(found)
    return result


@pytest.mark.parametrize(
    ("details", "kind"),
    [
        ({"group_types": ["Unified", "DynamicMembership"], "mail_enabled": True, "security_enabled": True}, "unified"),
        ({"group_types": [], "mail_enabled": True, "security_enabled": True}, "mail_enabled_security"),
        ({"group_types": [], "mail_enabled": False, "security_enabled": True}, "security"),
        ({"group_types": [], "mail_enabled": True, "security_enabled": False}, "distribution"),
        ({"group_types": None}, None),
    ],
)
def test_what_a_group_is_follows_from_its_types_and_flags(fill, rows, details, kind):
    fill("group_details", group(resource_provisioning_options=[], **details))

    [found] = rows("dim_group")

    assert (found["group_id"], found["display_name"], found["mail"]) == ("g1", "Group g1", "g1@contoso.com")
    assert (found["kind"], found["is_team"], found["visibility"]) == (kind, False, "Private")
    assert found["is_dynamic"] == (None if kind is None else kind == "unified")


def test_members_and_owners_are_counted_and_devices_and_groups_among_them_are_not(fill, rows):
    fill("group_details", group())
    fill("group_members", member("ann"), member("ann"), member("zed"), member("g9", user_principal_name=GUEST))
    fill("group_members", member("nested", user_principal_name=None, o_data_type="#Microsoft.Graph.Group"))
    fill("group_owners", member("ann"))

    [found] = rows("dim_group")

    assert (found["members"], found["guests"], found["owners"]) == (3, 1, 1)
    assert {
        key: (row["person_id"], row["member_address"], row["is_guest"])
        for key, row in by(rows, "bridge_group_member", "role", "member_id").items()
    } == {
        ("member", "ann"): ("ann", "ann@contoso.com", False),
        ("owner", "ann"): ("ann", "ann@contoso.com", False),
        # No user row describes Zed, who is a person all the same; nobody knows the guest.
        ("member", "zed"): ("zed", "zed@contoso.com", False),
        ("member", "g9"): (None, "gus@out.org", True),
        ("member", "nested"): (None, None, False),
    }
    assert by(rows, "bridge_group_member", "role", "member_id")["member", "nested"]["kind"] == "group"
    people = {row["person_id"] for row in rows("dim_person")}
    assert "zed" in people
    assert not people & {"g9", "nested"}


def test_a_guest_whom_a_user_row_describes_is_a_person_and_a_guest(fill, rows):
    fill("user", {"puser": "gus", "mail": "gus@out.org", "user_type": "Guest"})
    fill("group_members", member("gus", user_principal_name="gus@out.org"))

    [found] = rows("bridge_group_member")

    assert (found["person_id"], found["is_guest"]) == ("gus", True)


def test_groups_known_by_their_rows_alone_are_groups_so_that_facts_join(fill, rows):
    fill("group_members", member("ann", group="g2"))
    fill("teams_standard_channel_messages", post("1", "ann", group="g3"))
    fill("outlook_group_conversations", mail("g4", "ann"))

    found = by(rows, "dim_group", "group_id")

    assert {name: (row["is_team"], row["kind"], row["members"]) for name, row in found.items()} == {
        "g2": (False, None, 1),
        "g3": (True, None, 0),
        "g4": (False, None, 0),
    }


def test_a_channel_carries_its_team_and_a_team_without_a_known_channel_has_a_row(fill, rows):
    fill("group_details", group("g1"), group("g2"), group("g3", resource_provisioning_options=[]))
    fill("teams_channel_details", channel("19:a", "General"), channel("19:a", "General"), channel("19:b", "Dev"))

    found = by(rows, "dim_channel", "channel_id")

    assert {
        key: (row["channel_name"], row["group_id"], row["team_name"], row["team_mail"]) for key, row in found.items()
    } == {
        "19:a": ("General", "g1", "Group g1", "g1@contoso.com"),
        "19:b": ("Dev", "g1", "Group g1", "g1@contoso.com"),
        "g2": (None, "g2", "Group g2", "g2@contoso.com"),
    }
    assert (found["19:a"]["membership_type"], found["19:a"]["team_visibility"]) == ("standard", "Private")


@pytest.mark.parametrize(
    ("sender", "person", "sender_address"),
    [
        ({"emailAddress": {"name": "Ann", "address": "Ann@contoso.com"}}, "ann", "ann@contoso.com"),
        ({"EmailAddress": {"Name": "Ann", "Address": "Ann@contoso.com"}}, "ann", "ann@contoso.com"),
        ({"user": {"id": "ann", "displayName": "Ann"}}, "ann", None),
        ({"User": {"Id": "ann", "DisplayName": "Ann"}}, "ann", None),
        ({"emailAddress": {"address": "x@out.org"}}, None, "x@out.org"),
        ({"user": {"id": "of another tenant"}}, None, None),
        ({"application": {"id": "a bot"}}, None, None),
        ({}, None, None),
    ],
)
def test_a_sender_is_found_in_whatever_spelling_the_object_has(fill, rows, sender, person, sender_address):
    fill("teams_standard_channel_messages", post("1", sender))

    [message] = rows("fact_channel_message")

    assert (message["sender_id"], message["sender_address"]) == (person, sender_address)


@pytest.mark.parametrize("without", [None, "not an object"])
def test_without_from_the_sender_speaks_and_without_both_nobody_does(fill, rows, without):
    fill(
        "teams_standard_channel_messages",
        post("1", "ann") | {"from": without, "sender": address("bob")},
        post("2", "ann", second=1) | {"from": without},
    )

    assert [row["sender_id"] for row in sorted(rows("fact_channel_message"), key=lambda row: row["sent_at"])] == [
        "bob",
        None,
    ]


def test_a_channel_message_that_came_twice_is_one_and_the_later_ones_of_its_thread_are_replies(fill, rows):
    first = post("1", "ann", importance="Normal", last_modified_date_time=at(9))
    fill("teams_standard_channel_messages", first, first | {"importance": "High", "last_modified_date_time": at(12)})
    fill("teams_standard_channel_messages", post("2", "bob", second=15), post("3", "bob", 20, conversation="c2"))
    fill("teams_standard_channel_messages", post("1", "ann", group="g2", second=30))
    # Without a thread nothing tells that one message follows another.
    fill("teams_standard_channel_messages", *(post(name, "cat", 40, conversation=None) for name in "45"))

    found = sorted(rows("fact_channel_message"), key=lambda row: (row["sent_at"], row["channel_message_id"]))

    assert [(row["group_id"], row["sender_id"], row["is_reply"], row["importance"]) for row in found] == [
        ("g1", "ann", False, "High"),
        ("g1", "bob", True, None),
        ("g1", "bob", False, None),
        ("g2", "ann", False, None),
        ("g1", "cat", False, None),
        ("g1", "cat", False, None),
    ]
    assert {row["date_key"] for row in found} == {DAY}
    assert len({row["channel_message_id"] for row in found}) == 6


def test_the_senders_signal_of_the_same_second_tells_the_channel_and_whether_it_is_a_reply(fill, rows):
    fill("teams_channel_details", channel("19:a", "General"), channel("19:b", "Dev"), channel("19:z", "Dev", "g2"))
    fill("teams_standard_channel_messages", post("1", "ann", 0, conversation="begun yesterday"))
    fill("teams_standard_channel_messages", post("2", "ann", 1), post("3", "bob", 1, conversation="c2"))
    fill("teams_standard_channel_messages", post("4", "ann", 2, conversation="c3"))
    fill("teams_conversation_activity", signal("ann", 0, "ReplyChannelMessage", "Dev"))
    fill("teams_channel_activity", signal("ann", 1, "PostChannelMessage", "General"))
    # Two channels in one second: nothing tells which message stands in which.
    fill("teams_channel_activity", signal("ann", 2, "PostChannelMessage", "General"))
    fill("teams_channel_activity", signal("ann", 2, "PostChannelMessage", "Dev") | {"id": "other"})

    found = sorted(rows("fact_channel_message"), key=lambda row: (row["sent_at"], row["sender_id"]))

    assert [(row["sender_id"], row["channel_id"], row["is_reply"]) for row in found] == [
        ("ann", "19:b", True),
        ("ann", "19:a", False),
        ("bob", "g1", False),
        ("ann", "g1", False),
    ]
    assert set(by(rows, "dim_channel", "channel_id")) == {"19:a", "19:b", "19:z", "g1"}


def test_a_mail_to_two_groups_is_a_row_in_each_and_its_index_tells_a_reply(fill, rows):
    short = "AQHX6JsPy7pSBYXz5UWHpRhh4R22Jw=="
    fill("outlook_group_conversations", mail("g1", "ann", conversation_index=short), mail("g1", "ann"))
    fill("outlook_group_conversations", mail("g2", "x@out.org", conversation_index=short + "AAAA"))
    fill("outlook_group_conversations", mail("g1", "bob", "<m2>", sent_date_time=at(11)))

    found = by(rows, "fact_group_message", "group_id", "group_message_id")

    assert {key: (row["sender_id"], row["sender_address"], row["is_reply"]) for key, row in found.items()} == {
        ("g1", "<m1>"): ("ann", "ann@contoso.com", False),
        ("g2", "<m1>"): (None, "x@out.org", True),
        ("g1", "<m2>"): ("bob", "bob@contoso.com", True),
    }


@pytest.fixture
def an_active_day(fill):
    """Ann, Bob and a guest belong to g1; they, Cat and an outsider are active in it."""
    fill("group_details", group())
    fill("group_members", member("ann"), member("bob"), member("gus-id", user_principal_name=GUEST))
    fill("group_owners", member("ann"))
    fill("teams_channel_details", channel("19:a", "General"))
    fill("teams_standard_channel_messages", post("1", "ann"), post("2", "ann", 5), post("3", "Gus@out.org", 6))
    fill("teams_standard_channel_messages", post("4", {"application": {"id": "a bot"}}, 7, conversation="c2"))
    fill("outlook_group_conversations", mail("g1", "x@out.org"), mail("g1", "G1@contoso.com", "<welcome>"))
    who = {"tenantId": "us", "recipientType": "User"}
    people = [who | {"userAADObjectId": name} for name in ("bob", "cat")]
    record = {"communication_id": "call", "thread_id": "19:a", "attendees": people, "start_time": at(13)}
    fill("teams_call_records", record | {"puser": "bob", "id": "1"}, record | {"puser": "cat", "id": "2"})


@pytest.mark.usefixtures("an_active_day")
def test_activity_in_a_group_is_counted_per_person(rows):
    found = by(rows, "agg_group_person_day", "actor_id")

    numbers = ("messages", "mails", "replies", "calls")
    assert {
        name: (row["person_id"], row["is_member"], row["is_guest"], *(row[number] for number in numbers))
        for name, row in found.items()
    } == {
        "ann": ("ann", True, False, 2, 0, 1, 0),
        "bob": ("bob", True, False, 0, 0, 0, 1),
        "cat": ("cat", False, False, 0, 0, 0, 1),
        "gus@out.org": (None, True, True, 1, 0, 1, 0),
        "x@out.org": (None, False, False, 0, 1, 0, 0),
    }
    assert {(row["date_key"], row["week_start"]) for row in found.values()} == {(DAY, DAY)}


@pytest.mark.usefixtures("an_active_day")
def test_groups_and_calls_are_loaded_and_a_repeat_changes_nothing(fill, load, content):
    fill("planner_tasks", {"puser": "ann", "id": "1", "percent_complete": 50})
    fill("outlook_mail_activity", {"puser": "ann", "id": "1", "signal_type": "MessageSent", "app_name": "OWA"})
    fill("owned_devices", {"puser": "ann", "id": "d1", "is_compliant": True})
    fill("one_drive_sync_health", {"puser": "ann", "one_drive_device_id": "d1"})
    fill("one_drive_sync_errors", {"puser": "ann", "one_drive_device_id": "d1", "sync_error_id": 53})
    fill("license_details", {"puser": "ann", "sku_id": "s1"})
    fill("viva_insights_dataset", {"influence_score": 0.1})
    fill("one_drive_sync_health", {"puser": "ann", "one_drive_device_id": "s1"})
    fill("one_drive_sync_errors", {"puser": "ann", "one_drive_device_id": "s1", "sync_error_id": 1})

    load()
    before = content()
    load()

    assert content() == before
    of_these = {table.name for module in (devices, groups, signals, tasks, teams, viva) for table in tables_in(module)}
    assert len(of_these) == 16
    assert {name for name in of_these if not before[name]} == set()
    assert 0.1 in before["fact_viva_metric"][0]


@pytest.mark.usefixtures("an_active_day")
def test_activity_in_a_group_is_counted_per_date(rows):
    [found] = rows("agg_group_day")

    assert (found["group_id"], found["date_key"], found["week_start"]) == ("g1", DAY, DAY)
    assert (found["members"], found["active_members"], found["active_guests"], found["senders"]) == (3, 3, 1, 3)
    # The bot's message counts, and is nobody's; the welcome of the group itself does not.
    assert (found["messages"], found["mails"], found["replies"], found["calls"]) == (4, 1, 2, 1)


def test_messages_count_whatever_their_date(fill, rows):
    yesterday = at(9) - dt.timedelta(days=1)
    fill("teams_standard_channel_messages", post("1", "ann") | {"sent_date_time": yesterday}, post("2", "ann"))
    fill("teams_standard_channel_messages", post("3", "ann") | {"sent_date_time": yesterday + dt.timedelta(days=2)})

    found = rows("fact_channel_message")

    assert sorted((row["sent_at"] - at(9)).days for row in found) == [-1, 0, 1]
    assert sorted(row["is_reply"] for row in found) == [False, True, True]
    assert sum(row["messages"] for row in rows("agg_group_day")) == 3


def test_a_sunday_belongs_to_the_week_of_the_monday_before(fill, rows):
    fill("outlook_group_conversations", mail("g1", "ann", sent_date_time=dt.datetime(2026, 1, 4, 23, 59)))

    [found] = rows("agg_group_day")

    assert (found["date_key"], found["week_start"]) == (dt.date(2026, 1, 4), dt.date(2025, 12, 29))
    assert dt.date(2026, 1, 4) in {row["date_key"] for row in rows("dim_date")}
