"""A run on a disk that is full: its step says so in one line, what was there stays, and a repeat succeeds."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from o365_pipeline.raw import duckdb_session
from o365_pipeline_tests.finished_homes import MAILS
from o365_pipeline_tests.runner import Runner, mart_rows


@pytest.fixture
def datasets() -> tuple[str, ...]:
    return MAILS


@contextmanager
def disk_of(bytes_of_a_file: int) -> Iterator[None]:
    """No file may become longer: what a full disk is to a process that writes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_of_a_file, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def reasons(result: Any) -> list[str]:
    """What the steps that failed by themselves say of it."""
    failed = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    return [str(data.user_failure_data.description) for data in failed if data.user_failure_data]


@pytest.mark.parametrize(("stage", "bytes_of_a_file"), [("curated", 2000), ("mart", 150_000)])
def test_a_run_on_a_full_disk_fails_in_one_line_leaves_the_last_good_state_and_succeeds_when_repeated(
    moved: Runner, stage: str, bytes_of_a_file: int
) -> None:
    before = mart_rows(moved.deployment)
    assert before["fact_message"]
    moved.deployment.database.compact()

    with disk_of(bytes_of_a_file):
        failed = moved.execute_day("landing_job", moved.keys(stage))

    assert not failed.success
    told = reasons(failed)
    assert told and all("disk is full" in line and "\n" not in line for line in told), told
    assert mart_rows(moved.deployment) == before
    assert moved.execute_day("landing_job", moved.keys("curated", "mart")).success
    assert mart_rows(moved.deployment)["fact_message"] == before["fact_message"]


def test_work_that_finds_neither_memory_nor_disk_fails_in_one_line(
    moved: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = mart_rows(moved.deployment)
    monkeypatch.setattr(duckdb_session, "MEMORY_MB", 2)
    monkeypatch.setattr(duckdb_session, "MEMORY_MB_OF_A_THREAD", 2)

    failed = moved.execute_day("landing_job", moved.keys("mart"))

    assert reasons(failed) and all("more memory or disk than there is" in line for line in reasons(failed))
    assert mart_rows(moved.deployment) == before
