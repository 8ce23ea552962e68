"""Whom a customer denies is gone from each place of a row; addresses from outside are hashed."""

from __future__ import annotations

import json

import pytest

from o365_pipeline.curated.curation import Counts
from o365_pipeline.curated.day_files import QUARANTINE, USER_ROWS
from o365_pipeline.curated.json_values import clean_json, cleaned, plain_json
from o365_pipeline.curated.privacy import People
from o365_pipeline_tests.curated.conftest import FIRST, ROW_INFORMATION, Landing, row

ANNS_ID = "0a000000-0000-4000-8000-00000000000a"
ANN = {"emailAddress": {"name": "Ann Lee", "address": "Ann@contoso.com"}}
BOB = {"emailAddress": {"name": "Bob", "address": "bob@contoso.com"}}
EVE = {"emailAddress": {"name": "Eve", "address": "Eve@fabrikam.com"}}
WITHOUT_ANN = People(frozenset({ANNS_ID, "ann@contoso.com", "ann_contoso_com"}))
HASHING = People(own_domains=frozenset({"contoso.com"}), salt="salt")


def everything(landing: Landing, dataset: str) -> str:
    tables = [landing.table(dataset, stage) for stage in ("curated", USER_ROWS, QUARANTINE)]
    return json.dumps(tables, default=str).lower()


def test_rows_of_somebody_denied_are_removed_and_counted(landing: Landing) -> None:
    summary = {**ROW_INFORMATION, "isUserSummaryRow": True}
    rows = [
        row(id="m1", puser=ANNS_ID.upper()),
        row(id="m2"),
        row(puser=ANNS_ID, rowinformation=summary),
        row(id=None, puser=ANNS_ID),
    ]

    counts = landing.curate("Message_v1", rows, people=WITHOUT_ANN)

    assert counts == {FIRST: Counts(curated=1, removed=3)}
    assert counts[FIRST].total == landing.rows_landed
    assert ANNS_ID not in everything(landing, "Message_v1")


def test_in_rows_of_others_somebody_denied_is_left_out(landing: Landing) -> None:
    landing.curate(
        "Event_v1",
        [
            row(
                id="e1",
                organizer=ANN,
                attendees=[{**ANN, "type": "required"}, {**BOB, "type": "required"}],
                onlineMeeting={"joinUrl": f"https://teams/l/?context=%7b%22Oid%22%3a%22{ANNS_ID}%22%7d"},
                webLink=f"https://x/{ANNS_ID}/y",
                newOwner={"mail": "ann@contoso.com", "name": "Ann Lee"},
            )
        ],
        people=WITHOUT_ANN,
    )

    [found] = landing.table("Event_v1")

    assert found["organizer"] is None
    assert [entry["emailAddress"]["name"] for entry in found["attendees"]] == ["Bob"]
    assert (found["online_meeting"], found["web_link"]) == (None, None)
    assert json.loads(found["unknown_columns"]) == {"newOwner": None}
    assert "ann" not in everything(landing, "Event_v1").replace("channel", "")


@pytest.mark.parametrize(
    ("dataset", "values"),
    [
        ("Manager_v0", {"id": ANNS_ID, "displayName": "Ann Lee"}),
        ("DirectReport_v0", {"id": "x", "proxyAddresses": ["SMTP:ann@contoso.com"]}),
        ("Contact_v1", {"id": "c", "emailAddresses": [{"name": "Ann", "address": "ann@contoso.com"}]}),
        ("SharePointSites_v1", {"Id": "s", "Url": "https://x-my.sharepoint.com/personal/ann_contoso_com"}),
    ],
)
def test_rows_that_describe_somebody_denied_are_removed(
    landing: Landing, dataset: str, values: dict[str, object]
) -> None:
    counts = landing.curate(dataset, [row(**values)], people=WITHOUT_ANN)

    assert counts == {FIRST: Counts(removed=1)}


def test_json_that_names_somebody_denied_does_so_no_more(landing: Landing) -> None:
    created = {"email": "ann@contoso.com", "name": "Ann Lee"}
    shared = [
        {"type": "User", "name": "Ann Lee", "aadObjectId": ANNS_ID},
        {"type": "User", "name": "Bob", "upn": "b@x"},
    ]
    share = {"SiteId": "s", "WebId": "w", "ListId": "l", "ItemType": "File", "ScopeId": "c", "RoleDefinition": "r"}

    landing.curate(
        "SharePointPermissions_v1", [{**share, "ShareCreatedBy": created, "SharedWith": shared}], people=WITHOUT_ANN
    )

    [found] = landing.table("SharePointPermissions_v1")
    assert found["share_created_by"] is None
    assert [entry["name"] for entry in found["shared_with"]] == ["Bob"]


