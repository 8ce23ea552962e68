"""The retry policy: failures are repeated, terminated steps are not."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import dagster as dg
import pytest

from o365_pipeline.dagster_ui.retries import UnlessTerminated

Work = Callable[[], None]


def terminated() -> None:
    """What Dagster does to the process of a run that somebody terminates."""
    os.kill(os.getpid(), signal.SIGTERM)


def failed() -> None:
    raise OSError("the disk is away")


def terminated_and_failed_while_cleaning_up() -> None:
    try:
        terminated()
    finally:
        failed()


def attempts(work: Work) -> tuple[int, bool]:
    """How often a step was begun, and whether the step after it was."""
    begun: list[str] = []

    @dg.op(retry_policy=UnlessTerminated(max_retries=2, delay=0))
    def first() -> None:
        begun.append("first")
        work()

    @dg.op
    def other() -> None:
        begun.append("other")

    @dg.job(executor_def=dg.in_process_executor)
    def job() -> None:
        first()
        other()

    result = job.execute_in_process(raise_on_error=False)
    assert not result.success
    return begun.count("first"), "other" in begun


def test_a_step_that_failed_is_begun_again() -> None:
    assert attempts(failed) == (3, True)


@pytest.mark.parametrize("work", [terminated, terminated_and_failed_while_cleaning_up])
def test_a_step_that_was_terminated_is_begun_once_and_ends_the_run(work: Work) -> None:
    assert attempts(work) == (1, False)
