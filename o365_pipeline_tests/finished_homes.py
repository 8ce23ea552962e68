"""Homes that tests begin from, each made once in a session and copied for every test that needs one.

What belongs here: making them, as `o365-pipeline demo` does, and copying them. A test that asks how a home comes to be
makes its own.
"""

from __future__ import annotations

import io
import os
import shutil
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from rich.console import Console

from o365_pipeline.cli.demo import run_demo
from o365_pipeline.deployment import load

PEOPLE = 12

MAILS = ("User_v1", "Message_v1")
SOME = (*MAILS, "TeamChat_v1", "SharePointSites_v1")
"""Datasets of data requests for tests that do not look at what the others would add: each takes its time."""

OTHERS = shutil.ignore_patterns("*-shm", "*.lock")
"""Files of processes that have a database open; the log beside it, -wal, belongs to the copy."""


@dataclass(frozen=True)
class FinishedHomes:
    """Homes of a sandbox whose data was moved, in a folder that all processes of the session share."""

    folder: Path

    def copy_days(self, days: int, home: Path, datasets: tuple[str, ...] = ()) -> None:
        """Let a home hold as many days as `o365-pipeline demo --days` moved, with the history that Dagster keeps.

        Args:
            datasets: those that the data request names; all of the shipped one's if none is given.
        """
        request = data_request_of(datasets, self.folder) if datasets else None
        name = "-".join([f"{days}-days", *datasets])
        self.copy(name, lambda made: _demonstrate(made, days, data_request=request), home)

    def copy_empty_mart(self, home: Path) -> None:
        """Let a home hold a mart that has its schema and no rows: to migrate takes longer than most tests."""
        self.copy("empty-mart", _migrate, home)

    def make_empty_mart(self, file: Path) -> None:
        """Let there be such a mart in a file that is not there yet."""
        file.parent.mkdir(parents=True, exist_ok=True)
        copy = file.with_name(f"{file.name}.{uuid.uuid4().hex}")
        shutil.copyfile(self._made("empty-mart", _migrate) / "mart.db", copy)
        # Of several that make it at once, one does, and nobody opens half of it.
        with suppress(FileExistsError):
            os.link(copy, file)
        copy.unlink()

    def copy(self, name: str, make: Callable[[Path], object], home: Path) -> None:
        """Let a home hold what `make` leaves in one, which is made where it is asked for first."""
        made = self._made(name, make)
        assert not (home / "mart.db-wal").exists(), "a home is filled before it is used"
        shutil.copytree(made, home, ignore=OTHERS, dirs_exist_ok=True)

    def _made(self, name: str, make: Callable[[Path], object]) -> Path:
        made = self.folder / name
        with FileLock(f"{made}.lock"):
            if not made.exists():
                beginning = made.with_suffix(".unfinished")
                make(beginning)
                beginning.rename(made)
        return made


def data_request_of(datasets: tuple[str, ...], folder: Path) -> Path:
    """Write the shipped data request without the other datasets."""
    head, *texts = (resources.files("o365_pipeline.customers") / "data_request.toml").read_text().split("[[datasets]]")
    wanted = [text for text in texts if any(f'name = "{dataset}"' in text for dataset in datasets)]
    path = folder / f"{'-'.join(datasets)}.toml"
    path.write_text("[[datasets]]".join([head, *wanted]))
    return path


def _demonstrate(home: Path, days: int, **settings: Any) -> None:
    with pytest.MonkeyPatch.context() as environment:
        # The test that comes first may have settings of its own.
        for name in [name for name in os.environ if name.startswith("O365_")]:
            environment.delenv(name)
        environment.setenv("DAGSTER_HOME", "")
        deployment = load(home=home, sandbox_seconds=0, sandbox_users=PEOPLE, initial_days=days, **settings)
        [customer] = deployment.customers
        deployment.use_dagster_home()
        run_demo(deployment, customer, Console(file=io.StringIO()))


def _migrate(home: Path) -> None:
    database = load(home=home).database
    database.compact()
    database.engine.dispose()