UNREADABLE = [
    '{"email": "ann@contoso.com", oops',
    "{'email': 'ann@contoso.com'}",
    ' [{"upn": "eve@fabrikam.com"',
    '{"size": ' + "9" * 5_000 + ', "upn": "eve@fabrikam.com"}',
    '{"of": ' * 3_000 + '{"email": "ann@contoso.com"}' + "}" * 3_000,
    "[" * 900 + '"ann@contoso.com"' + "]" * 900,
]


@pytest.mark.parametrize("people", [WITHOUT_ANN, HASHING])
@pytest.mark.parametrize("text", UNREADABLE, ids=range(len(UNREADABLE)))
def test_a_structure_that_cannot_be_read_is_null_since_it_could_name_anybody(text: str, people: People) -> None:
    made = [
        clean_json(text, people),
        clean_json(json.dumps([{"inside": text}]), people),
        json.dumps(cleaned({"new": text}, "new", people)),
    ]

    assert not [found for found in made if found and ("ann" in found or "eve" in found)]
    assert made[0] is None
    assert [json.loads(found) for found in made[1:] if found]


def test_a_structure_in_a_text_of_an_unknown_column_is_cleaned_too() -> None:
    text = json.dumps({"Mail": "Eve@fabrikam.com", "Subject": "plans"})

    assert cleaned(text, "new", HASHING) == {
        "mail": HASHING.pseudonym_if_outside("eve@fabrikam.com"),
        "subject": "plans",
    }


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_no_json_can_hold_is_null(number: str) -> None:
    assert clean_json(f'{{"size": {number}, "kept": 1}}', WITHOUT_ANN) == '{"size":null,"kept":1}'
    assert plain_json(f'{{"Size": {number}}}') == '{"size":null}'


def test_raw_text_in_quarantine_is_withheld_where_it_names_somebody_denied(landing: Landing) -> None:
    broken = b'{"id": "m3", "to": "ann\\u0040contoso.com", oops\n{"id": "m4", oops\n'
    landing.curate(
        "Message_v1", [row(id="m1", isRead="?", sender=ANN), row(id="m2", isRead="?")], broken, people=WITHOUT_ANN
    )

    raw = [entry["raw"] for entry in landing.table("Message_v1", QUARANTINE)]

    assert len(raw) == 4
    assert len([text for text in raw if text is None]) == 2
    assert "ann" not in everything(landing, "Message_v1")


def test_addresses_from_outside_are_hashed_and_the_names_beside_them_are_not_told(landing: Landing) -> None:
    rows = [row(id="m1", sender=EVE, toRecipients=[BOB, EVE]), row(id="m2", isRead="?", sender=EVE)]
    landing.curate("Message_v1", rows, people=HASHING)

    [found] = landing.table("Message_v1")

    sender = found["sender"]["emailAddress"]
    assert sender["name"] is None
    assert sender["address"] == HASHING.pseudonym_if_outside("eve@fabrikam.com")
    assert sender["address"].endswith("@fabrikam.com")
    assert len(sender["address"]) == 16 + len("@fabrikam.com")
    assert [entry["emailAddress"] for entry in found["to_recipients"]] == [
        {"name": "Bob", "address": "bob@contoso.com"},
        {"name": None, "address": sender["address"]},
    ]
    assert "eve" not in everything(landing, "Message_v1")


def test_a_contact_from_outside_keeps_no_name(landing: Landing) -> None:
    landing.curate(
        "Contact_v1",
        [row(id="c1", displayName="Eve", surname="X", emailAddresses=[{"name": "Eve", "address": "Eve@fabrikam.com"}])],
        people=HASHING,
    )

    [found] = landing.table("Contact_v1")

    assert (found["display_name"], found["surname"]) == (None, None)
    assert found["email_addresses"] == [{"name": None, "address": HASHING.pseudonym_if_outside("eve@fabrikam.com")}]


def test_the_same_salt_gives_the_same_hash_and_another_another() -> None:
    other = People(own_domains=HASHING.own_domains, salt="pepper")

    assert HASHING.pseudonym_if_outside("Eve@fabrikam.com") == HASHING.pseudonym_if_outside("eve@FABRIKAM.com")
    assert HASHING.pseudonym_if_outside("eve@fabrikam.com") != other.pseudonym_if_outside("eve@fabrikam.com")
    assert HASHING.pseudonym_if_outside("smtp:eve@fabrikam.com") == "smtp:" + HASHING.pseudonym_if_outside(
        "eve@fabrikam.com"
    )
    assert HASHING.pseudonym_if_outside("bob@contoso.com") == "bob@contoso.com"
