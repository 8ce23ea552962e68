"""How long an answer is shown again, and when it is not any more."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from o365_pipeline.insights import kept_answers
from o365_pipeline.insights.kept_answers import KeptAnswers, Mart

NOW = Mart(days=7, newest_day="sunday", group_size=5)


class Clock:
    """A clock that stands still until something takes time."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


class Question:
    """Something that is asked: how often, and how long it takes."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock, self.seconds, self.asked = clock, seconds, 0
        self.answered = threading.Semaphore(0)

    def __call__(self) -> int:
        self.asked += 1
        self.clock.now += self.seconds
        self.answered.release()
        return self.asked


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(kept_answers, "time", clock)
    return clock


def test_an_answer_stands_for_thirty_times_as_long_as_it_took(clock: Clock) -> None:
    kept, quick = KeptAnswers(), Question(clock, seconds=0.1)
    assert kept.get("a", NOW, quick) == 1

    clock.now += 2.9
    assert kept.get("a", NOW, quick) == 1
    clock.now += 0.2
    assert kept.get("a", NOW, quick) == 2


def test_a_slow_answer_is_made_anew_while_the_old_one_is_shown(clock: Clock) -> None:
    kept, slow = KeptAnswers(), Question(clock, seconds=20)
    assert kept.get("a", NOW, slow) == 1
    slow.answered.acquire()

    tomorrow = replace(NOW, days=8, newest_day="monday")
    assert kept.get("a", tomorrow, slow) == 1
    assert slow.answered.acquire(timeout=10)
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and thread.daemon and "_make_and_release" in thread.name:
            thread.join(10)
    assert kept.get("a", tomorrow, slow) == 2


@pytest.mark.parametrize("later", [replace(NOW, days=6), replace(NOW, group_size=8)])
def test_what_was_deleted_or_belongs_to_a_group_that_is_too_small_now_is_not_shown_again(
    clock: Clock, later: Mart
) -> None:
    kept, slow = KeptAnswers(), Question(clock, seconds=20)
    kept.get("a", NOW, slow)

    assert kept.get("a", later, slow) == 2


def test_what_fails_leaves_the_older_answer_and_is_tried_again(clock: Clock) -> None:
    kept, quick = KeptAnswers(), Question(clock, seconds=0.1)
    kept.get("a", NOW, quick)
    clock.now += 10

    def fails() -> int:
        raise ValueError("away")

    assert kept.get("a", NOW, fails) == 1
    assert kept.get("a", NOW, quick) == 2
