"""The catalogue and its entries."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from o365_pipeline.datasets import Dataset, catalogue, snake_case
from o365_pipeline.errors import UsageError

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


def test_an_event_message_or_sent_item_needs_a_date_filter() -> None:
    assert all(catalogue()[name].date_filter_required for name in ("Event_v1", "Message_v1", "SentItem_v1"))


def test_users_managers_and_mailbox_settings_cost_nothing() -> None:
    free = {dataset.name for dataset in catalogue() if dataset.free_of_charge}

    assert free == {"User_v1", "Manager_v0", "MailboxSettings_v0"}


def test_asset_names_are_unique() -> None:
    names = [dataset.asset_name for dataset in catalogue()]

    assert len(names) == len(set(names))


def test_a_meeting_time_becomes_a_utc_time_and_its_zone() -> None:
    schema = Dataset.model_validate(MESSAGE).curated_schema

    assert schema == {
        "puser": "VARCHAR",
        "id": "VARCHAR",
        "start_utc": "TIMESTAMP",
        "start_time_zone": "VARCHAR",
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
