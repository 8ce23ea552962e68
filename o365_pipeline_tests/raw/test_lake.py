"""The lake's objects: what holds in a folder holds in a container."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from o365_pipeline.errors import LakeError
from o365_pipeline.raw import lake as lake_module
from o365_pipeline.raw.lake import Lake

ODD_NAMES = ["ü/ñ ä.json", "x/日本.json", "a/b c+d.json", "a/50%25.json", "a/#1?x=y&z.json", "q/o'neil [1]*.json"]


def test_an_object_is_created_once(lake: Lake) -> None:
    assert lake.create("raw/manifest.json", b"first")
    assert not lake.create("raw/manifest.json", b"second")
    assert lake.read("raw/manifest.json") == b"first"


def test_of_many_that_create_one_object_one_succeeds(lake: Lake) -> None:
    contents = [str(number).encode() for number in range(8)]

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda content: lake.create("raw/manifest.json", content), contents))

    assert made.count(True) == 1
    assert lake.read("raw/manifest.json") == contents[made.index(True)]


def test_writing_replaces_the_whole_object(lake: Lake, tmp_path: Path) -> None:
    source = tmp_path / "new"
    source.write_bytes(b"new")
    lake.write("a/b", b"old and longer")
    lake.write("a/b", source)

    assert lake.read("a/b") == b"new"


def test_objects_and_folders_are_listed_by_prefix(lake: Lake) -> None:
    for path in ("raw/c/message/p2", "raw/c/message/p1", "raw/c/event/p1", "raw/cc/message/p1"):
        lake.write(path, b"x")

    assert lake.objects("raw/c/message") == [("raw/c/message/p1", 1), ("raw/c/message/p2", 1)]
    assert lake.folders("raw/c") == ["event", "message"]
    assert lake.objects("raw/nothing") == []
    assert lake.folders("raw/nothing") == []


def test_what_is_not_there_does_not_exist(lake: Lake) -> None:
    lake.write("raw/something", b"")

    assert lake.exists("raw/something")
    assert not lake.exists("raw/nothing")
    with pytest.raises(LakeError, match="there is no object raw/nothing") as raised:
        lake.read("raw/nothing")
    assert "\n" not in str(raised.value)


def test_objects_are_deleted_whether_or_not_they_are_there_still(lake: Lake) -> None:
    paths = [f"raw/c/{number}" for number in range(300)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda path: lake.write(path, b"x"), paths))
    lake.delete(paths[:1])

    lake.delete([*paths, "never/there"])
    lake.delete([])

    assert lake.objects("") == []


@pytest.mark.parametrize("path", ODD_NAMES)
def test_an_odd_name_is_a_name(lake: Lake, tmp_path: Path, path: str) -> None:
    lake.write(path, b"x")
    assert lake.create(f"{path}.manifest", b"y")

    [staged] = lake.stage([path], tmp_path)

    assert staged.read_bytes() == lake.read(path) == b"x"
    assert lake.exists(path)
    assert lake.objects(path.split("/")[0]) == [(path, 1), (f"{path}.manifest", 1)]
    lake.delete([path, f"{path}.manifest"])
    assert lake.objects("") == []


def test_staging_a_local_lake_copies_nothing(tmp_path: Path) -> None:
    lake = Lake.in_folder(tmp_path / "a lake")
    lake.write("raw/c/part", b"x")
    directory = tmp_path / "staging"
    directory.mkdir()

    [staged] = lake.stage(["raw/c/part"], directory)

    assert staged.read_bytes() == b"x"
    assert not list(directory.iterdir())


def test_staged_files_come_in_the_order_that_was_asked_for(lake: Lake, tmp_path: Path) -> None:
    for name in ("b", "a", "empty"):
        lake.write(f"raw/{name}", b"" if name == "empty" else name.encode())

    staged = lake.stage(["raw/b", "raw/empty", "raw/a", "raw/b"], tmp_path)

    assert [file.read_bytes() for file in staged] == [b"b", b"", b"a", b"b"]
    assert lake.stage([], tmp_path) == []


def test_files_staged_in_turn_lie_on_the_disk_some_at_a_time(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lake_module, "STAGED_AT_ONCE", 10)
    for number in range(4):
        lake.write(f"raw/{number}", str(number).encode() * 5)
    lake.write("raw/4", b"4" * 50)

    copies: list[Path] = []
    for path, file in lake.staged_in_turn(lake.objects("raw")):
        assert set(file.read_text()) == {path[-1]}
        copies.append(file)
        assert sum(copy.exists() for copy in copies) <= 2 or lake.folder

    assert len(copies) == 5
    assert all(copy.exists() == bool(lake.folder) for copy in copies)
