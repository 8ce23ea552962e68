"""Scratch: the folders of work in progress, which may hold people's rows, and so do not outlive it.

What belongs here: making such folders below the home, for their owner alone, and sweeping those of processes that died.
Whoever works in a folder holds a lock beside it; the system releases the lock when the process ends, however it ends.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from o365_pipeline.errors import SettingsError

GATE = "gate.lock"
"""Is held while folders are made or swept, so that none is swept before its process has locked it."""

_roots: list[Path] = []
"""The folder of all scratch, the newest last; without one, the system's temporary folder is used."""


def keep_scratch_below(home: Path) -> None:
    """Makes this process keep its scratch below the home, and sweeps what dead processes left there.

    Raises:
        SettingsError: it may not be swept.
    """
    _roots[:] = [home / "scratch"]
    try:
        sweep()
    except OSError as error:
        raise SettingsError(f"O365_HOME: {home / 'scratch'} cannot be swept ({error.strerror})") from None


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Makes an empty folder, which is deleted afterwards.

    Raises:
        SettingsError: no folder can be made below the home.
    """
    if not _roots:
        with tempfile.TemporaryDirectory(prefix="o365-") as name:
            yield Path(name)
        return
    [root] = _roots
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(root / GATE):
            folder = Path(tempfile.mkdtemp(dir=root))
            lock = FileLock(_lock_of(folder), thread_local=False)
            lock.acquire()
    except OSError as error:
        raise SettingsError(f"O365_HOME: no folder can be made in {root} ({error.strerror})") from None
    try:
        yield folder
    finally:
        _delete(folder)
        lock.release()


def sweep() -> None:
    """Deletes what dead processes left; where somebody works, nothing is deleted."""
    for root in _roots:
        if root.is_dir():
            with FileLock(root / GATE):
                for folder in [path for path in root.iterdir() if path.is_dir()]:
                    with suppress(Timeout), FileLock(_lock_of(folder), timeout=0):
                        _delete(folder)


def _delete(folder: Path) -> None:
    """Deletes a folder whose lock is held, and the lock's file."""
    shutil.rmtree(folder, ignore_errors=True)
    _lock_of(folder).unlink(missing_ok=True)


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")
