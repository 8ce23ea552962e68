"""Whose turn it is: sensors look at a bounded number of customers in a tick, and starve none of them.

What belongs here: the order. How many one tick looks at is each sensor's.
"""

from __future__ import annotations

from collections.abc import Iterable


def in_turn(names: Iterable[str], after: str) -> list[str]:
    """All names in their order, beginning after the one with which the last tick stopped."""
    return sorted(names, key=lambda name: (name <= after, name))
