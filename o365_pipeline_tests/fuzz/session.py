"""One run of the fuzzer: inputs are drawn and taken, each within its time and memory; faults are told once a kind.

What belongs here: drawing, watching, counting. The inputs belong to `kinds.py` and `malformed.py`.
"""

from __future__ import annotations

import faulthandler
import hashlib
import random
import resource
import signal
import sys
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from o365_pipeline_tests.fuzz.kinds import FaultError, Kind

SECONDS, GIGABYTE = 10.0, 1 << 30
"""What one input may take at most, of a processor and of memory."""

WAITED = 6
"""How many times as long it may take by the clock, on a machine that others use too."""

OF_ROWS = {"rows": 1.35, "days": 0.15}
"""How many rows of each kind there are for each other input: many rows are one input, and come at a time."""

WEIGHTS = {
    "rows": 0,
    "days": 0,
    "customers": 8,
    "requests": 6,
    "offers": 5,
    "rates": 2,
    "assumptions": 2,
    "packages": 1,
    "notifications": 10,
    "feed": 8,
}
"""How often each other kind is drawn."""


class HangError(FaultError):
    """An input took too long."""


@contextmanager
def within_limits() -> Iterator[None]:
    """Ends what takes longer than an input may; where Python cannot, the process ends with a traceback."""

    def ring(_signal: int, _frame: object) -> None:
        raise HangError(f"it took more than {SECONDS} s")

    before = [(number, signal.signal(number, ring)) for number in (signal.SIGALRM, signal.SIGPROF)]
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        faulthandler.dump_traceback_later(2 * WAITED * SECONDS, exit=True, file=sys.__stderr__ or sys.stderr)
        signal.setitimer(signal.ITIMER_REAL, WAITED * SECONDS)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        faulthandler.cancel_dump_traceback_later()
        for number, handler in before:
            signal.signal(number, handler)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held) * 1024
    if grown > GIGABYTE:
        raise FaultError(f"it took {grown >> 20} MB of memory")


def fault_of(kind: Kind, content: bytes) -> tuple[str, str | None]:
    """Lets an input be taken; returns what became of it, and the fault if there is one: its kind and its place."""
    try:
        with within_limits():
            return kind.take(content), None
    except FaultError as error:
        return "fault", f"{type(error).__name__}: {error}"
    except Exception as error:
        places = [frame for frame in traceback.extract_tb(error.__traceback__) if "o365_pipeline/" in frame.filename]
        place = f"{Path(places[-1].filename).name}:{places[-1].lineno}" if places else "?"
        return "fault", f"{type(error).__name__} at {place}: {str(error)[:200]}"


def fuzz(kinds: Mapping[str, Kind], seed: int, inputs: int, rows: int, kept: Path, verbose: bool = False) -> int:
    """Draws so many inputs, counting each row as one; returns how many kinds of fault there are, which are told.

    Args:
        rows: how many rows a part of a landing has.
        kept: where one input of each fault is written.
    """
    ends: Counter[tuple[str, str]] = Counter()
    faults: dict[str, str] = {}
    seconds: dict[str, float] = defaultdict(float)
    drawn, number = 0, 0
    weights = {name: WEIGHTS[name] for name in kinds}
    others = sum(weights.values())
    # Of each hundred inputs, some sixty are rows.
    shares = {name: share for name, share in OF_ROWS.items() if name in weights}
    if shares:
        of_rows = {name: max(1, round((others or 1) * share / rows * 100)) for name, share in shares.items()}
        weights = {name: weight * 100 for name, weight in weights.items()} | of_rows
    while drawn < inputs:
        number += 1
        chance = random.Random(f"{seed}-{number}")
        name = chance.choices(list(weights), list(weights.values()))[0]
        content = kinds[name].spoiled(chance)
        drawn += rows if name in OF_ROWS else 1
        began = time.process_time()
        end, fault = fault_of(kinds[name], content)
        seconds[name] += time.process_time() - began
        ends[name, end] += 1
        if fault and (sort := f"{name}: {fault.split(': ')[0]}") not in faults:
            path = kept / f"{name}-{hashlib.sha256(content).hexdigest()[:12]}"
            path.write_bytes(content)
            faults[sort] = fault
            print(f"seed {seed}, input {number}, {name}: {fault}; it is in {path}", flush=True)
        if verbose and number % 500 == 0:
            print(f"{drawn} inputs, {_megabytes()} MB", file=sys.stderr, flush=True)
    told: dict[str, list[Any]] = {}
    for (name, end), count in sorted(ends.items()):
        told.setdefault(name, []).append(f"{count} {end}")
    for name, parts in told.items():
        print(f"{name}: {', '.join(parts)} ({seconds[name]:.1f} s of CPU)")
    print(f"seed {seed}: {drawn} inputs, {len(faults)} kinds of fault, {_megabytes()} MB at most")
    return len(faults)


def _megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
