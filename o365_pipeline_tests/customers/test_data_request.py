"""Reading data requests."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from o365_pipeline.customers.data_request import (
    DataRequest,
    RequestedDataset,
    Scope,
    as_toml,
    read_data_request,
    request_of,
)
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.errors import SettingsError, UsageError

SHIPPED = Path(__file__).parents[2] / "o365_pipeline" / "customers" / "data_request.toml"


def test_the_shipped_request_asks_for_nothing_that_people_wrote() -> None:
    for requested in read_data_request(None).datasets:
        assert not set(requested.columns) & set(requested.dataset.content_columns)


def test_two_versions_of_a_dataset_cannot_be_asked_for_together() -> None:
    request = read_data_request(None)
    older = RequestedDataset(name="Message_v0", columns=("Id",))

    with pytest.raises(ValidationError, match="Message_v0 are versions of one dataset; ask for one of them"):
        DataRequest.model_validate({**request.model_dump(), "datasets": [*request.datasets, older]})


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('"Message_v1"', '"Mesage_v1"', "unknown dataset 'Mesage_v1'; did you mean Message_v1"),
        ('"isRead"', '"isRed"', "Message_v1 has no column 'isRed'"),
        ('"Id", ', "", "TeamChat_v1: the columns must include Id"),
        ("owner =", "holder =", "owner: Field required"),
        ('"Manager_v0"', '"User_v1"', "User_v1 has no column|User_v1 stands there more than once"),
        ("[[datasets]]", "[[datasets", "data request"),
    ],
)
def test_a_wrong_request_is_refused_in_one_line_that_names_file_and_field(
    tmp_path: Path, before: str, after: str, message: str
) -> None:
    path = tmp_path / "request.toml"
    path.write_text(SHIPPED.read_text().replace(before, after))

    with pytest.raises(SettingsError, match=message) as raised:
        read_data_request(path)

    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "dataset", [entry for entry in catalogue() if entry.current_name], ids=lambda entry: entry.name
)
@pytest.mark.parametrize("left_out", ["Operation", "SnapshotDate"])
def test_changes_are_not_asked_for_without_what_tells_them_from_a_whole_snapshot(
    dataset: Dataset, left_out: str
) -> None:
    columns = tuple(column.name for column in dataset.columns if column.name != left_out)

    with pytest.raises(UsageError, match=rf"{dataset.name}: the columns must include {left_out}"):
        RequestedDataset(name=dataset.name, columns=columns)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml"):
        read_data_request(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    "parts",
    [
        {"kind": "List"},
        {"kind": "All", "groups": ["g"]},
        {"kind": "FilterUri"},
    ],
)
def test_a_scope_whose_parts_do_not_fit_its_kind_is_refused(parts: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Scope.model_validate(parts)


def test_a_request_for_more_than_ten_groups_is_refused() -> None:
    groups = [f"g{number}" for number in range(11)]

    with pytest.raises(ValidationError, match="at most 10 groups, not 11"):
        RequestedDataset.model_validate(
            {"name": "User_v1", "columns": ["id"], "scope": {"kind": "List", "groups": groups}}
        )


@pytest.mark.parametrize("names", [("TodoTasks_v0",), ("Message_v0", "Message_v1"), tuple(d.name for d in catalogue())])
def test_a_request_of_some_datasets_is_read_again_as_it_was_written(tmp_path: Path, names: tuple[str, ...]) -> None:
    shipped = read_data_request(None)
    path = tmp_path / "request.toml"

    path.write_text(as_toml(request_of(names, shipped)))
    request = read_data_request(path)

    assert request == request_of(names, shipped)
    assert {entry.dataset.asset_name for entry in request.datasets} == {catalogue()[name].asset_name for name in names}
    for entry in request.datasets:
        assert not set(entry.content_columns) - set(entry.dataset.indispensable_columns)


def test_a_written_request_keeps_the_scope(tmp_path: Path) -> None:
    scope = Scope(kind="FilterUri", filter_uri="https://graph.microsoft.com/v1.0/users?$filter=city eq 'Zürich \"1\"'")
    request = read_data_request(None)
    narrowed = request.model_copy(
        update={"datasets": tuple(entry.model_copy(update={"scope": scope}) for entry in request.datasets)}
    )
    path = tmp_path / "request.toml"

    path.write_text(as_toml(narrowed), encoding="utf-8")

    assert read_data_request(path) == narrowed
