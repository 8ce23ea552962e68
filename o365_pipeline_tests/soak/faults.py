"""Faults of the sandbox's factories that are drawn, for this process and for those that it starts.

What belongs here: drawing them, and giving every copy of the cloud in a process the same ones. How a fault is carried
out belongs to the sandbox.
"""

from __future__ import annotations

import random

from o365_pipeline.sandbox.azure.factory_faults import RUNS_QUERY, RUNS_START, CopyError, FactoryFaults
from o365_pipeline.sandbox.cloud import SandboxCloud
from o365_pipeline.sandbox.microsoft365.feed_faults import FeedFaults


def share_faults(factory_faults: FactoryFaults, feed_faults: FeedFaults) -> None:
    """Gives all copies of the cloud in this process the same faults, also those that Dagster makes for a run."""
    SandboxCloud.factory_faults = property(lambda _: factory_faults)  # type: ignore[assignment, method-assign]
    SandboxCloud.feed_faults = property(lambda _: feed_faults)  # type: ignore[assignment, method-assign]


def draw_factory_fault(chance: random.Random, faults: FactoryFaults) -> str:
    """Lets something go wrong with some of the next requests; says what."""
    on = chance.choice(("", RUNS_QUERY, RUNS_START))
    fault = chance.choice(("throttled", "error", "error after acting", "hidden", "copy fails"))
    match fault:
        case "throttled":
            # Time that only passes is not stepped with the clock, so the pauses are short.
            faults.throttle(chance.randint(1, 3), chance.choice((1, 5, 15)), on=on)
        case "error":
            faults.fail(chance.randint(1, 8), chance.choice((500, 503, 400)), on=on)
        case "error after acting":
            faults.fail(chance.randint(1, 2), 500, after_acting=True, on=on)
        case "hidden":
            faults.hide_new_runs(chance.randint(1, 6))
        case "copy fails":
            faults.fail_copies(chance.randint(1, 2), chance.choice((CopyError.NO_USERS, CopyError.SIGN_IN)))
    return f"{fault} {on}".strip()
