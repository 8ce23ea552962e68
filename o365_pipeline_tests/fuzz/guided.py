"""Inputs made of those that reached new code, by the library atheris (libFuzzer), which is installed by hand.

What belongs here: the bridge to it. The kinds and their limits are those of the random run.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CORPUS = 60
"""How many spoiled inputs it begins with, beside a good one."""


def guided(kind: str, seed: int, inputs: int, kept: Path) -> None:
    """Draws so many inputs of a kind; ends the process, with status 1 and the input in the folder after a fault.

    Raises:
        ImportError: atheris is not installed.
    """
    import atheris

    with atheris.instrument_imports(include=["o365_pipeline"]):
        from o365_pipeline_tests.fuzz.kinds import kinds
        from o365_pipeline_tests.fuzz.malformed import changed_bytes, changed_lines
        from o365_pipeline_tests.fuzz.session import fault_of

    work = Path(tempfile.mkdtemp(prefix="o365-fuzz-work-"))
    corpus = Path(tempfile.mkdtemp(prefix="o365-fuzz-corpus-"))
    taker = kinds(work, rows=20)[kind]
    chance = random.Random(seed)
    begun = [taker.good(chance), *(taker.spoiled(chance) for _ in range(CORPUS))]
    for number, content in enumerate(begun):
        (corpus / str(number)).write_bytes(content)

    def take(content: bytes) -> None:
        _, fault = fault_of(taker, content)
        if fault:
            print(f"seed {seed}, {kind}: {fault}", flush=True)
            raise AssertionError(fault)

    def change(content: bytes, most: int, number: int) -> bytes:
        own = random.Random(number)
        ways: Sequence[Any] = (changed_lines, changed_bytes, lambda _own, given: atheris.Mutate(given, most))
        return bytes(own.choice(ways)(own, content)[:most])

    longest = max(map(len, begun))
    options = [f"-runs={inputs}", f"-seed={seed}", f"-max_len={longest}", f"-artifact_prefix={kept}/{kind}-"]
    limits = ["-timeout=10", "-rss_limit_mb=2500", "-verbosity=0", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options, *limits, str(corpus)], take, custom_mutator=change)
    atheris.Fuzz()
