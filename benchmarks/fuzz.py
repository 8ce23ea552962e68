"""A fuzzer: malformed rows, days, configurations, offers, packages, notifications and records of the feed.

Each ends in a row's place, or in one line and the right status; none in a traceback, none takes more than ten seconds
or a gigabyte. How to read it: a line for each kind of fault, with the file that holds the input, and at the end how
many inputs of each kind were taken and refused. The exit status is 1 if there was a fault. The same seed draws the same
inputs. Days are loaded into PostgreSQL where it is installed, else into SQLite. With `--guided`, where the library
atheris is installed, new inputs are made of those that reached new code.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from o365_pipeline_tests.deploy.services import postgres, postgres_programs

KINDS = ("rows", "days", "customers", "requests", "offers", "rates", "assumptions", "packages", "notifications", "feed")


def main() -> int:
    options = _options()
    for name in [name for name in os.environ if name.startswith("O365_")]:
        del os.environ[name]
    kept = options.keep or Path(tempfile.mkdtemp(prefix="o365-fuzz-"))
    kept.mkdir(parents=True, exist_ok=True)
    if options.guided:
        from o365_pipeline_tests.fuzz.guided import guided

        if not options.kind or len(options.kind) > 1:
            print("--guided takes one --kind", file=sys.stderr)
            return 2
        try:
            guided(options.kind[0], options.seed, options.inputs, kept)
        except ImportError:
            print("--guided needs the library atheris: pip install atheris", file=sys.stderr)
            return 2
    from o365_pipeline_tests.fuzz.kinds import kinds
    from o365_pipeline_tests.fuzz.session import fuzz

    with tempfile.TemporaryDirectory(prefix="o365-fuzz-work-") as work, _mart() as mart:
        all_kinds = kinds(Path(work), options.rows, mart)
        chosen = {name: all_kinds[name] for name in options.kind or KINDS}
        faults = fuzz(chosen, options.seed, options.inputs, options.rows, kept, options.verbose)
    return 1 if faults else 0


@contextmanager
def _mart() -> Iterator[sa.URL | None]:
    """A database of PostgreSQL for days, where it is installed."""
    if programs := postgres_programs():
        with postgres(programs) as server:
            yield sa.make_url(server.create("fuzz"))
    else:
        print("days are loaded into SQLite: Debian's package postgresql is not installed", file=sys.stderr)
        yield None


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fuzz", description="Malformed inputs; exit status 1 if one ends in a fault."
    )
    parser.add_argument("--seed", type=int, default=1, help="what is drawn follows from it (default: %(default)s)")
    parser.add_argument("--inputs", type=int, default=10_000, help="how many; a row is one (default: %(default)s)")
    parser.add_argument("--rows", type=int, default=300, help="rows of a part of a landing (default: %(default)s)")
    parser.add_argument("--kind", action="append", choices=KINDS, help="a kind of input; again for more (default: all)")
    parser.add_argument(
        "--keep", type=Path, help="where inputs that end in a fault are kept (default: a temporary one)"
    )
    parser.add_argument("--guided", action="store_true", help="let atheris make inputs of those that reach new code")
    parser.add_argument("--verbose", action="store_true", help="say how far it is")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
