"""The rules that hold for every value, wherever it stands."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from o365_pipeline.curated.body_text import text_of_html
from o365_pipeline.curated.privacy import NOBODY, is_address
from o365_pipeline.curated.value_sql import Cleaning, define_values
from o365_pipeline.datasets.types import ColumnType, parse_type
from o365_pipeline.raw.duckdb_session import duckdb_session
from o365_pipeline_tests.curated.conftest import FIRST, Landing, row

CuratedRow = Callable[..., dict[str, Any]]
NOBODYS_ID = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize("nothing", ["", NOBODYS_ID, "0001-01-01T00:00:00Z", "0001-01-01T00:00:00.0000000"])
def test_what_stands_for_nothing_is_null_wherever_it_stands(curated_row: CuratedRow, nothing: str) -> None:
    found = curated_row(
        "Message_v1",
        id="m1",
        importance=nothing,
        sender={"emailAddress": {"name": nothing, "address": "a@x"}},
        flag={"flagStatus": nothing},
        sentDateTime="" if nothing == NOBODYS_ID else nothing,
    )

    assert found["importance"] is None
    assert found["sender"] == {"emailAddress": {"name": None, "address": "a@x"}}
    assert json.loads(found["flag"]) == {"flagStatus": None}
    assert found["sent_date_time"] is None


PIECES = (
    *("", " ", "\t", "a", "B", "1", "_", ".", "'", "#x'y'", "a.b'C'"),
    *("\u00fc", "\u00a0", "\u0001", "Z", "-1", "+01:00", " BC", NOBODYS_ID),
    *("0001-01-01", "0001-01-02", "0001-01-03", "9999-12-30", "9999-12-31", "10000-01-01", "0000-12-31", " 202-1-1"),
    *("2026-11-16", "T00:00:00", "T24:00:00", "T23:59:60.5"),
)


@pytest.mark.parametrize("kind", ["STRING", "DATETIME", "STRUCT<name: STRING>", "STRUCT<address: STRING>"])
def test_a_list_of_plain_values_comes_to_the_same_as_one_that_is_cleaned_with_care(kind: str) -> None:
    item, cleaning = parse_type(kind), Cleaning(NOBODY, frozenset({"enum", "enum.name"}))
    text = f"{{'{item.fields[0][0]}': text}}" if item.fields else "text"
    with duckdb_session() as (connection, _):
        define_values(connection)
        connection.execute(
            "CREATE TABLE texts AS SELECT unnest(?) AS text", [["".join(one) for one in product(PIECES, repeat=3)]]
        )
        for path in ("enum", "plain"):
            at_once = cleaning.value(ColumnType("array", item=item), path, "held")
            with_care = cleaning.value(item, path, "held[1]")
            is_other = f"{at_once}[1] IS DISTINCT FROM {with_care}"
            differing = f"SELECT text FROM (SELECT text, [{text}] AS held FROM texts) WHERE {is_other}"

            assert connection.execute(differing).fetchall() == []
            assert "THEN held ELSE" in at_once or "THEN list_transform" in at_once


def test_a_text_that_begins_as_never_does_stays(curated_row: CuratedRow) -> None:
    found = curated_row("Message_v1", id="m1", subject="0001-01-01T00:00:00Z is a date")

    assert found["subject"] == "0001-01-01T00:00:00Z is a date"


def test_addresses_are_in_lower_case_in_columns_lists_structures_and_json(landing: Landing) -> None:
    landing.curate("User_v1", [row(id="u1", mail="Ann@X.com", proxyAddresses=["SMTP:Ann@X.com"], displayName="Ann")])
    [user] = landing.table("User_v1")
    shared = {"type": "User", "name": "Ann", "email": "Ann@X.com", "upn": "Ann@X.com", "emailAddress": "A@X.com"}
    share = {
        "SiteId": "s",
        "WebId": "w",
        "ListId": "l",
        "ItemType": "File",
        "ScopeId": "c",
        "RoleDefinition": "r",
        "SharedWith": [shared],
    }
    landing.curate("SharePointPermissions_v1", [{**share, "ShareCreatedBy": {"Email": "Ann@X.com", "Name": "Ann"}}])
    [permission] = landing.table("SharePointPermissions_v1")

    assert (user["mail"], user["proxy_addresses"], user["display_name"]) == ("ann@x.com", ["smtp:ann@x.com"], "Ann")
    [entry] = permission["shared_with"]
    assert (entry["email"], entry["upn"], entry["emailAddress"], entry["name"]) == (
        *("ann@x.com", "ann@x.com", "a@x.com"),
        "Ann",
    )
    created_by = permission["share_created_by"]
    assert (created_by["email"], created_by["name"]) == ("ann@x.com", "Ann")


def test_street_addresses_are_no_addresses_of_mail() -> None:
    assert not any(is_address(name) for name in ("streetAddress", "homeAddress", "ipAddress", "addresses"))
    assert all(is_address(name) for name in ("emailAddress", "PrimarySmtpAddress", "ActorEmail", "user_principal_name"))


def test_a_structure_whose_first_key_is_missing_is_read_in_either_spelling(curated_row: CuratedRow) -> None:
    pascal = curated_row("Message_v1", id="m1", sender={"EmailAddress": {"Address": "a@x"}})
    mixed = curated_row("Message_v1", id="m1", sender={"emailAddress": {"Address": "a@x"}})

    assert pascal["sender"] == mixed["sender"] == {"emailAddress": {"name": None, "address": "a@x"}}


@pytest.mark.parametrize(
    "sender",
    [
        json.dumps({"emailAddress": {"name": "A", "address": "a@x"}}),
        json.dumps({"EmailAddress": {"Name": "A", "Address": "a@x"}}, indent=2).replace('":', '" :'),
        {"emailAddress": json.dumps({"name": "A", "address": "a@x"})},
        json.dumps({"EmailAddress": json.dumps({"Name": "A", "Address": "a@x"})}),
    ],
)
def test_an_object_that_arrives_as_a_string_is_read_as_an_object(curated_row: CuratedRow, sender: object) -> None:
    found = curated_row("Message_v1", id="m1", sender=sender)

    assert found["sender"] == {"emailAddress": {"name": "A", "address": "a@x"}}


def test_times_inside_structures_are_utc(landing: Landing) -> None:
    web = {"Id": "w1", "LastItemModifiedDate": "2026-11-16T10:00:00+02:00"}
    landing.curate("SharePointSites_v1", [{"Id": "s1", "RootWeb": web}, {"Id": "s2", "RootWeb": {"Id": "w2"}}])

    first, second = landing.table("SharePointSites_v1")

    assert first["root_web"]["lastItemModifiedDate"] == dt.datetime(2026, 11, 16, 8)
    assert second["root_web"]["lastItemModifiedDate"] is None


def test_a_body_becomes_text(curated_row: CuratedRow) -> None:
    html = "<html><style>p {}</style><p>Hello&nbsp;<b>Ann</b>,</p><p>two &amp; three</p>"
    found = curated_row("Message_v1", id="m1", body={"contentType": "microsoft.graph.bodyType'html'", "content": html})

    assert found["body_text"] == "Hello Ann,\n\ntwo & three"
    assert "body" not in found


def test_a_body_of_text_stays_and_one_that_was_not_requested_is_null(landing: Landing) -> None:
    message = row(id="m1", body={"contentType": "text", "content": "1 < 2 <b>"})
    landing.curate("Message_v1", [message])
    [asked] = landing.table("Message_v1")
    landing.curate("Message_v1", [message], columns=("id",))
    [unasked] = landing.table("Message_v1")

    assert asked["body_text"] == "1 < 2 <b>"
    assert unasked["body_text"] is None


@pytest.mark.parametrize(
    "html",
    [
        "<p>" + "word " * 400_000,
        "<div>" * 30_000 + "word",
        "<p>wo\0rd</p>",
        "<?xml encoding='utf-16'?><b>word",
        "<word",
    ],
)
def test_a_huge_or_broken_body_fails_no_row(landing: Landing, html: str) -> None:
    body = {"contentType": "html", "content": html}

    counts = landing.curate("Message_v1", [row(id="m1", body=body), row(id="m2", body=body)])

    assert counts[FIRST].curated == 2


def test_what_a_deeply_nested_body_says_is_not_lost() -> None:
    assert text_of_html("<div>" * 30_000 + "word") == "word"


def test_columns_that_the_catalogue_does_not_know_are_kept_as_json(landing: Landing) -> None:
    plain, new = row(id="m1"), row(id="m2", inferenceScore=0.5, tags=[{"name": "x"}], Puser="u1", SUBJECT="s")
    landing.curate("Message_v1", [plain, new], columns=("id",))

    first, second = landing.table("Message_v1")

    assert first["unknown_columns"] is None
    new_ones = {"inferenceScore": 0.5, "tags": [{"name": "x"}]}
    assert json.loads(second["unknown_columns"]) == {**new_ones, "Puser": "u1"}, "beside puser, no spelling is lost"


def test_columns_that_were_not_requested_are_not_unknown(landing: Landing) -> None:
    landing.curate("Message_v1", [row(id="m1", subject="secret", Body={"content": "secret"})], columns=("id",))

    assert "secret" not in json.dumps(landing.table("Message_v1"))
