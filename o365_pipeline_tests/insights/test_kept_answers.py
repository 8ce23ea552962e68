"""How long an answer is shown again, and when it is not any more."""

from __future__ import annotations

import threading
import time
from concurrent.futures import wait
from dataclasses import replace

import pytest

from o365_pipeline.insights import kept_answers
from o365_pipeline.insights.kept_answers import KeptAnswers, Mart

PATIENCE_SECONDS = 30
NOW = Mart(days=7, newest_day="sunday", group_size=5)


class Clock:
    """A clock that stands still until something takes time."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


class Question:
    """Something that is asked: how often, and how long it takes. It is answered when it may be."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock, self.seconds, self.asked = clock, seconds, 0
        self.may_be_answered = threading.Event()
        self.may_be_answered.set()

    def __call__(self) -> int:
        assert self.may_be_answered.wait(PATIENCE_SECONDS)
        self.asked += 1
        self.clock.now += self.seconds
        return self.asked


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(kept_answers, "time", clock)
    return clock


def settled(kept: KeptAnswers) -> None:
    """Wait until nothing is being made."""
    wait(list(kept._making.values()), PATIENCE_SECONDS)


def test_a_page_that_has_been_waited_for_waits_no_more(clock: Clock) -> None:
    kept, question = KeptAnswers(PATIENCE_SECONDS), Question(clock, seconds=1)
    question.may_be_answered.clear()
    clock.now = PATIENCE_SECONDS

    began = time.monotonic()
    assert kept.get_all(NOW, {"a": question}, page_began=0.0) == {"a": None}
    assert time.monotonic() - began < PATIENCE_SECONDS / 2

    question.may_be_answered.set()
    settled(kept)
    assert kept.get_all(NOW, {"a": question}, page_began=0.0) == {"a": 1}


def test_an_answer_stands_for_thirty_times_as_long_as_it_took(clock: Clock) -> None:
    kept, quick = KeptAnswers(PATIENCE_SECONDS), Question(clock, seconds=0.1)
    assert kept.get("a", NOW, quick) == 1

    clock.now += 2.9
    assert kept.get("a", NOW, quick) == 1
    clock.now += 0.2
    assert kept.get("a", NOW, quick) == 2


def test_a_slow_answer_is_made_anew_once_while_the_old_one_is_shown(clock: Clock) -> None:
    kept, slow = KeptAnswers(PATIENCE_SECONDS), Question(clock, seconds=20)
    assert kept.get("a", NOW, slow) == 1
    slow.may_be_answered.clear()

    tomorrow = replace(NOW, days=8, newest_day="monday")
    assert [kept.get("a", tomorrow, slow) for _ in range(3)] == [1, 1, 1]
    slow.may_be_answered.set()
    settled(kept)
    assert (kept.get("a", tomorrow, slow), slow.asked) == (2, 2)


def test_a_page_does_not_wait_for_long(clock: Clock) -> None:
    kept, slow = KeptAnswers(0.001), Question(clock, seconds=20)
    slow.may_be_answered.clear()

    assert kept.get("a", NOW, slow) is None
    slow.may_be_answered.set()
    settled(kept)
    assert kept.get("a", NOW, slow) == 1


@pytest.mark.parametrize("later", [replace(NOW, days=6), replace(NOW, group_size=8)])
def test_what_was_deleted_or_belongs_to_a_group_that_is_too_small_now_is_not_shown_again(
    clock: Clock, later: Mart
) -> None:
    kept, slow = KeptAnswers(PATIENCE_SECONDS), Question(clock, seconds=20)
    kept.get("a", NOW, slow)

    assert kept.get("a", later, slow) == 2


def test_whoever_was_erased_is_in_no_answer_after_an_hour(clock: Clock) -> None:
    kept, slow = KeptAnswers(PATIENCE_SECONDS), Question(clock, seconds=20)
    assert kept.get("a", NOW, slow) == 1

    clock.now += 3601

    assert kept.get("a", NOW, slow) == 2


def test_what_fails_leaves_the_older_answer_and_is_tried_again(clock: Clock) -> None:
    kept, quick = KeptAnswers(PATIENCE_SECONDS), Question(clock, seconds=0.1)

    def fails() -> int:
        raise ValueError("away")

    with pytest.raises(ValueError, match="away"):
        kept.get("a", NOW, fails)
    assert kept.get("a", NOW, quick) == 1
    clock.now += 10
    assert kept.get("a", NOW, fails) == 1
    assert kept.get("a", NOW, quick) == 2
