"""Every dataset of the catalogue becomes its curated shape, however its rows spell their columns."""

from __future__ import annotations

from typing import Any

import pytest

from o365_pipeline.datasets import UNKNOWN_COLUMNS, Dataset, catalogue
from o365_pipeline_tests.curated.conftest import FIRST, Landing
from o365_pipeline_tests.curated.values import full_row, value_of

VERSIONS = [versions for dataset in catalogue().newest if len(versions := catalogue().versions(dataset)) > 1]


def curated(landing: Landing, dataset: Dataset, row: dict[str, Any]) -> dict[str, Any]:
    counts = landing.curate(dataset.name, [row])
    assert (counts[FIRST].curated, counts[FIRST].quarantined) == (1, 0)
    [found] = landing.table(dataset.name)
    return found


@pytest.mark.parametrize("dataset", catalogue(), ids=lambda dataset: dataset.name)
def test_a_full_row_of_a_dataset_has_a_value_in_each_field_whatever_its_spelling(
    landing: Landing, dataset: Dataset
) -> None:
    camel, pascal = (curated(landing, dataset, full_row(dataset, pascal)) for pascal in (False, True))

    assert list(camel) == list(dataset.curated_schema)
    fields = {name for column in dataset.columns for name, _ in column.curated_fields}
    assert {name for name in fields if camel[name] is None} == set()
    assert camel == pascal
    assert camel[UNKNOWN_COLUMNS] is None
    assert landing.drift.is_as_published


@pytest.mark.parametrize("versions", VERSIONS, ids=lambda versions: versions[0].asset_name)
def test_versions_of_a_dataset_make_the_same_row_of_the_same_content(
    landing: Landing, versions: tuple[Dataset, ...]
) -> None:
    newer, older = versions
    named = {column.curated_name: column for column in newer.columns}
    shared = [
        (column, other)
        for column in older.columns
        if (other := named.get(column.curated_name)) and other.documented_type == column.documented_type
    ]
    owner: dict[str, Any] = {} if newer.owner == "none" else {newer.owner: "u1"}
    values = {column.name: value_of(column.type, column.curated_name, pascal=True) for column, _ in shared}

    made = curated(landing, newer, {**owner, **{other.name: values[column.name] for column, other in shared}})
    of_older = curated(landing, older, {**owner, **values})

    assert made == of_older
    assert len(shared) > 3


def test_keys_inside_structures_are_camel_case_in_the_whole_catalogue() -> None:
    keys = {key for dataset in catalogue() for column in dataset.columns for key in column.type.key_names}

    assert {key for key in keys if not key[0].islower()} == set()


def test_a_renamed_column_is_read_under_the_documented_name_and_the_shapes(landing: Landing) -> None:
    rows = [
        {"puser": "u1", "PrimarySmtpAddress": "Ann@x.com"},
        {"puser": "u2", "mail": "Bob@x.com"},
        {"puser": "u3", "Mail": "Cy@x.com"},
    ]

    landing.curate("User_v0", rows)

    assert [found["mail"] for found in landing.table("User_v0")] == ["ann@x.com", "bob@x.com", "cy@x.com"]


def test_rows_of_the_calendar_view_name_the_series_as_events_do(landing: Landing) -> None:
    row = {"puser": "u1", "id": "c1", "seriesMasterId": "s1"}

    landing.curate("CalendarView_v0", [row])

    assert [found["series_master_id"] for found in landing.table("CalendarView_v0")] == ["s1"]
