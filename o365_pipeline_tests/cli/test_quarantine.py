"""The commands about rejected rows."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from o365_pipeline_tests.cli.conftest import Command
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.curated.conftest import give_wrong_type
from o365_pipeline_tests.finished_homes import FinishedHomes

pytestmark = pytest.mark.usefixtures("wide_terminal")

REASON = "importance is not of type boolean"


@pytest.fixture
def moved(command: Command, home: Path, monkeypatch: pytest.MonkeyPatch, finished_homes: FinishedHomes) -> Command:
    """A day in the mart, whose messages could not be read for a fault that was mended since."""
    finished_homes.copy_days(1, home)
    with monkeypatch.context() as fault:
        give_wrong_type(fault)
        status, _, error = command("extract", "--dataset", "Message_v1", "--from", str(DAY))
    assert status == 0, error
    return command


def test_rejected_rows_are_listed_shown_asked_for_and_read_anew(
    moved: Command, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    status, listed, _ = moved("quarantine", "list", "--dataset", "Message_v1")
    assert status == 0
    [line] = [line for line in listed.splitlines() if REASON in line]
    cells = [cell.strip() for cell in line.strip("│").split("│")]
    assert cells[:4] == ["contoso", "message", str(DAY), REASON]
    rows = int(cells[4].replace(",", ""))

    of_day = ("quarantine", "show", "--dataset", "Message_v1", "--day", str(DAY))
    shown = [json.loads(line) for line in moved(*of_day, "--reason", "importance", "--limit", "5")[1].splitlines()]
    assert [list(entry) for entry in shown] == [["file", "line", "reason", "raw"]] * 5
    assert all(entry["line"] and json.loads(entry["raw"])["importance"] for entry in shown)
    assert moved(*of_day, "--reason", "no such reason") == (0, "", "")

    asked = moved("quarantine", "query", f"SELECT count(*) AS n FROM quarantine WHERE reason = '{REASON}'")[1]
    assert f" {rows:,} " in asked

    status, told, error = moved("quarantine", "replay", "--dataset", "Message_v1", "--reason", REASON)
    assert status == 0, error
    assert f"contoso: {rows:,} such rows were rejected before, 0 are now" in told
    people = {json.loads(entry["raw"])["puser"] for entry in shown}
    assert not [person for person in people if person in listed + told + caplog.text]


def test_where_nothing_was_rejected_nothing_is_shown_and_nothing_replayed(command: Command) -> None:
    assert command("quarantine", "list")[0] == 0
    assert command("quarantine", "show", "--dataset", "Message_v1", "--day", str(DAY)) == (0, "", "")
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
