"""What a benchmark measured, beside what, and what is to be reached: the one form in which each tells it.

What belongs here: that form, and its way through a file to `report.py`. Nothing large is imported here, since some
benchmarks look at their own memory.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Measure:
    """A cost, of which less is better: seconds or megabytes for the same work, events, bytes.

    What is to be reached is said in one of two ways. `at_most` is how many times as much as the other way it may be,
    or, where nothing is beside it, how much; `at_least` is how many times less than the other way it must be.
    """

    name: str
    ours: float
    unit: str
    beside: str = ""
    """The other way of doing the same; "" where there is none."""

    theirs: float | None = None
    at_most: float | None = None
    at_least: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times as much as the other way; for `at_least`, how many times less."""
        if not self.theirs or not self.ours:
            return None
        return self.theirs / self.ours if self.at_least is not None else self.ours / self.theirs

    @property
    def is_reached(self) -> bool | None:
        """None where nothing is to be reached."""
        compared = self.ours if self.theirs is None else self.ratio
        if compared is None or (self.at_most is None and self.at_least is None):
            return None
        return compared <= self.at_most if self.at_most is not None else compared >= (self.at_least or 0)


@dataclass(frozen=True)
class Point:
    """A point of a curve: what something costs for so many people, days or customers."""

    over: str
    """What grows: people, days or customers."""

    line: str
    """What it is that costs."""

    amount: float
    cost: float
    unit: str


@dataclass(frozen=True)
class Found:
    """All that one benchmark has to tell."""

    measures: Sequence[Measure]
    points: Sequence[Point] = ()


def add_json_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write what was measured to FILE")


def tell(file: Path | None, measures: Iterable[Measure], points: Iterable[Point] = ()) -> None:
    """Writes what was measured, if there is a file to write to."""
    if file:
        written = {"measures": [asdict(each) for each in measures], "points": [asdict(each) for each in points]}
        file.write_text(json.dumps(written))


def told(file: Path) -> Found:
    """Reads what a benchmark wrote."""
    found = json.loads(file.read_text())
    return Found([Measure(**each) for each in found["measures"]], [Point(**each) for each in found["points"]])
