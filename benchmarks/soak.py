"""A soak: random steps over three customers of the sandbox, and what must hold after each of them.

Approvers approve, deny and revoke, approvals expire; sensors, the schedule, backfills and terminals extract, land and
purge; processes are killed, the clock is stepped, factory and feed have faults. How to read it: the last line says how
often each kind of step was drawn. The exit status is 1 at the first violation, told in one line with the seed and the
number of the step. The same seed draws the same steps, as far as the timing of processes allows.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import warnings
from pathlib import Path

from o365_pipeline_tests.soak.clock import SteppedClock, start_again_with_a_clock


def main() -> int:
    options = _options()
    if options.home is None:
        options.home = Path(tempfile.mkdtemp(prefix="o365-soak-"))
    home = options.home.resolve()
    if (home / "sandbox").exists():
        print(f"--home {home}: a soak begins in an empty folder", file=sys.stderr)
        return 2
    given = ["--seed", str(options.seed), "--minutes", str(options.minutes), "--home", str(home)]
    given += ["--steps", str(options.steps)] if options.steps else []
    given += ["--verbose"] * options.verbose
    start_again_with_a_clock(home.with_name(f"{home.name}-settings"), "benchmarks.soak", given)
    warnings.simplefilter("ignore")
    for name in [name for name in os.environ if name.startswith("O365_")]:
        del os.environ[name]
    clock = SteppedClock()
    clock.step_instead_of_sleeping()
    # Imported only now: what it imports keeps the function that it sleeps by.
    from o365_pipeline_tests.soak.session import soak

    return soak(home, options.seed, options.minutes, options.steps, clock, options.verbose)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soak",
        description="Random steps over three customers, and what must hold after each; exit status 1 if it does not.",
    )
    parser.add_argument("--seed", type=int, default=1, help="what is drawn follows from it (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=2, help="how long steps are drawn (default: %(default)s)")
    parser.add_argument("--steps", type=int, help="how many steps are drawn, instead of the minutes")
    parser.add_argument("--home", type=Path, help="an empty folder to work in (default: a temporary one, which stays)")
    parser.add_argument("--verbose", action="store_true", help="print each step, when it was, and what came of it")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
