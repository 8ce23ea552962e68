"""Runs on Celery workers by configuration alone: the benchmark's small sister, which fails where rows differ."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from o365_pipeline_tests.deploy.conftest import DEPLOY

SMALL = ("--customers", "4", "--days", "2", "--people", "5", "--workers", "2")


@pytest.mark.usefixtures("postgres_installed", "redis_installed")
def test_two_workers_share_the_runs_and_load_what_one_process_loads() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.celery_workers", *SMALL], cwd=DEPLOY.parent, capture_output=True, text=True
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    _, alone, workers = ended.stdout.splitlines()
    assert "2 process(es), 2 run(s) at once" in workers
    assert rows(workers) == rows(alone) > 0
    assert workers.endswith("the same rows")


def rows(line: str) -> int:
    found = re.search(r"(\d+) rows", line)
    assert found
    return int(found.group(1))
