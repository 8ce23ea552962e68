"""What a user is shown, and what is left, where the disk is full, the home cannot be written or a database is lost."""

from __future__ import annotations

import resource
import shutil
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from o365_pipeline.azure import cloud as azure
from o365_pipeline.azure.cloud import AzureCloud
from o365_pipeline.cli import main
from o365_pipeline.cli.headless import Headless
from o365_pipeline.consent import activity_feed
from o365_pipeline.errors import O365PipelineError
from o365_pipeline_tests.cli.conftest import Command, Ended
from o365_pipeline_tests.finished_homes import MAILS, FinishedHomes, data_request_of

READING = (
    ("plan",),
    ("consent", "show"),
    ("quarantine", "list"),
    ("mart", "show"),
    ("mart", "query", "SELECT count(*) FROM fact_message"),
    ("purge", "--dry-run"),
    ("doctor",),
    ("why-missing", "a@contoso.example", "--day", "2026-11-16"),
    ("sandbox", "approve"),
)
ALL = (*READING, ("demo", "--days", "2"), ("dev",), ("extract", "--from", "2026-11-16"))
COUNT = "SELECT count(*) FROM fact_message"


@pytest.fixture(autouse=True)
def _mails(home: Path, tmp_path: Path, finished_homes: FinishedHomes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home that holds a day of people and mails."""
    monkeypatch.setenv("O365_DATA_REQUEST", str(data_request_of(MAILS, tmp_path)))
    finished_homes.copy_days(1, home, MAILS)


@contextmanager
def disk_of(bytes_of_a_file: int) -> Iterator[None]:
    """No file may become longer: what a full disk is to a process that writes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_of_a_file, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def messages(home: Path) -> int:
    with sqlite3.connect(home / "mart.db") as connection:
        return int(connection.execute(COUNT).fetchone()[0])


def is_told(ended: Ended, *words: str) -> None:
    """One line at the end says what failed; nothing shows a traceback."""
    assert ended.status in (1, 2)
    assert "Traceback" not in ended.stdout + ended.stderr
    lines = [line for line in ended.stderr.splitlines() if line.startswith("o365-pipeline: ")]
    assert len(lines) == 1
    assert ended.stderr.splitlines()[-1] == lines[0]
    assert any(word in lines[0] for word in words), lines[0]


def damaged_mart(home: Path) -> None:
    for end in ("-wal", "-shm"):
        (home / f"mart.db{end}").unlink(missing_ok=True)
    (home / "mart.db").write_bytes(b"no database" * 2000)


def damaged_sandbox(home: Path) -> None:
    for path in (home / "sandbox").glob("sandbox.db*"):
        path.write_bytes(b"no database" * 2000)


def damaged_history(home: Path) -> None:
    for path in (home / "dagster").rglob("*.db*"):
        path.write_bytes(b"no database" * 2000)


def file_for(name: str) -> Callable[[Path], None]:
    def spoil(home: Path) -> None:
        shutil.rmtree(home / name)
        (home / name).write_text("")

    return spoil


@pytest.mark.parametrize("arguments", [*READING[::3], *ALL[-3:]], ids=lambda arguments: arguments[0])
def test_a_damaged_sandbox_is_one_line_that_names_its_file(
    command: Command, home: Path, arguments: tuple[str, ...]
) -> None:
    damaged_sandbox(home)

    is_told(command(*arguments), str(home / "sandbox" / "sandbox.db"))


@pytest.mark.parametrize("arguments", [*READING[3:6], *ALL[-3:]], ids=lambda arguments: arguments[0])
def test_a_damaged_mart_is_one_line_that_names_it(command: Command, home: Path, arguments: tuple[str, ...]) -> None:
    damaged_mart(home)

    is_told(command(*arguments), str(home / "mart.db"))


@pytest.mark.parametrize(
    ("spoil", "arguments", "named"),
    [
        (damaged_history, ALL[-1], "dagster"),
        (file_for("dagster"), ALL[-1], "dagster"),
        (file_for("dagster"), ("dev",), "dagster"),
        (file_for("scratch"), ("quarantine", "list"), "scratch"),
        (file_for("lake"), ("quarantine", "list"), "lake"),
        (file_for("sandbox"), ("plan",), "sandbox"),
    ],
)
def test_what_cannot_be_written_in_the_home_is_named_in_one_line(
    command: Command, home: Path, spoil: Callable[[Path], None], arguments: tuple[str, ...], named: str
) -> None:
    spoil(home)

    is_told(command(*arguments), str(home / named))


@pytest.mark.parametrize("place", ["/proc/home", "/sys/home", "/dev/null/home"])
@pytest.mark.parametrize("arguments", [("plan",), ("demo",), ("dev",)], ids=lambda arguments: arguments[0])
def test_a_home_where_nothing_can_be_written_is_one_line(
    command: Command, monkeypatch: pytest.MonkeyPatch, place: str, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv("O365_HOME", place)

    is_told(command(*arguments), f"O365_HOME={place}")


@pytest.mark.parametrize("bytes_of_a_file", [4096, 100_000, 500_000])
def test_a_full_disk_ends_an_extraction_in_one_line_and_leaves_the_mart_as_it_was(
    command: Command, home: Path, bytes_of_a_file: int
) -> None:
    before = messages(home)

    with disk_of(bytes_of_a_file):
        ended = command("demo", "--days", "2")

    is_told(ended, "disk is full", "cannot be recorded")
    assert messages(home) == before


def test_a_full_disk_ends_an_export_in_one_line(command: Command, home: Path, tmp_path: Path) -> None:
    with disk_of(100_000):
        ended = command("person", "export", "someone@contoso.example", "--to", str(tmp_path / "copy"), "--reason", "x")

    is_told(ended, "disk is full")


def test_a_command_whose_output_cannot_be_written_fails_in_one_line(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        ended = command("customers", "example")

    is_told(ended, "disk is full")


def test_a_feed_that_never_answers_is_said_in_one_line_and_nothing_is_extracted(
    command: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = messages(home)
    monkeypatch.setattr(azure, "CONNECTION_SECONDS", 0.1)
    monkeypatch.setattr(azure, "READ_SECONDS", 0.1)
    monkeypatch.setattr(activity_feed, "_transport", lambda cloud: AzureCloud().transport())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(activity_feed.ActivityFeed, "_url", _at(silent))
        ended = command("extract", "--from", "2026-11-16")

    is_told(ended, "the activity feed could not be read up to now")
    assert messages(home) == before


def _at(silent: socket.socket) -> Callable[..., str]:
    return lambda self, customer, path: f"https://127.0.0.1:{silent.getsockname()[1]}/{path}"


def fail_with(error: BaseException) -> Callable[..., Any]:
    def fail(*_arguments: Any, **_options: Any) -> Any:
        raise error

    return fail


def test_what_nobody_foresaw_is_named_by_its_kind_alone_and_shown_whole_with_debug(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("o365_pipeline.cli.plan.load", fail_with(KeyError("ada@contoso.example")))

    plain, whole = command("plan"), command("--debug", "plan")

    assert plain == Ended(
        1, "", "o365-pipeline: KeyError: this was not foreseen; `o365-pipeline --debug ...` shows more\n"
    )
    assert whole.status == 1
    assert "Traceback" in whole.stderr and "ada@contoso.example" in whole.stderr
    assert whole.stderr.endswith(plain.stderr)


def test_a_step_that_fails_as_nobody_foresaw_is_told_by_its_kind_and_job(instance: dg.DagsterInstance) -> None:
    @dg.op
    def step() -> None:
        raise KeyError("ada@contoso.example")

    @dg.job
    def some_job() -> None:
        step()

    headless = Headless.__new__(Headless)
    headless._definitions, headless._instance = dg.Definitions(jobs=[some_job]), instance

    with pytest.raises(O365PipelineError) as failed:
        headless.execute(dg.RunRequest(job_name="some_job"))

    assert str(failed.value) == (
        "some_job failed, KeyError: this was not foreseen; `o365-pipeline --debug ...` shows more"
    )
    assert "Stack Trace" in failed.value.__notes__[0]


def test_a_reader_who_has_had_enough_is_no_failure_to_tell(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("o365_pipeline.cli.plan.load", fail_with(BrokenPipeError()))
    monkeypatch.setattr(main, "_give_up", lambda _output: None)

    assert command("plan") == Ended(1, "", "")
