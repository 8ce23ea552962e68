"""A short run of the fuzzer, and that it finds what it looks for."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest

from o365_pipeline_tests.fuzz import malformed, session
from o365_pipeline_tests.fuzz.kinds import FaultError, Kind, kinds, refused


@pytest.fixture
def all_kinds(tmp_path: Path) -> dict[str, Kind]:
    return kinds(tmp_path, rows=40)


def test_malformed_inputs_of_every_kind_end_in_a_place_or_in_one_line(
    all_kinds: dict[str, Kind], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    days = {"days": all_kinds.pop("days")}

    faults = session.fuzz(all_kinds, seed=17, inputs=250, rows=40, kept=tmp_path)

    told = capsys.readouterr().out
    assert faults == 0, told
    assert {line.split(":")[0] for line in told.splitlines()} == {*all_kinds, "seed 17"}
    # A day takes as long as all of these.
    assert session.fuzz(days, seed=17, inputs=1, rows=40, kept=tmp_path) == 0, capsys.readouterr().out


def test_what_is_spoiled_was_good_before(all_kinds: dict[str, Kind]) -> None:
    chance = random.Random(1)

    ends = {name: kind.take(kind.good(chance)) for name, kind in all_kinds.items()}
    assert ends == dict.fromkeys(all_kinds, "taken")


class Faulty:
    """What no kind does."""

    def __init__(self, error: Exception | None = None, seconds: float = 0) -> None:
        self.error, self.seconds = error, seconds

    def good(self, chance: random.Random) -> bytes:
        return b""

    spoiled = good

    def take(self, content: bytes) -> str:
        time.sleep(self.seconds)
        if self.error:
            raise self.error
        return "taken"


def test_a_traceback_and_a_hang_are_faults_that_are_told_once_with_their_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "SECONDS", 0.05)
    monkeypatch.setattr(session, "WEIGHTS", {"slow": 1, "broken": 1})

    found = session.fuzz({"slow": Faulty(seconds=1), "broken": Faulty(KeyError("x"))}, 1, 8, 1, tmp_path)

    assert found == 2
    assert "HangError: it took more than 0.05 s" in capsys.readouterr().out
    assert len({path.name.split("-")[0] for path in tmp_path.iterdir()}) == 2


@pytest.mark.parametrize("message", ["", "two\nlines", "\u202e", "x" * 3_000])
def test_a_refusal_that_nobody_can_read_is_a_fault(message: str) -> None:
    with pytest.raises(FaultError):
        refused(ValueError(message))


def test_changed_trees_reach_repeated_keys_depth_and_halves_of_letters() -> None:
    tree = {"a": [1, {"b": "text"}], "c": None}
    made = [malformed.as_json(chance := random.Random(n), malformed.changed_tree(chance, tree)) for n in range(600)]

    assert any(text.count(b'"a":') == 2 and b"repeated" not in text for text in made)
    assert any(b"[" * 1000 in text for text in made)
    assert any(b"\\ud800" in text or b"\xed\xa0\x80" in text for text in made)
    assert sum(text == json.dumps(tree).encode() for text in made) < 60
