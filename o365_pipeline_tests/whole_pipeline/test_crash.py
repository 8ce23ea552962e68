"""A run worker that is killed: what its repeat finds, and what is left in the mart."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from o365_pipeline.deployment import Deployment, load
from o365_pipeline.extraction import extraction_ledger
from o365_pipeline_tests.conftest import DAY
from o365_pipeline_tests.finished_homes import MAILS, PEOPLE, FinishedHomes, data_request_of
from o365_pipeline_tests.runner import lake_of

EXTRACT = [sys.executable, "-m", "o365_pipeline", "extract", "--from", str(DAY)]
PATIENCE_SECONDS = 180


def sandbox(home: Path, seconds: float = 3) -> Deployment:
    asked = data_request_of(MAILS, home.parent)
    deployment = load(home=home, sandbox_users=PEOPLE, sandbox_seconds=seconds, data_request=asked)
    for customer in deployment.customers:
        request = customer.data_request
        deployment.sandbox.register(customer.tenant_id, request, [customer.sink])
        deployment.sandbox.decide(customer.tenant_id, request.application_id, "Approved", "approver@contoso.example")
    return deployment


def worker(home: Path, seconds: float = 3) -> subprocess.Popen[bytes]:
    settings = {
        "O365_HOME": str(home),
        "O365_SANDBOX_USERS": str(PEOPLE),
        "O365_SANDBOX_SECONDS": str(seconds),
        "O365_DATA_REQUEST": str(data_request_of(MAILS, home.parent)),
    }
    return subprocess.Popen(EXTRACT, env={**os.environ, **settings}, stdout=subprocess.DEVNULL)


def mails(home: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(home / "mart.db") as connection:
        return connection.execute("SELECT * FROM fact_message ORDER BY message_id").fetchall()


def wait_until(condition: Any, process: subprocess.Popen[bytes]) -> None:
    ended = threading.Event()
    for _ in range(PATIENCE_SECONDS * 20):
        if condition():
            return
        assert process.poll() is None, "the worker ended before it could be killed"
        ended.wait(0.05)
    pytest.fail("the worker never came that far")


def has_noted_its_run(deployment: Deployment) -> bool:
    """Before that, its repeat would wait for a minute whether the worker is alive."""
    noted = [entry for entry in extraction_ledger.under_way(deployment.database, ["contoso"]) if entry.factory_run_id]
    return len(noted) == len(MAILS)


def test_a_worker_killed_while_the_factory_works_leaves_one_run_and_one_copy_of_each_row(
    tmp_path: Path, finished_homes: FinishedHomes
) -> None:
    home = tmp_path / "killed"
    deployment = sandbox(home)
    doomed = worker(home)
    wait_until(lambda: has_noted_its_run(deployment), doomed)
    doomed.send_signal(signal.SIGKILL)
    doomed.wait()

    assert worker(home).wait(PATIENCE_SECONDS) == 0

    assert len(deployment.sandbox.factory_runs()) == len(MAILS)
    undisturbed = tmp_path / "undisturbed"
    finished_homes.copy_days(1, undisturbed, MAILS)
    assert mails(home) == mails(undisturbed) != []


def test_a_worker_killed_while_it_loads_leaves_one_copy_of_each_row(tmp_path: Path) -> None:
    home = tmp_path / "killed"
    deployment = sandbox(home, 0)
    doomed = worker(home, 0)
    wait_until(lambda: bool(lake_of(deployment).objects("curated")), doomed)
    doomed.send_signal(signal.SIGKILL)
    doomed.wait()

    assert worker(home, 0).wait(PATIENCE_SECONDS) == 0

    found = mails(home)
    assert found
    assert len({row[2] for row in found}) == len(found)
    assert len(deployment.sandbox.factory_runs()) == len(MAILS)
