"""Damaged landings that are extracted anew: what the message advises works, word for word."""

from __future__ import annotations

import re
import shlex
import sqlite3
from pathlib import Path

import pytest

from o365_pipeline_tests.cli.conftest import Command
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.finished_homes import MAILS, FinishedHomes, data_request_of

pytestmark = pytest.mark.usefixtures("wide_terminal")


@pytest.fixture
def home(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished_homes: FinishedHomes) -> Path:
    """One day of people and mails."""
    finished_homes.copy_days(1, home, MAILS)
    monkeypatch.setenv("O365_DATA_REQUEST", str(data_request_of(MAILS, tmp_path)))
    return home


def messages(home: Path) -> list[tuple[object, ...]]:
    with sqlite3.connect(home / "mart.db") as connection:
        return connection.execute("SELECT message_id, sent_at, sender_id FROM fact_message ORDER BY 1").fetchall()


def test_a_part_that_was_damaged_is_found_and_the_advice_mends_it(home: Path, command: Command) -> None:
    before = messages(home)
    part = next((home / "lake" / "raw" / "contoso" / "message").rglob("part-*.json"))
    content = part.read_bytes()
    at = content.index(b'"isRead":') + len(b'"isRead":')
    part.write_bytes(content[:at] + b"9999" + content[at + 4 :])
    days = ("--dataset", "Message_v1", "--from", str(DAY))

    status, _, told = command("extract", *days)

    assert status == 1
    assert "part-00000.json has other contents than were sealed" in told
    [advice] = re.findall(r"o365-pipeline extract .* --anew \w+", told)
    status, _, told = command(*shlex.split(advice)[1:])
    assert status == 0, told
    assert messages(home) == before
    assert before
    assert not part.exists()
    with sqlite3.connect(home / "mart.db") as connection:
        assert connection.execute("SELECT dataset, reason FROM ledger_release").fetchall() == [
            ("Message_v1", "damaged")
        ]


@pytest.mark.parametrize("arguments", [("--anew", "why not"), ("--anew", " ", "--dataset", "User_v1")])
def test_nothing_is_given_up_without_a_reason_and_a_dataset(command: Command, arguments: tuple[str, ...]) -> None:
    status, _, told = command("extract", "--from", str(DAY), *arguments)

    assert status == 2
    assert "--anew takes a reason, and needs --dataset" in told
