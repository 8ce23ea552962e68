"""The commands about rejected rows."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from o365_pipeline import cli

Command = Callable[..., tuple[int, str, str]]
ROW = {
    "puser": "u1",
    "ptenant": "t1",
    "rowinformation": {"errorInformation": None, "userReturnedNoData": False, "isUserSummaryRow": False},
    "sentDateTime": "2026-11-16T10:00:00Z",
}
SECRET = "ann-of-finance"


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Run `o365-pipeline` with arguments in a home of its own; gives status, stdout and stderr."""
    monkeypatch.setenv("O365_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("O365_SANDBOX_SECONDS", "0")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("DAGSTER_HOME", "")

    def command(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["o365-pipeline", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return (int(ended.value.code or 0), *capfd.readouterr())

    return command


@pytest.fixture
def moved(command: Command, tmp_path: Path) -> Command:
    """A day of messages in the mart, of which two could not be read."""
    files = tmp_path / "tenant"
    files.mkdir()
    rows = [{**ROW, "id": "m1"}, {**ROW, "id": "m2", "isRead": SECRET}]
    lines = [*map(json.dumps, rows), '{"id": oops}']
    (files / "Message_v1.json").write_text("\n".join(lines))
    status, _, error = command("demo", "--tenant-data", str(files), "--days", "1")
    assert status == 0, error
    return command


def test_rejected_rows_are_listed_shown_asked_for_and_read_anew(
    moved: Command, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    status, listed, _ = moved("quarantine", "list")
    assert status == 0
    assert [line.split("│")[2].strip() for line in listed.splitlines() if "2026-11-16" in line] == ["message"] * 2
    assert "isRead is not of type boolean" in listed
    assert SECRET not in listed

    shown = moved("quarantine", "show", "--dataset", "Message_v1", "--day", "2026-11-16")[1]
    rows = [json.loads(line) for line in shown.splitlines()]
    assert [(row["line"], json.loads(row["raw"])["id"] if row["line"] == 2 else row["raw"]) for row in rows] == [
        (2, "m2"),
        (3, '{"id": oops}'),
    ]
    one = ("quarantine", "show", "--dataset", "message", "--day", "2026-11-16", "--reason", "not JSON", "--limit", "1")
    assert len(moved(*one)[1].splitlines()) == 1

    asked = moved("quarantine", "query", "SELECT dataset, count(*) AS n FROM quarantine GROUP BY dataset")[1]
    assert "message" in asked

    status, told, _ = moved("quarantine", "replay", "--dataset", "Message_v1")
    assert status == 0
    assert "contoso: 2 such rows were rejected before, 2 are now" in told
    assert SECRET not in told
    assert SECRET not in caplog.text


def test_where_nothing_was_rejected_nothing_is_shown_and_nothing_replayed(command: Command) -> None:
    assert command("quarantine", "list")[0] == 0
    assert command("quarantine", "show", "--dataset", "Message_v1", "--day", "2026-11-16") == (0, "", "")
    assert command("quarantine", "replay") == (0, "contoso: there are no such rejected rows\n", "")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("list", "--dataset", "Mesage_v1"), "did you mean Message_v1?"),
        (("list", "--customer", "nobody"), "nobody"),
        (("show", "--dataset", "Message_v1"), "--day"),
        (("query", "SELECT nothing FROM quarantine"), "the query failed: Binder Error"),
    ],
)
def test_bad_input_ends_with_one_line_and_status_2(command: Command, arguments: tuple[str, ...], told: str) -> None:
    status, out, error = command("quarantine", *arguments)

    assert (status, out) == (2, "")
    assert told in error
    assert len(error.splitlines()) == 1
