"""One person's rights at the terminal: a copy of what is held, its erasure, and what is told of both."""

from __future__ import annotations

import json
import re
import sqlite3
import stat
from collections import Counter
from pathlib import Path

import pytest

from o365_pipeline.deployment import load
from o365_pipeline.purge import erasure
from o365_pipeline.purge.person import Person
from o365_pipeline_tests.cli.conftest import Command
from o365_pipeline_tests.finished_homes import MAILS, FinishedHomes, data_request_of
from o365_pipeline_tests.ledger_rows import NOW
from o365_pipeline_tests.traces import files_naming

REASON = ("--reason", "asked for it")


@pytest.fixture
def home(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished_homes: FinishedHomes) -> Path:
    """One day of people and mails."""
    finished_homes.copy_days(1, home, MAILS)
    monkeypatch.setenv("O365_DATA_REQUEST", str(data_request_of(MAILS, tmp_path)))
    return home


def sender(home: Path) -> tuple[str, str, str]:
    """Id, address and name of somebody who wrote a mail."""
    query = (
        "SELECT person_id, mail, display_name FROM dim_person JOIN fact_message ON sender_id = person_id "
        "ORDER BY display_name LIMIT 1"
    )
    with sqlite3.connect(home / "mart.db") as connection:
        found: tuple[str, str, str] = connection.execute(query).fetchone()
    return found


def numbers(told: str) -> list[tuple[str, ...]]:
    """How many rows of each kind a command says."""
    return re.findall(r"([\d,]+) rows? of raw|([\d,]+) of curated|([\d,]+) of the mart", told)


def test_a_copy_holds_what_an_erasure_takes_away_and_both_tell_numbers_alone(
    home: Path, command: Command, tmp_path: Path
) -> None:
    person_id, address, name = sender(home)
    copied = command("person", "export", address, "--to", str(tmp_path / "copy"), *REASON)
    assert copied.status == 0, copied.stderr

    tried = command("person", "erase", person_id, "--dry-run")
    assert (command("person", "erase", person_id).status, tried.status) == (2, 0), tried.stderr
    assert "nothing was erased" in tried.stdout
    assert files_naming(home, (person_id, address, name), {"sandbox"}) != []

    erased = command("person", "erase", person_id, *REASON)

    assert erased.status == 0, erased.stderr
    assert numbers(tried.stdout) == numbers(erased.stdout)
    assert numbers(copied.stdout) == numbers(erased.stdout)
    rows = [json.loads(line) for line in (tmp_path / "copy" / "person.jsonl").read_text().splitlines()]
    stages = Counter(row["stage"] for row in rows)
    assert {"raw", "curated", "mart"} <= stages.keys()
    words = {person_id, address.lower(), name.lower(), address.lower().replace("@", "_").replace(".", "_")}
    assert all(any(word in json.dumps(row["row"], ensure_ascii=False).lower() for word in words) for row in rows)
    assert any(row["own"] for row in rows)
    assert not all(row["own"] for row in rows)
    page = (tmp_path / "copy" / "person.html").read_text()
    assert name in page
    assert "raw files 90 days" in page
    assert [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "copy").iterdir()] == [0o600, 0o600]
    for told in (*copied, *tried, *erased):
        assert not any(word in str(told) for word in (person_id, address, name))
    assert files_naming(home, (person_id, address, name), {"sandbox"}) == []
    nothing = command("person", "export", person_id, "--to", str(tmp_path / "again"), *REASON)
    assert "0 rows of raw files, 0 of curated files and 0 of the mart" in nothing.stdout
    with sqlite3.connect(home / "mart.db") as connection:
        kinds = connection.execute("SELECT kind, person, identity FROM ledger_person_request ORDER BY 1").fetchall()
    assert [kind for kind, *_ in kinds] == ["erase", "export", "export"]
    assert {identity for *_, identity in kinds} == {None}


def test_under_a_legal_hold_nobody_is_erased(home: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    person_id, *_ = sender(home)
    monkeypatch.setenv("O365_LEGAL_HOLD", "case 7")

    ended = command("person", "erase", person_id, *REASON)

    assert (ended.status, ended.stderr) == (
        2,
        "o365-pipeline: nothing is deleted under the legal hold (case 7): it is lifted by taking legal_hold out of the "
        "customer's settings\n",
    )
    assert "legal hold (case 7), nothing is deleted until it is lifted" in command("purge", "--dry-run").stdout
    with sqlite3.connect(home / "mart.db") as connection:
        assert connection.execute("SELECT count(*) FROM ledger_person_request").fetchone() == (0,)


def test_a_copy_is_not_written_over_another(home: Path, command: Command, tmp_path: Path) -> None:
    (tmp_path / "person.jsonl").write_text("another's")

    ended = command("person", "export", "ann@contoso.com", "--to", str(tmp_path), *REASON)

    assert (ended.status, "name an empty folder" in ended.stderr) == (2, True)
    assert (tmp_path / "person.jsonl").read_text() == "another's"


def test_purge_says_before_what_is_too_old_or_was_begun_and_then_deletes_it(
    home: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, days in (("RAW", 1), ("QUARANTINE", 1), ("MART", 1), ("CURATED", 8)):
        monkeypatch.setenv(f"O365_KEEP_{name}_DAYS", str(days))

    deployment = load()
    [customer] = deployment.customers
    asked = Person(identities=("ann@contoso.com",), names=())
    request_id = erasure.begin(deployment.database, customer, "ann@contoso.com", asked, "asked", NOW)

    told = command("purge", "--dry-run").stdout

    assert "contoso: 1 erasures of people were begun and would be finished" in told
    assert re.search(
        r"contoso: \d+ files \([\d,]+ bytes\) and 1 of the mart's days would be deleted \(older than it", told
    )
    assert list((home / "lake" / "raw").rglob("*.json"))
    assert command("purge").status == 0
    assert not [path for path in (home / "lake").rglob("*") if path.is_file()]
    assert erasure.found(deployment.database, request_id).identity is None
    assert "nothing is to be purged now" in command("purge", "--dry-run").stdout
