"""The order in which sensors handle customers: a bounded number in each tick, so that every customer gets a turn.

What belongs here: the order. The number of customers per tick belongs to each sensor.
"""

from __future__ import annotations

from collections.abc import Iterable


def in_turn(names: Iterable[str], after: str) -> list[str]:
    """Returns all names in their order, beginning after the one at which the last tick stopped."""
    return sorted(names, key=lambda name: (name <= after, name))
