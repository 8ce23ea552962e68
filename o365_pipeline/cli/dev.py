"""The command `o365-pipeline dev`: the Dagster UI and daemon, in the sandbox its pages and the insights, until Ctrl-C.

What belongs here: the checks before anything runs, starting, and ending. The messages while it runs belong to
`cli/dev_news.py`.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

import click

from o365_pipeline.cli.dev_news import News
from o365_pipeline.cli.insights import insights_of
from o365_pipeline.cli.sandbox import pages_of
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.errors import O365PipelineError, SettingsError, UsageError
from o365_pipeline.web.server import address, listening, serving

PORT = click.IntRange(1, 65535)
LOOK_SECONDS = 2.0
END_SECONDS = 20.0
"""How long Dagster may take to end before it is killed, with all processes that it started."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, a plain `kill`, a terminal that closes. A shell makes background processes ignore the first."""

TOLD_LEVELS = ("warning", "error", "critical")
OF_EVERY_START = ("Found a dagster instance configuration value", "No cursor for event type")
"""Dagster's warnings that do not matter here: about a file that was copied into the home, and about a first start."""

EXCEPTION = re.compile(r"^(?:\w+\.)*(\w+)(?::|$)", re.MULTILINE)
"""The name of an exception, at the beginning of a traceback's line that is not indented."""


@click.command()
@click.option("--port", type=PORT, default=3000, show_default=True, help="Where the UI listens.")
@click.option("--approver-port", type=PORT, default=3001, show_default=True, help="Where the approver's page listens.")
@click.option("--insights-port", type=PORT, default=3003, show_default=True, help="Where the insights listen.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address that all listen on.")
def dev(port: int, approver_port: int, insights_port: int, host: str) -> None:
    """Open the Dagster UI, with sensors and schedules at work.

    In the sandbox the approver's page is served too, and nothing moves before somebody approves there; and the
    application for the people of the organization, to see what came of it. Ctrl-C ends all.
    """
    deployment = load()
    _ = deployment.database.engine  # Without it everything that runs here fails, again and again.
    with ExitStack() as stack:
        lock = stack.enter_context(_alone_in(deployment.home))
        pages = {}
        listeners = []
        with listening(host, port):
            if deployment.is_sandbox:
                listeners.append(stack.enter_context(listening(host, approver_port, "--approver-port")))
                listeners.append(stack.enter_context(listening(host, insights_port, "--insights-port")))
        stack.enter_context(_ended_by_a_signal())
        if listeners:
            deployment.register_data_requests()
            apps = {"The approver's page:": pages_of(deployment), "Insights:": insights_of(deployment)}
            for (name, app), listener in zip(apps.items(), listeners, strict=True):
                pages[name] = stack.enter_context(serving(app, host, listener))
        deployment.use_dagster_home()
        log = deployment.home / "dagster" / "dev.log"
        dagster = stack.enter_context(_dagster(host, port, log, lock))
        click.echo(f"Dagster starts; what it logs is in {_short(log)}")
        _wait_for(dagster, host, port, log)
        _tell_and_watch(deployment, dagster, address(host, port), pages, log)


@contextmanager
def _ended_by_a_signal() -> Iterator[None]:
    """Ends the block in order after Ctrl-C, a closed terminal or a plain `kill`, once and without an error."""
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        return


@contextmanager
def _alone_in(home: Path) -> Iterator[IO[str]]:
    """Ensures that no other daemon works in the home while the block runs; yields the locked file.

    Dagster's process inherits the lock, so that it holds even if this process is killed.

    Raises:
        UsageError: another one is at work.
    """
    path = home / "dagster" / "dev.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        raise SettingsError(f"O365_HOME: {path.parent} cannot be written ({error.strerror})") from None
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise UsageError(
                f"`o365-pipeline dev` is at work in {_short(home)} already, processes {lock.read()}: end them, or set "
                "O365_HOME to another folder"
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}")
        lock.flush()
        yield lock


