"""Rows that DuckDB's typed reader takes at once come to the same as rows that are looked at one by one."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from o365_pipeline.curated import typed_table
from o365_pipeline.curated.curation import Counts
from o365_pipeline.curated.day_files import CURATED, QUARANTINE, USER_ROWS
from o365_pipeline.curated.privacy import People
from o365_pipeline.curated.typed_reader import reader_types
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.raw.row_structure import structure_of, united
from o365_pipeline_tests.conftest import few
from o365_pipeline_tests.curated.conftest import FIRST, Landing
from o365_pipeline_tests.curated.values import full_row

DATASETS = [catalogue()[name] for name in ("Message_v1", "CalendarView_v0", "SharePointSites_v1", "GroupMembers_v0")]

ODD: list[Any] = [
    *(None, "", " ", "null", " x ", "a\u0000b", "\\u0000", "tRuE", "0001-01-01T00:00:00Z", "9999-12-31", "{}", "[]"),
    *(0, -1, 7.0, 1e300, 2**63, 2**70, True, {}, [], [None], [[]], {"name": 1}, [{"name": "x"}, 2], {"Name": "a"}),
    *("2026-11-16T10:00:00+02:00", "Core.Kind'x'", "00000000-0000-0000-0000-000000000000", {"unheardOf": "x"}),
    {"name": "a", "Name": "b"},
]
"""Values that no document of Microsoft's promises."""

PEOPLE = People(
    denied=frozenset({"u9", "ann@contoso.example"}), salt="pepper", own_domains=frozenset({"contoso.example"})
)


@st.composite
def landings(draw: st.DrawFn) -> tuple[Dataset, list[dict[str, Any]]]:
    """Some full rows, of which some lack keys, repeat another's key, or hold what is odd."""
    dataset = draw(st.sampled_from(DATASETS))
    rows = []
    for _ in range(draw(st.integers(1, 4))):
        row = dict(full_row(dataset, draw(st.booleans())))
        names = sorted(row)
        for name in draw(st.lists(st.sampled_from(names), max_size=3, unique=True)):
            row[name] = draw(st.sampled_from(ODD))
        for name in draw(st.lists(st.sampled_from(names), max_size=3, unique=True)):
            row.pop(name, None)
        rows.append(row)
    return dataset, rows


def outcome(landing: Landing, dataset: Dataset, rows: Any, people: People) -> Mapping[str, Any]:
    counts: Mapping[dt.date, Counts] = landing.curate(dataset.name, rows, people=people)
    tables = {stage: landing.table(dataset.name, stage) for stage in (CURATED, QUARANTINE, USER_ROWS)}
    return {**tables, "counts": counts, "drift": landing.drift}


@few(6)
@given(landings(), st.sampled_from([People(), PEOPLE]))
@example((DATASETS[0], [{"id": "1", "puser": "u1", "subject": "x", "isRead": True, "IsRead": False}]), People())
def test_rows_come_to_the_same_however_they_are_read(
    landing: Landing, of: tuple[Dataset, list[dict[str, Any]]], people: People
) -> None:
    dataset, rows = of

    at_once = outcome(landing, dataset, rows, people)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typed_table, "reader_types", lambda *_: None)
        row_by_row = outcome(landing, dataset, rows, people)

    assert at_once == row_by_row


@pytest.mark.parametrize("pascal", [False, True])
def test_full_rows_of_every_dataset_are_read_at_once(pascal: bool) -> None:
    def structure(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: structure(held) for key, held in value.items()}
        if isinstance(value, list):
            return [structure(value[0]) if value else "NULL"]
        kinds = {bool: "BOOLEAN", int: "UBIGINT", float: "DOUBLE", type(None): "NULL"}
        return kinds.get(type(value), "VARCHAR")

    for dataset in catalogue():
        rows = json.dumps(structure(full_row(dataset, pascal)))
        assert reader_types(dataset, [column.name for column in dataset.columns], [rows]), dataset.name


def test_a_row_that_repeats_a_key_is_read_on_its_own(landing: Landing) -> None:
    line = b'{"puser": "u1", "id": "1", "id": "2", "subject": "a"}\n'

    counts = landing.curate("Message_v1", line + b'{"puser": "u1", "id": "3", "subject": "b"}\n')

    assert counts[FIRST].curated == 2
    assert {row["id"] for row in landing.table("Message_v1")} == {"1", "3"}


def test_a_rejected_row_is_found_in_its_file_and_line_whatever_is_read_beside_it(landing: Landing) -> None:
    good = [{"puser": "u1", "id": f"{number}", "subject": "x"} for number in range(3_000)]
    odd = [{"puser": "u1", "id": f"odd {number}", "unheardOf": {"number": number}} for number in range(50)]
    lines = b"".join(json.dumps(row).encode() + b"\n" for row in good[:10]) + b'\n{"puser": "u1"}\n{"id": "last"} {}\n'

    landing.curate("Message_v1", good, [*odd, {"puser": "u1"}], [*good[:7], {"puser": "u2"}], lines)

    found = {
        (row["file"].rpartition("-")[2], row["line"], row["reason"]) for row in landing.table("Message_v1", QUARANTINE)
    }
    assert {entry for entry in found if "repeats" not in entry[2]} == {
        ("1.json", 51, "no id"),
        ("2.json", 8, "no id"),
        ("3.json", 12, "no id"),
        ("3.json", 13, "no puser"),
        ("3.json", 13, "no puser; no id"),
    }
    assert {entry[:2] for entry in found if "repeats" in entry[2]} == {
        *(("2.json", line) for line in range(1, 8)),
        *(("3.json", line) for line in range(1, 11)),
    }


@given(st.lists(st.sampled_from(["1", '"a"', "null", "{}", '{"k": 1}', '{"k": {"l": "x"}}', "[1]", '[{"k": 1}]'])))
def test_what_rows_have_in_common_does_not_depend_on_how_often_they_come(values: list[str]) -> None:
    structures = sorted(structure_of_value(json.loads(value)) for value in values)

    assert structure_of(structures) == structure_of([one for one in structures for _ in range(2)])


def structure_of_value(value: Any) -> str:
    """A row with the value under one name, as DuckDB tells it."""
    told = {int: "UBIGINT", str: "VARCHAR", type(None): "NULL"}
    if isinstance(value, list):
        return json.dumps({"name": [json.loads(structure_of_value(value[0]))["name"]]})
    if isinstance(value, dict):
        held = {key: json.loads(structure_of_value(one))["name"] for key, one in value.items()}
        return json.dumps({"name": held or "JSON"})
    return json.dumps({"name": told[type(value)]})


def test_an_object_without_keys_hides_no_key_of_another() -> None:
    assert united({"a": "JSON"}, {"a": {"b": "VARCHAR"}}) == {"a": {"b": "VARCHAR"}}
    assert united({"a": "VARCHAR"}, {"a": {"b": "VARCHAR"}}) == {"a": "SEVERAL"}
