"""How a measured process tells the one that measures that a step is done: a line on standard output."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

BYTES_PER_UNIT = 1 if sys.platform == "darwin" else 1024
"""Of ru_maxrss: macOS counts bytes, Linux kilobytes."""


def megabytes(usage: resource.struct_rusage) -> float:
    """A process's peak memory so far."""
    return usage.ru_maxrss * BYTES_PER_UNIT / 1e6


def peak() -> float:
    """This process's highest memory so far; on Linux without that of the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024 / 1e6
    return megabytes(resource.getrusage(resource.RUSAGE_SELF))


def done(step: str) -> None:
    """Say that a step is done, and the highest memory up to its end."""
    print(f"{megabytes(resource.getrusage(resource.RUSAGE_SELF)):.1f} {step}", flush=True)
