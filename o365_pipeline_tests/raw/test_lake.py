"""The lake's objects."""

from __future__ import annotations

from pathlib import Path

import pytest

from o365_pipeline.raw.lake import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.in_folder(tmp_path / "a lake")


def test_an_object_is_created_once(lake: Lake) -> None:
    assert lake.create("raw/manifest.json", b"first")
    assert not lake.create("raw/manifest.json", b"second")
    assert lake.read("raw/manifest.json") == b"first"


def test_writing_replaces_the_whole_object(lake: Lake, tmp_path: Path) -> None:
    source = tmp_path / "new"
    source.write_bytes(b"new")
    lake.write("a/b", b"old and longer")
    lake.write("a/b", source)

    assert lake.read("a/b") == b"new"


def test_objects_and_folders_are_listed_by_prefix(lake: Lake) -> None:
    for path in ("raw/c/message/p2", "raw/c/message/p1", "raw/c/event/p", "raw/d/message/p"):
        lake.write(path, b"x")

    assert lake.objects("raw/c/message") == [("raw/c/message/p1", 1), ("raw/c/message/p2", 1)]
    assert lake.folders("raw/c") == ["event", "message"]
    assert lake.objects("raw/nothing") == []


def test_staging_a_local_lake_copies_nothing(lake: Lake, tmp_path: Path) -> None:
    lake.write("raw/c/part", b"x")
    directory = tmp_path / "stage"
    directory.mkdir()

    [staged] = lake.stage(["raw/c/part"], directory)

    assert staged.read_bytes() == b"x"
    assert not any(directory.iterdir())


def test_what_is_not_there_does_not_exist(lake: Lake) -> None:
    assert not lake.exists("raw/nothing")
