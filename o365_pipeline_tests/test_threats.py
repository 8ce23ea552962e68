"""Every test that docs/threats.md names exists."""

from __future__ import annotations

import re
from pathlib import Path

PROJECT = Path(__file__).parents[1]
PAGE = (PROJECT / "docs" / "threats.md").read_text()


def test_every_threat_names_tests_that_exist() -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)

    assert len(named) > 15
    assert [
        f"{file}::{name}"
        for file, name in named
        if not (PROJECT / file).is_file() or f"def {name}(" not in (PROJECT / file).read_text()
    ] == []
