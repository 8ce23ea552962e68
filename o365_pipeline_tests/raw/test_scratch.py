"""Scratch: below the home, for its owner alone, and gone with the process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from o365_pipeline.errors import SettingsError
from o365_pipeline.raw import scratch
from o365_pipeline_tests.finished_homes import MAILS, FinishedHomes

WORKER = """
import sys
from pathlib import Path
from o365_pipeline.raw.duckdb_session import duckdb_session
from o365_pipeline.raw.scratch import keep_scratch_below
keep_scratch_below(Path(sys.argv[1]))
with duckdb_session() as (connection, folder):
    connection.execute(f"COPY (SELECT 'Ann Example' AS name) TO '{folder}/people.parquet'")
    print("at work", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _own_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "_roots", [])


@contextmanager
def worker(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that works in scratch."""
    command = [sys.executable, "-c", WORKER, str(home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"at work\n"
        try:
            yield process
        finally:
            process.kill()


def held(home: Path) -> list[str]:
    """The files of work in progress."""
    return [path.name for path in (home / "scratch").rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_of_two_processes_none_sweeps_the_others_scratch_and_what_a_killed_one_left_is_swept(tmp_path: Path) -> None:
    with worker(tmp_path) as living:
        with worker(tmp_path) as killed:
            killed.kill()
            killed.wait()
        assert held(tmp_path).count("people.parquet") == 2

        scratch.keep_scratch_below(tmp_path)

        assert held(tmp_path).count("people.parquet") == 1
        assert living.poll() is None
        with scratch.scratch_folder() as mine:
            scratch.sweep()
            assert mine.exists()
    scratch.sweep()
    assert held(tmp_path) == []
    assert [path.name for path in (tmp_path / "scratch").iterdir()] == [scratch.GATE]


def test_all_work_is_below_the_home_and_for_its_owner_alone(tmp_path: Path) -> None:
    scratch.keep_scratch_below(tmp_path / "home")

    with scratch.scratch_folder() as folder:
        assert folder.parent == tmp_path / "home" / "scratch"
        assert [path.stat().st_mode & 0o077 for path in (folder, folder.parent)] == [0, 0]

    assert not folder.exists()


def test_a_home_in_which_nothing_can_be_made_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    scratch.keep_scratch_below(tmp_path / "home")

    with (
        pytest.raises(SettingsError, match="O365_HOME: no folder can be made in "),
        scratch.scratch_folder(),
    ):
        pass


def test_all_that_a_home_holds_is_for_its_owner_alone(tmp_path: Path, finished_homes: FinishedHomes) -> None:
    home = tmp_path / "o365"
    finished_homes.copy_days(1, home, MAILS)
    files = [home, *home.rglob("*")]

    assert {"mart.db", "sandbox.db", "lake", "dagster", "runs.db"} <= {path.name for path in files}
    assert [path for path in files if path.stat().st_mode & 0o077] == []
