"""What the tests of commands share: a home on the sandbox, and running `o365-pipeline` in it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from o365_pipeline.cli import main as cli
from o365_pipeline_tests.finished_homes import PEOPLE


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    stdout: str
    stderr: str


Command = Callable[..., Ended]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home that commands use."""
    settings = {"HOME": str(tmp_path / "home"), "SANDBOX_SECONDS": "0", "SANDBOX_USERS": str(PEOPLE)}
    for name, value in settings.items():
        monkeypatch.setenv(f"O365_{name}", value)
    monkeypatch.setenv("DAGSTER_HOME", "")
    return tmp_path / "home"


@pytest.fixture
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every table stand in one line."""
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def command(home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    """Run `o365-pipeline` with arguments."""

    def command(*arguments: str) -> Ended:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["o365-pipeline", *arguments])
        try:
            cli.main()
            status = 0
        except SystemExit as exit_:
            status = int(exit_.code or 0)
        return Ended(status, *capfd.readouterr())

    return command
