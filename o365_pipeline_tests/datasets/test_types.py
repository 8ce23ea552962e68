"""The grammar of the documented column types."""

from __future__ import annotations

import json

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from o365_pipeline.datasets.types import SCALARS, parse_type

NAMES = st.sampled_from(["name", "address", "emailAddress", "dateTime", "x1"])
TYPES = st.recursive(
    st.sampled_from(sorted(SCALARS)),
    lambda inner: st.one_of(
        inner.map(lambda item: f"ARRAY<{item}>"),
        st.dictionaries(NAMES, inner, min_size=1, max_size=3).map(
            lambda fields: "STRUCT<" + ", ".join(f"{name}: {kind}" for name, kind in fields.items()) + ">"
        ),
    ),
    max_leaves=6,
)


def test_a_recipient_list_becomes_a_list_of_structures() -> None:
    parsed = parse_type("ARRAY<STRUCT<emailAddress: STRUCT<name: STRING, address: STRING>>>")

    assert parsed.duckdb == 'STRUCT("emailAddress" STRUCT("name" VARCHAR, "address" VARCHAR))[]'
    assert json.loads(parsed.json_structure) == [{"emailAddress": {"name": "VARCHAR", "address": "VARCHAR"}}]
    assert parsed.key_names == ("emailAddress", "name", "address")


@given(TYPES)
def test_every_type_of_the_grammar_is_a_type_that_duckdb_takes(text: str) -> None:
    parsed = parse_type(text)

    with duckdb.connect() as connection:
        shown = connection.execute(f"SELECT typeof(NULL::{parsed.duckdb})").fetchall()[0][0]

    assert shown.count("[]") == text.count("ARRAY")


@pytest.mark.parametrize("text", ["", "STRNG", "ARRAY<", "STRUCT<a: STRING", "STRING STRING", "ARRAY<STRING>>"])
def test_what_is_not_a_type_is_refused_with_its_text(text: str) -> None:
    with pytest.raises((ValueError, IndexError)):
        parse_type(text)
