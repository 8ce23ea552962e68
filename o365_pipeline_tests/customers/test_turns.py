"""Whose turn it is."""

from __future__ import annotations

from o365_pipeline.customers.turns import in_turn


def test_the_next_turn_begins_after_the_one_that_was_last_and_leaves_out_nobody() -> None:
    names = ["carol", "alice", "dave", "bob"]

    assert in_turn(names, "") == ["alice", "bob", "carol", "dave"]
    assert in_turn(names, "bob") == ["carol", "dave", "alice", "bob"]
    assert in_turn(names, "dave") == ["alice", "bob", "carol", "dave"]


def test_whoever_has_left_since_skips_nobody() -> None:
    assert in_turn(["alice", "carol"], "bob") == ["carol", "alice"]
