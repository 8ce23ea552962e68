"""What is left of a row when a person is taken out of it, whatever the row is."""

from __future__ import annotations

import json
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from o365_pipeline.datasets import catalogue
from o365_pipeline.purge.person import Person
from o365_pipeline.purge.person_rows import ERASED, PersonRows

ANNS_ID = "0a000000-0000-4000-8000-00000000000a"
ANN = Person(identities=(ANNS_ID, "ann@contoso.com", "ann_contoso_com"), names=("Ann Lee", "Lee, Ann"))
ROWS = PersonRows(ANN)
BOBS_ID = "0b000000-0000-4000-8000-00000000000b"
TO_ANN = {"emailAddress": {"name": "Ann Lee", "address": "Ann@Contoso.com"}}
TO_BOB = {"emailAddress": {"name": "Bob Ray", "address": "bob@contoso.com"}}


def left(row: dict[str, Any], dataset: str = "Message_v1") -> dict[str, Any] | None:
    made = ROWS.erased(json.dumps(row), catalogue()[dataset])
    return None if made is None else dict(json.loads(made))


def test_a_row_that_does_not_name_the_person_is_the_same_text() -> None:
    text = '{"puser":  "x", "subject": "Joann Leer, joann@contoso.com, ann@contoso.com.au, Ann"}'

    assert ROWS.erased(text, catalogue()["Message_v1"]) == text


@pytest.mark.parametrize(
    ("dataset", "row"),
    [
        ("Message_v1", {"puser": ANNS_ID.upper(), "id": "m"}),
        ("Message_v1", {"PUser": ANNS_ID, "Id": "m"}),
        ("User_v1", {"puser": "x", "id": "x", "proxyAddresses": ["SMTP:ann@contoso.com"]}),
        ("Manager_v0", {"puser": BOBS_ID, "id": ANNS_ID, "displayName": "Ann Lee"}),
        ("Contact_v1", {"puser": BOBS_ID, "emailAddresses": '[{"name": "A", "address": "ann@contoso.com"}]'}),
        ("SharePointSites_v1", {"Id": "s", "Url": "https://x-my.sharepoint.com/personal/ann_contoso_com"}),
        ("SharePointFileActions_v1", {"ActorEmail": "ann@contoso.com", "ItemURL": "https://x"}),
    ],
)
def test_a_row_of_the_person_is_gone(dataset: str, row: dict[str, Any]) -> None:
    assert left(row, dataset) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (TO_ANN, None),
        ([TO_ANN, TO_BOB], [TO_BOB]),
        ([[TO_ANN], [TO_BOB]], [[], [TO_BOB]]),
        (json.dumps([TO_ANN, TO_BOB]), json.dumps([TO_BOB])),
        ("ann@contoso.com", None),
        ("smtp:Ann@contoso.com", None),
        (ANNS_ID, None),
        (
            f"https://teams/l/?context=%7b%22Oid%22%3a%22{ANNS_ID}%22%7d",
            None,
        ),
        ("https://x/?to=ann%40contoso.com&x=1", f"https://x/?to={ERASED}&x=1"),
        ("https://x/?to=%61nn%40contoso.com", None),
        ("Lunch with ANN LEE, says Lee, Ann", f"Lunch with {ERASED}, says {ERASED}"),
        ("CV_Ann_Lee.docx and ann-lee.pdf", f"CV_{ERASED}.docx and {ERASED}.pdf"),
        ("Ann\n Lee <ann@contoso.com>", f"{ERASED} <{ERASED}>"),
        ({"ann@contoso.com": 1, "b": "Dear Ann Lee"}, {"b": f"Dear {ERASED}"}),
        ([None, 1, "Ann Lee", True], [None, 1, True]),
    ],
)
def test_in_rows_of_others_what_names_the_person_is_taken_out(value: Any, expected: Any) -> None:
    row = {"puser": BOBS_ID, "id": "m", "undocumented": value}

    assert left(row) == {"puser": BOBS_ID, "id": "m", "undocumented": expected}


