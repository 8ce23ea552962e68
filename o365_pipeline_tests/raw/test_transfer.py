"""Many bytes between a container and the disk: whole or not at all, in bounded memory, with progress."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from o365_pipeline.errors import LakeError
from o365_pipeline.raw import transfer
from o365_pipeline.raw.lake import Lake
from o365_pipeline_tests.azurite import ACCOUNTS, Azurite

MB = 1_000_000
LARGE_BYTES, MAX_BYTES = 160 * MB, 128 * MB

IN_A_PROCESS_OF_ITS_OWN = """
import sys
from pathlib import Path
from pydantic import SecretStr
from o365_pipeline.raw.lakes import Lakes


def peak():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024


endpoint, key, account, container, source, directory = sys.argv[1:]
lake = Lakes(endpoint=endpoint, account_key=SecretStr(key)).at(account, container)
lake.write("first", b"x")
lake.stage(["first"], Path(directory))
peaks = [peak()]
lake.write("large", Path(source))
peaks.append(peak())
[copy] = lake.stage(["large"], Path(directory))
peaks.append(peak())
with copy.open("rb") as one, open(source, "rb") as other:
    while piece := one.read(1 << 20):
        assert piece == other.read(1 << 20)
    assert not other.read(1)
print(*peaks)
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    folder = tmp_path / "staging"
    folder.mkdir()
    return folder


@pytest.fixture
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PIECE_BYTES", 65_536)


def large_file(folder: Path, size: int) -> Path:
    path = folder / "source"
    with path.open("wb") as file:
        for start in range(0, size, MB):
            file.write(os.urandom(min(MB, size - start)))
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells a process's own peak")
def test_a_large_object_goes_up_and_down_in_bounded_memory(azurite: Azurite, tmp_path: Path, directory: Path) -> None:
    source = large_file(tmp_path, LARGE_BYTES)
    where = [azurite.endpoint, azurite.key, ACCOUNTS[0], azurite.make_container()]

    ended = subprocess.run(
        [sys.executable, "-c", IN_A_PROCESS_OF_ITS_OWN, *where, str(source), str(directory)],
        capture_output=True,
        text=True,
        check=True,
    )

    begin, after_upload, after_download = (int(peak) for peak in ended.stdout.split())
    assert after_upload - begin < MAX_BYTES
    assert after_download - begin < MAX_BYTES


@pytest.mark.usefixtures("_small_pieces")
def test_objects_of_many_pieces_arrive_as_they_are(container: Lake, tmp_path: Path, directory: Path) -> None:
    contents = {f"raw/{size}": os.urandom(size) for size in (0, 1, 65_535, 65_536, 65_537, 1_000_003)}
    for path, content in contents.items():
        (tmp_path / "source").write_bytes(content)
        container.write(path, tmp_path / "source")

    staged = container.stage(contents, directory)

    assert [file.read_bytes() for file in staged] == list(contents.values())
    assert sorted(directory.iterdir()) == sorted(staged)


@pytest.mark.usefixtures("_small_pieces")
def test_progress_is_told_in_bytes_done_of_all(container: Lake, tmp_path: Path, directory: Path) -> None:
    told: list[tuple[str, int, int]] = []
    telling = container.with_progress(lambda *progress: told.append(progress))

    telling.write("raw/a", large_file(tmp_path, 200_000))
    telling.write("raw/b", b"x" * 100_000)
    telling.stage(["raw/a", "raw/b"], directory)

    wrote = [entry for entry in told if entry[0] == "wrote"]
    staged = [entry for entry in told if entry[0] == "staged"]
    assert [done for _, done, _ in wrote] == [65_536, 131_072, 196_608, 200_000]
    assert {total for *_, total in wrote} == {200_000}
    assert [done for _, done, _ in staged] == sorted(done for _, done, _ in staged)
    assert len(staged) == 6 and staged[-1] == ("staged", 300_000, 300_000)


def test_a_log_hears_of_progress_now_and_then(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    monkeypatch.setattr(transfer.time, "monotonic", lambda: now)
    tell = transfer.log_progress(logging.getLogger("test"), "Message_v1")

    with caplog.at_level(logging.INFO):
        for now in range(25):
            tell("staged", now * MB, 24 * MB)

    assert caplog.messages == ["Message_v1: staged 10 of 24 MB", "Message_v1: staged 20 of 24 MB"]


@pytest.mark.usefixtures("_small_pieces")
def test_a_download_that_is_broken_off_leaves_no_file(container: Lake, directory: Path) -> None:
    container.write("raw/a", b"x" * 1_000_000)

    def interrupt(_what: str, _done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        container.with_progress(interrupt).stage(["raw/a"], directory)

    assert not list(directory.iterdir())


@pytest.mark.usefixtures("_small_pieces")
def test_where_one_object_is_missing_nothing_is_staged(container: Lake, directory: Path) -> None:
    container.write("raw/a", b"x")

    with pytest.raises(LakeError, match="there is no object"):
        container.stage(["raw/a", "raw/missing"], directory)

    assert not list(directory.iterdir())


@pytest.mark.usefixtures("_small_pieces")
def test_an_object_that_is_replaced_while_it_is_read_is_not_mixed(container: Lake, directory: Path) -> None:
    container.write("raw/a", b"x" * 10_000_000)

    def replace(_what: str, done: int, _total: int) -> None:
        if done == transfer.PIECE_BYTES:
            container.write("raw/a", b"y" * 10_000_000)

    with pytest.raises(LakeError, match="raw/a was replaced while it was read; run the step again"):
        container.with_progress(replace).stage(["raw/a"], directory)

    assert not list(directory.iterdir())


@pytest.mark.usefixtures("_small_pieces")
def test_an_upload_that_is_broken_off_leaves_what_was_there(container: Lake, tmp_path: Path) -> None:
    container.write("raw/old", b"old")

    def fail(_what: str, done: int, _total: int) -> None:
        if done > 500_000:
            raise RuntimeError("the power went off")

    for path in ("raw/old", "raw/new"):
        with pytest.raises(RuntimeError, match="the power went off"):
            container.with_progress(fail).write(path, large_file(tmp_path, 1_000_000))

    assert container.objects("raw") == [("raw/old", 3)]
    assert container.read("raw/old") == b"old"


def test_a_disk_without_room_is_named_before_anything_is_staged(
    container: Lake, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    container.write("raw/a", b"x" * 5_000_000)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda _path: usage(10, 9, 1_000_000))

    with pytest.raises(LakeError, match=r"has 1 MB free, 5 MB of the lake are to be staged there; .* set TMPDIR"):
        container.stage(["raw/a"], directory)

    assert not list(directory.iterdir())
