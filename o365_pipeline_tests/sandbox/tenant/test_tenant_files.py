"""Every file in a folder of tenant data is taken, or named with the reason why not."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from o365_pipeline.errors import UsageError
from o365_pipeline.sandbox.tenant.tenant_files import TenantFiles, dataset_named, files_in

TAKEN = {
    "Message_v1.json": "Message_v1",
    "BasicDataSet_v0.Message_v1.json": "Message_v1",
    "message_V1.JSON": "Message_v1",
    "Message v1.json": "Message_v1",
    " Message_v1 .json": "Message_v1",
    "Message_v1.jsonl": "Message_v1",
    "Message_v1.ndjson.gz": "Message_v1",
    "Message_v1.json.GZ": "Message_v1",
    "Message_v1/part-00000.json": "Message_v1",
    "message_v1/2026/part-00000-c000.json.gz": "Message_v1",
    "BasicDataSet_v0.User_v1/part-7": "User_v1",
    "TodoTasks_v0.json": "TodoTasks_v0",
}

LEFT_ASIDE = {
    "Mesage_v1.json": "did you mean Message_v1?",
    "Message.json": "did you mean Message_v1?",
    "Message_v1 (1).json": "did you mean Message_v1?",
    "Message_v1_copy.json.gz": "did you mean Message_v1?",
    "Mesage_v1/part-0.json": "did you mean Message_v1?",
    "Unheard_of.json": "no dataset",
    "Message_v1.parquet": "not JSON by its name",
    "README.md": "not JSON by its name",
    ".json": "no dataset",
    "User_v1/_SUCCESS": "beside the part files, or empty",
    "User_v1/metadata/summary.json": "beside the part files, or empty",
    "User_v1/.part-0.json.crc": "beside the part files, or empty",
    "User_v1/notes.txt": "not JSON by its name",
}


def sorted_out(directory: Path, *names: str) -> TenantFiles:
    for name in names:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    return files_in(directory)


@pytest.mark.parametrize(("name", "dataset"), TAKEN.items())
def test_a_file_or_folder_named_after_a_dataset_is_taken(tmp_path: Path, name: str, dataset: str) -> None:
    files = sorted_out(tmp_path, name)

    assert (files.datasets, files.names(dataset), files.left_aside) == ((dataset,), name, ())


@pytest.mark.parametrize(("name", "reason"), LEFT_ASIDE.items())
def test_any_other_file_is_named_with_the_reason(tmp_path: Path, name: str, reason: str) -> None:
    files = sorted_out(tmp_path, "Event_v1.json", name)

    assert files.datasets == ("Event_v1",)
    [left] = files.left_aside
    assert left.name.split("/")[0] == name.split("/")[0]
    assert reason in left.reason


def test_all_files_of_a_dataset_are_taken(tmp_path: Path) -> None:
    names = ("BasicDataSet_v0.Message_v1.json", "Message_v1.json", "Message_v1/part-0.json", "Message_v1/part-1.json")

    assert sorted(sorted_out(tmp_path, *names).names("Message_v1").split(", ")) == sorted(names)


def test_an_empty_part_holds_no_rows(tmp_path: Path) -> None:
    (tmp_path / "User_v1").mkdir()
    (tmp_path / "User_v1" / "part-1.json").touch()

    files = sorted_out(tmp_path, "User_v1/part-0.json")

    assert files.names("User_v1") == "User_v1/part-0.json"
    assert [entry.name for entry in files.left_aside] == ["User_v1/part-1.json"]


@given(st.text(string.ascii_letters + string.digits + " _-.()", min_size=1, max_size=40))
def test_whatever_a_file_is_called_it_is_taken_or_named(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    directory = tmp_path_factory.mktemp("data")
    if name.strip(".") == "" or "/" in name:
        return
    files = sorted_out(directory, "Event_v1.json", f"{name}.json")

    taken = [path.name for paths in files.taken.values() for path in paths]
    assert sorted([*taken, *(entry.name for entry in files.left_aside)]) == sorted({"Event_v1.json", f"{name}.json"})


def test_a_folder_without_datasets_is_refused_with_what_was_meant(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no file of a known dataset"):
        files_in(tmp_path)
    with pytest.raises(UsageError, match=r"Mesage_v1\.json \(no dataset: did you mean Message_v1\?\)"):
        sorted_out(tmp_path, "Mesage_v1.json")
    with pytest.raises(UsageError, match="cannot be read as a folder"):
        files_in(tmp_path / "missing")


def test_no_two_datasets_share_a_plain_name() -> None:
    assert dataset_named("message_v0") != dataset_named("message_v1")
