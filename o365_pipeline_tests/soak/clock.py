"""A time of day that can be stepped, in this process and in all that it starts.

What belongs here: building the library that adds to the system's time, and stepping. Whoever would sleep for long in
this process steps the clock instead; the processes beside it sleep as they do elsewhere.
"""

from __future__ import annotations

import mmap
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LIBRARY, SECONDS_AHEAD = "LD_PRELOAD", "SOAK_CLOCK"
SOURCE = Path(__file__).with_name("clock.c")
BYTES = 8
SHORT, NAP = 1.0, 0.25
"""A sleep of so many seconds is slept; a longer one becomes a step of the clock, and a nap."""


def start_again_with_a_clock(folder: Path, module: str, arguments: list[str]) -> None:
    """Replaces this process by the same module under a clock that can be stepped, if this machine can have one."""
    compiler = shutil.which("cc")
    if SECONDS_AHEAD in os.environ or compiler is None or sys.platform != "linux":
        return
    folder.mkdir(parents=True, exist_ok=True)
    library, ahead = folder / "clock.so", folder / "clock"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, SOURCE, "-ldl"], check=True)
    ahead.write_bytes(bytes(BYTES))
    environment = {**os.environ, LIBRARY: str(library), SECONDS_AHEAD: str(ahead)}
    os.execve(sys.executable, [sys.executable, "-m", module, *arguments], environment)


class SteppedClock:
    """The clock of a tree of processes; without the library it cannot be stepped, and sleeps are slept."""

    def __init__(self) -> None:
        self._shared: mmap.mmap | None = None
        self.really_sleep = time.sleep
        self.others_are_at_work = False
        if path := os.environ.get(SECONDS_AHEAD):
            with Path(path).open("r+b") as file:
                self._shared = mmap.mmap(file.fileno(), BYTES)

    @property
    def can_be_stepped(self) -> bool:
        return self._shared is not None

    @property
    def ahead(self) -> int:
        """By how many seconds the clock is ahead of the machine's."""
        return int.from_bytes(self._shared[:BYTES], sys.byteorder, signed=True) if self._shared else 0

    def step(self, seconds: int) -> None:
        if self._shared:
            self._shared[:BYTES] = (self.ahead + seconds).to_bytes(BYTES, sys.byteorder, signed=True)

    @contextmanager
    def beside_others(self) -> Iterator[None]:
        """Lets this process sleep as the others do that work at the same time."""
        self.others_are_at_work = True
        try:
            yield
        finally:
            self.others_are_at_work = False

    def step_instead_of_sleeping(self) -> None:
        """Lets what sleeps for long in this process step the clock; to be called before it is imported."""
        if self._shared:
            time.sleep = self._sleep  # type: ignore[assignment]

    def _sleep(self, seconds: float) -> None:
        if seconds <= SHORT or self.others_are_at_work:
            self.really_sleep(seconds)
        else:
            self.step(round(seconds))
            self.really_sleep(NAP)
