"""`o365-pipeline dev`: what it refuses before anything runs, what it tells, how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import httpx2
import pytest

from o365_pipeline.cli.dev import repeat_warnings
from o365_pipeline.cli.dev_news import News
from o365_pipeline.cli.main import main
from o365_pipeline.consent.approvals import State
from o365_pipeline.deployment import Deployment
from o365_pipeline_tests.conftest import read_decisions

OPTIONS = ("--port", "--approver-port", "--insights-port")
START_SECONDS = 240
"""How long a start may take where other tests keep the machine busy."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("O365_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("O365_SANDBOX_USERS", "12")
    return tmp_path / "home"


Refused = Callable[..., tuple[int, str, str]]


@pytest.fixture
def refused(home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Refused:
    """Start `dev` where that is refused; gives status, stdout and stderr."""

    def refused(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["o365-pipeline", "dev", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return (int(ended.value.code or 0), *capfd.readouterr())

    return refused


def free_ports(count: int) -> list[str]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [str(listener.getsockname()[1]) for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def options(ports: list[str]) -> list[str]:
    return [word for option, port in zip(OPTIONS, ports, strict=True) for word in (option, port)]


@contextmanager
def started(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """`dev`, in a group of its own as a terminal starts it, and what it told until it was up; killed in the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "o365_pipeline", "dev", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        told: list[str] = []
        while not told or "Ctrl-C" not in told[-1]:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            told.append(line)
        yield process, told
    finally:
        process.terminate()
        process.wait(60)


def processes_with(text: str) -> list[str]:
    """The command lines and environments of this machine's processes that hold a text."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes().decode(errors="replace")
            command = (folder / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
        except OSError:
            continue
        if text in environment and command and int(folder.name) != os.getpid():
            found.append(command)
    return found


def test_dev_tells_what_to_do_and_is_quiet_and_works_alone_and_ends_with_all_that_it_started(
    home: Path, refused: Refused
) -> None:
    ports, others = free_ports(3), free_ports(3)

    with started(*options(ports)) as (process, told):
        ui, page, insights = (f"http://127.0.0.1:{port}" for port in ports)
        assert told == [
            f"Dagster starts; what it logs is in {home / 'dagster' / 'dev.log'}\n",
            f"The Dagster UI:       {ui}\n",
            f"The approver's page:  {page}\n",
            f"Insights:             {insights}\n",
            "Waiting for approval of contoso: approve on that page, or run `o365-pipeline sandbox approve` in another "
            "terminal\n",
            "Ctrl-C ends it.\n",
        ]
        assert httpx2.get(f"{ui}/server_info").status_code == 200
        assert "Office 365 insights" in httpx2.get(page).text
        assert "There is nothing to show yet" in httpx2.get(insights).text

        status, out, error = refused(*options(others))

        assert (status, out, error.count("\n")) == (2, "", 1)
        assert f"is at work in {home} already, processes {process.pid} and " in error
        assert len([ran for ran in processes_with(f"O365_HOME={home}") if "dagster._daemon run" in ran]) == 1
        process.send_signal(signal.SIGINT)
        told_later, warned = process.communicate(timeout=60)

    assert (process.returncode, told_later) == (0, "Dagster ends ...\n")
    assert not re.search("Warning|Traceback", warned)
    assert processes_with(f"O365_HOME={home}") == []
    assert "dagster" in (home / "dagster" / "dev.log").read_text()


@pytest.mark.parametrize("port", ["0", "70000", "abc"])
def test_a_port_that_is_none_is_one_line_and_status_2_before_anything_runs(
    home: Path, refused: Refused, port: str
) -> None:
    status, told, error = refused("--port", port)

    assert (status, told, error.count("\n")) == (2, "", 1)
    assert f"{port!r}" in error or port in error
    assert not home.exists()


@pytest.mark.parametrize("option", OPTIONS)
def test_a_port_that_is_taken_is_one_line_and_status_2_before_anything_runs(
    home: Path, refused: Refused, option: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, told, error = refused(*options(free_ports(3)), option, port)

    assert (status, told) == (2, "")
    assert error == (
        f"o365-pipeline: nothing can listen on 127.0.0.1 port {port}: Address already in use; give another {option}\n"
    )
    assert not (home / "dagster" / "dev.log").exists()


TRACEBACK = """dagster._core.errors.SensorExecutionError: Error occurred during the evaluation of sensor consent

The above exception was caused by the following exception:
Traceback (most recent call last):
  File "sensor.py", line 3, in sensor
    raise DatabaseError("ann@contoso.example")
o365_pipeline.errors.DatabaseError: ann@contoso.example
"""


def test_of_what_dagster_logs_warnings_and_errors_are_repeated_and_all_is_written_down(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    entries = [
        {"event": "Sensor consent_sensor skipped: No new decision.", "level": "info"},
        {"event": "No cursor for event type DagsterEventType.RUN_FAILURE, ignoring older events", "level": "warning"},
        {"event": "Error loading repository location", "level": "warning"},
        {"event": "Sensor daemon caught an error", "level": "error", "exception": TRACEBACK},
    ]
    logged = "".join(f"{json.dumps(entry)}\n" for entry in entries) + "a line of another program\n"
    (tmp_path / "logged").write_text(logged)

    with (
        subprocess.Popen(["cat", tmp_path / "logged"], stdout=subprocess.PIPE, text=True) as dagster,
        (tmp_path / "dev.log").open("a") as written,
    ):
        repeat_warnings(dagster, written)

    assert capfd.readouterr() == (
        "",
        "Error loading repository location\nSensor daemon caught an error: DatabaseError, more in the log\n",
    )
    assert (tmp_path / "dev.log").read_text() == logged


def test_both_pages_on_one_port_are_refused(refused: Refused) -> None:
    [port] = free_ports(1)

    status, told, error = refused("--port", port, "--approver-port", port)

    assert (status, told, error.count("\n")) == (2, "", 1)
    assert error.endswith("give another --approver-port\n")


@pytest.fixture
def news(deployment: Deployment, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> News:
    monkeypatch.setattr(dg.DagsterInstance, "get", lambda: instance)
    return News(deployment, "http://ui")


def test_a_decision_is_told_once_with_who_made_it(news: News, deployment: Deployment) -> None:
    [customer] = deployment.customers
    request = customer.data_request
    deployment.register_data_requests()
    read_decisions(deployment, customer)
    assert list(news.since_the_last_look()) == []
    deployment.sandbox.decide(customer.tenant_id, request.application_id, State.APPROVED, "approver@contoso.example")
    read_decisions(deployment, customer)

    [line] = news.since_the_last_look()

    assert re.fullmatch(r"contoso: Approved since .* UTC, by approver@contoso.example", line)
    assert list(news.since_the_last_look()) == []
    assert list(news.waiting()) == []


def test_runs_are_told_when_they_begin_and_end_and_a_failed_one_with_its_page(
    news: News, instance: dg.DagsterInstance
) -> None:
    @dg.op
    def fails() -> None:
        told.extend(news.since_the_last_look())
        raise dg.Failure("on purpose")

    @dg.job(tags={"o365/customer": "contoso"})
    def landing() -> None:
        fails()

    told: list[str] = []
    result = landing.execute_in_process(instance=instance, raise_on_error=False)

    assert told == ["contoso: landing begun"]
    assert list(news.since_the_last_look()) == [f"contoso: landing FAILED: http://ui/runs/{result.run_id}"]
    assert list(news.since_the_last_look()) == []