def test_the_pattern_that_finds_the_rows_finds_all_that_are_changed() -> None:
    texts = [
        json.dumps({"puser": BOBS_ID, "x": text}, ensure_ascii=is_escaped)
        for text in (
            "Ann\n Lee",
            "ann%40contoso.com",
            "ANN LEE",
            "Lee, Ann",
            "Ann Lee",
            "x ann@contoso.com y",
            "Ann_Lee",
        )
        for is_escaped in (True, False)
    ]
    texts.append('{"puser": "x", "x": "\\u0041nn Lee"}')

    for text in texts:
        [(found,)] = duckdb.execute("SELECT regexp_matches(?, ?)", [text, ROWS.sql_pattern]).fetchall()
        assert found, text
        assert ROWS.erased(text, catalogue()["Message_v1"]) != text


@pytest.mark.parametrize("text", ['{"puser": "ann@contoso.com', "Ann Lee", '["Ann Lee"]'])
def test_text_that_is_no_row_is_gone_if_it_names_the_person(text: str) -> None:
    assert ROWS.erased(text, catalogue()["Message_v1"]) is None
    assert ROWS.erased(text.replace("Ann", "Bob").replace("ann", "bob"), catalogue()["Message_v1"]) is not None


def test_a_rejected_row_of_the_person_is_gone_and_one_that_names_her_is_mended() -> None:
    own = {"extraction_id": "x", "file": "f", "line": 1, "reason": "no id", "raw": json.dumps({"puser": ANNS_ID})}
    others = {**own, "raw": json.dumps({"puser": BOBS_ID, "subject": "To Ann Lee"})}
    broken = {**own, "raw": '{"puser": "ann@contoso.com'}

    assert left(own) is None
    assert left(others) == {**others, "raw": json.dumps({"puser": BOBS_ID, "subject": f"To {ERASED}"})}
    assert "contoso" not in str(left(broken))


HOSTILE = (
    *("Ann Lee", "ann@contoso.com", ANNS_ID, "Bob", "", "\x00", "\ud800", "1e999", "NaN", "%", "%25"),
    *('{"a": "Ann Lee"', '["ann@contoso.com"]', '[{"x": "ANN@CONTOSO.COM"}]', "[" * 3_000, '{"n": 1e999}', "x" * 400),
)
VALUES = st.recursive(
    st.sampled_from(HOSTILE) | st.none() | st.booleans() | st.integers() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(HOSTILE), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(("puser", "id", "subject", "toRecipients", "x")), VALUES, max_size=4))
def test_whatever_a_row_holds_it_is_written_without_the_person_and_can_be_kept(row: dict[str, Any]) -> None:
    for dataset in ("Message_v1", "User_v1", "SharePointSites_v1"):
        text = json.dumps(row)
        made = ROWS.erased(text, catalogue()[dataset])

        if made is not None:
            low = json.dumps(json.loads(made), ensure_ascii=False).lower()
            assert not [word for word in (ANNS_ID, "ann@contoso.com", "ann lee") if word in low]
            made.encode("utf-8")
            if made != text and "\\ud800" not in made:
                assert duckdb.execute("SELECT ?::JSON::VARCHAR", [made]).fetchall() == [(made,)]


def test_what_is_nested_too_deeply_to_be_looked_into_is_gone_if_it_names_the_person() -> None:
    deep = "[" * 900 + '"Ann Lee"' + "]" * 900

    assert ROWS.erased(f'{{"puser": "b", "x": {deep}}}', catalogue()["Message_v1"]) in (
        None,
        f'{{"puser": "b", "x": {"[" * 900 + "]" * 900}}}',
    )
    assert ROWS.erased('{"puser": "b", "x": ' + "[" * 100_000, catalogue()["Message_v1"]) is not None
