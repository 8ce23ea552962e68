"""The catalogue and its entries."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from pydantic import ValidationError

from o365_pipeline.datasets import SYSTEM_COLUMNS, Dataset, catalogue, snake_case
from o365_pipeline.errors import UsageError

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
PUBLISHED, ADDED_IN_2025 = REFERENCE / "datasets.json", REFERENCE / "datasets-2025-07.json"

MESSAGE = {
    "table_name": "BasicDataSet_v0.Note_v1",
    "description": "One row per note.",
    "family": "outlook",
    "free_of_charge": False,
    "scopes": ["All"],
    "natural_key": ["puser", "id"],
    "slicing": "none",
    "columns": {"id": "string", "start": "STRUCT<dateTime: STRING, timeZone: STRING>"},
}


def test_the_first_datasets_are_there() -> None:
    assert {dataset.name for dataset in catalogue()} >= {
        "User_v1",
        "Message_v1",
        "SentItem_v1",
        "Event_v1",
        "CalendarView_v0",
        "MailboxSettings_v0",
        "Manager_v0",
        "TeamChat_v1",
    }


@pytest.mark.parametrize("name", ["Message_v1", "BasicDataSet_v0.Message_v1", "message"])
def test_a_dataset_is_found_by_each_of_its_names(name: str) -> None:
    assert catalogue()[name].table_name == "BasicDataSet_v0.Message_v1"


def test_a_misspelled_dataset_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown dataset 'Mesage_v1'; did you mean Message_v1"):
        catalogue()["Mesage_v1"]


def test_an_unknown_column_is_answered_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="Manager_v0 has no column 'boss'; its columns are accountEnabled"):
        catalogue()["Manager_v0"].column("boss")


def test_every_column_is_described_in_one_line() -> None:
    for dataset in catalogue():
        for column in dataset.columns:
            assert column.description.endswith("."), (dataset.name, column.name)
            assert len(column.description) < 100, (dataset.name, column.name)


def test_an_entry_describes_what_its_columns_hold_where_others_hold_something_else() -> None:
    assert catalogue()["Message_v1"].column("id").description == "Id of the row's item."
    assert catalogue()["Message_v0"].column("SentDateTime").description == "When it was sent, in UTC."
    assert catalogue()["User_v0"].column("Title").description == "Job title."
    assert catalogue()["PlannerTasks_v0"].column("title").description == "Title of the task, as it was written."


def test_an_event_message_or_sent_item_needs_a_date_filter() -> None:
    assert all(catalogue()[name].date_filter_required for name in ("Event_v1", "Message_v1", "SentItem_v1"))


def test_users_managers_and_mailbox_settings_cost_nothing() -> None:
    free = {dataset.asset_name for dataset in catalogue() if dataset.free_of_charge}

    assert free == {
        *("user", "manager", "mailbox_settings", "direct_report"),
        *("group_details", "group_members", "group_owners"),
    }


def test_versions_of_a_dataset_share_the_asset_and_the_curated_shape() -> None:
    by_asset: dict[str, list[Dataset]] = {}
    for dataset in catalogue():
        by_asset.setdefault(dataset.asset_name, []).append(dataset)

    assert {name for name, versions in by_asset.items() if len(versions) > 1} == {
        *("contact", "event", "mail_folder", "message", "sent_item", "team_chat", "user"),
    }
    for versions in by_asset.values():
        assert all(version.curated_schema == versions[0].curated_schema for version in versions)
        assert all(version.curated_key == versions[0].curated_key for version in versions)


def test_the_newest_version_speaks_for_an_asset() -> None:
    newest = {dataset.asset_name: dataset.name for dataset in catalogue().newest}

    assert newest["message"] == "Message_v1"
    assert newest["team_chat"] == "TeamChat_v2"
    assert catalogue()["user"].name == "User_v1"
    assert catalogue()["User_v0"].name == "User_v0"


def test_an_older_version_calls_its_columns_as_the_newer_one_does() -> None:
    assert catalogue()["User_v0"].column("PrimarySmtpAddress").curated_name == "mail"


def test_every_type_of_every_column_can_be_read_by_duckdb() -> None:
    with duckdb.connect() as connection:
        for dataset in catalogue():
            fields = ", ".join(f'"{name}" {kind}' for name, kind in dataset.curated_schema.items())
            connection.execute(f"CREATE OR REPLACE TABLE shape ({fields})")


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the list of published datasets is not here")
def test_every_published_dataset_and_column_is_in_the_catalogue() -> None:
    published: dict[str, set[str]] = {}
    for path in (PUBLISHED, ADDED_IN_2025):
        for table_name, entry in json.loads(path.read_text(encoding="utf-8")).items():
            dataset, known = catalogue()[table_name], set[str]()
            if entry.get("status") == "columns that the catalogue lacks" and dataset.name not in published:
                known = {column.name for column in dataset.columns}
            names = {column["name"] for column in entry["columns"] if "," not in column["name"]}
            published.setdefault(dataset.name, known).update(names)

    assert {"OneDriveSyncHealth_v1", "OneDriveSyncErrors_v0", "SharePointSites_v1"} <= published.keys()
    for name, documented in published.items():
        dataset = catalogue()[name]
        assert documented - set(SYSTEM_COLUMNS) == {column.name for column in dataset.columns}, name


def test_a_meeting_time_becomes_a_utc_time_and_its_zone() -> None:
    schema = Dataset.model_validate(MESSAGE).curated_schema

    assert schema == {
        "puser": "VARCHAR",
        "id": "VARCHAR",
        "start_utc": "TIMESTAMP",
        "start_time_zone": "VARCHAR",
        "start_is_local": "BOOLEAN",
        "unknown_columns": "VARCHAR",
        "extraction_id": "VARCHAR",
    }


def test_an_entry_that_names_a_column_it_does_not_have_is_refused() -> None:
    with pytest.raises(ValidationError, match="names columns that it does not have: sentDateTime"):
        Dataset.model_validate({**MESSAGE, "date_filter": "sentDateTime", "slicing": "column"})


@pytest.mark.parametrize(
    ("name", "curated"),
    [("receivedDateTime", "received_date_time"), ("InternetMessageId", "internet_message_id"), ("id", "id")],
)
def test_curated_names_are_snake_case(name: str, curated: str) -> None:
    assert snake_case(name) == curated


def test_a_row_may_have_a_column_under_each_of_its_spellings() -> None:
    spelled = catalogue()["CalendarView_v0"].spellings_of(["vseriesMasterId", "id"])

    assert spelled == {"vseriesMasterId", "VseriesMasterId", "seriesMasterId", "SeriesMasterId", "id", "Id"}
