"""One soak: steps are drawn until the time is over, and what must hold is checked after each.

What belongs here: drawing, checking, counting. The steps belong to `steps.py`, the checks to `invariants.py`.
"""

from __future__ import annotations

import time
import traceback
from collections import Counter
from pathlib import Path

from o365_pipeline.consent.approvals import State
from o365_pipeline_tests.soak.clock import SteppedClock
from o365_pipeline_tests.soak.invariants import Watch
from o365_pipeline_tests.soak.quiet import settle
from o365_pipeline_tests.soak.steps import STEPS
from o365_pipeline_tests.soak.violation import ViolationError
from o365_pipeline_tests.soak.world import make_world

QUIET_WEIGHT = 1


def soak(home: Path, seed: int, minutes: float, most_steps: int | None, clock: SteppedClock, verbose: bool) -> int:
    """Draws steps for some minutes, or until there were so many; returns the exit status."""
    world = make_world(home, seed, clock)
    watch, drawn, number, name = Watch(world), Counter[str](), 0, "nothing"
    ends = time.monotonic() + minutes * 60
    world.decide(world.any_customer(), State.APPROVED)
    steps = {**STEPS, "quiet": (QUIET_WEIGHT, settle)}
    names, weights = list(steps), [weight for weight, _ in steps.values()]
    try:
        is_over = False
        while not is_over:
            number += 1
            is_over = number > most_steps if most_steps else time.monotonic() > ends
            name = "quiet" if is_over else world.chance.choices(names, weights)[0]
            watch.before()
            began = time.monotonic()
            said = steps[name][1](world)
            drawn[name] += 1
            if verbose:
                print(
                    f"{number:4} {world.now:%m-%d %H:%M:%S} {name}: {said} ({time.monotonic() - began:.1f} s)",
                    flush=True,
                )
            watch.after()
    except ViolationError as violation:
        print(f"seed {seed}, step {number} ({name}): {violation}", flush=True)
        return 1
    except Exception as error:
        traceback.print_exc()
        print(f"seed {seed}, step {number} ({name}): crashed with {type(error).__name__}: {error}", flush=True)
        return 1
    finally:
        print(f"seed {seed}: {number} steps: " + ", ".join(f"{count} {step}" for step, count in drawn.most_common()))
    return 0
