"""The tables of `docs/privacy.md`: which places it says name people, approvers or nobody, for tests that look there.

What belongs here: reading the page. Looking into the places belongs to `traces.py` and the tests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "privacy.md"


@dataclass(frozen=True)
class Places:
    """The places of one of the page's tables, by whom they name; a place may name several."""

    people: frozenset[str]
    approvers: frozenset[str]
    nobody: frozenset[str]


def places_of(section: str, *beside: str) -> Places:
    """Returns the places in the table of a section, without some.

    Args:
        beside: places that are left out: what is there for a moment, or is not the pipeline's.
    """
    text = PAGE.read_text(encoding="utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([\w./]+)`[^|]*\| ([^|]+?) \|", text, re.MULTILINE)
    said = [(place, what.partition(" ")[0]) for place, what in rows if place not in beside]
    return Places(
        frozenset(place for place, first in said if first not in ("who", "nobody:")),
        frozenset(place for place, first in said if first == "who"),
        frozenset(place for place, first in said if first == "nobody:"),
    )