@contextmanager
def _dagster(host: str, port: int, log: Path, lock: IO[str]) -> Iterator[subprocess.Popen[str]]:
    """Runs Dagster's webserver and daemon in a process group of their own, and ends them with the block."""
    program = Path(sys.executable).with_name("dagster")
    command = [str(program), "dev", "-m", "o365_pipeline.definitions", "--host", host, "--port", str(port)]
    log.unlink(missing_ok=True)
    log.touch(mode=0o600)
    with log.open("a") as written:
        dagster = subprocess.Popen(  # noqa: S603 - its arguments are this command's
            [*command, "--log-format", "json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=written,
            text=True,
            start_new_session=True,
            pass_fds=[lock.fileno()],
        )
        lock.write(f" and {dagster.pid}")
        lock.flush()
        reader = threading.Thread(target=repeat_warnings, args=(dagster, written), daemon=True)
        reader.start()
        try:
            yield dagster
        finally:
            for number in SIGNALS:
                signal.signal(number, signal.SIG_IGN)
            with suppress(OSError):  # The terminal may be gone.
                click.echo("Dagster ends ...")
            _end(dagster)
            reader.join(LOOK_SECONDS)


def repeat_warnings(dagster: subprocess.Popen[str], written: IO[str]) -> None:
    """Write down what Dagster's services log, and repeat warnings and errors on stderr."""
    assert dagster.stdout
    for line in dagster.stdout:
        written.write(line)
        written.flush()
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if entry["level"] in TOLD_LEVELS and not entry["event"].startswith(OF_EVERY_START):
            shown = [entry["event"].rstrip(), _kind_of(entry.get("exception") or "")]
            click.echo(": ".join(filter(None, shown)), err=True)


def _kind_of(exception: str) -> str:
    """Returns what an exception is called whose traceback is in the log; what it says may repeat what rows hold."""
    kinds = EXCEPTION.findall(exception)
    return f"{kinds[-1]}, more in the log" if kinds else ""


def _end(dagster: subprocess.Popen[str]) -> None:
    """Asks Dagster to end; processes of its group that are left after a while are killed."""
    if dagster.poll() is None:
        dagster.send_signal(signal.SIGINT)
    deadline = time.monotonic() + END_SECONDS
    while _has_processes(dagster) and time.monotonic() < deadline:
        time.sleep(0.1)
    if _has_processes(dagster):
        os.killpg(dagster.pid, signal.SIGKILL)
    dagster.wait()


def _has_processes(dagster: subprocess.Popen[str]) -> bool:
    dagster.poll()
    try:
        os.killpg(dagster.pid, 0)
    except ProcessLookupError:
        return False
    return True


def _wait_for(dagster: subprocess.Popen[str], host: str, port: int, log: Path) -> None:
    """Waits until the UI answers."""
    while True:
        _check(dagster, log)
        try:
            socket.create_connection((host, port), LOOK_SECONDS).close()
        except OSError:
            time.sleep(0.2)
        else:
            return


def _check(dagster: subprocess.Popen[str], log: Path) -> None:
    if dagster.poll() is not None:
        raise O365PipelineError(f"Dagster ended by itself; {_short(log)} says why")


def _tell_and_watch(
    deployment: Deployment, dagster: subprocess.Popen[str], ui: str, pages: Mapping[str, str], log: Path
) -> None:
    """Prints what to do, then what happens, until a signal arrives."""
    for name, where in {"The Dagster UI:": ui, **pages}.items():
        click.echo(f"{name:21} {where}")
    with News(deployment, ui) as news:
        for line in news.waiting():
            click.echo(line)
        click.echo("Ctrl-C ends it.")
        while True:
            time.sleep(LOOK_SECONDS)
            _check(dagster, log)
            for line in news.since_the_last_look():
                click.echo(line)


def _short(path: Path) -> str:
    """Returns a path relative to the current folder if it is below it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
