"""Coverage: since when the approvers no longer allow data that was extracted under an earlier approval.

What belongs here: computing that from the events, as a pure function. Deleting the data belongs to `purge/`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from o365_pipeline.consent.approvals import ApprovalEvent, State, consent_status
from o365_pipeline.consent.authorization import Ask, scope_fits


@dataclass(frozen=True)
class HeldData:
    """The data that an extraction left: what was requested, and the groups that the approval of that time left out."""

    ask: Ask
    deny_groups: tuple[str, ...]


@dataclass(frozen=True)
class Lapse:
    """When something lost its approval, and the event that caused it; no event if an approval just ended."""

    since: dt.datetime
    event_id: str | None
    reason: str


def lapses(held: HeldData, events: Sequence[ApprovalEvent], at: dt.datetime) -> Mapping[str, Lapse]:
    """For each held column that is not covered at a moment: since when it has not been covered, without a break.

    A narrower scope, or further groups to leave out, affect all columns, since the rows do not show whose they are.
    """
    found: dict[str, Lapse] = {}
    for moment in _turning_points(events, at):
        known = [event for event in events if event.updated_at <= moment]
        status = consent_status(known, moment)
        covered = _covered_columns(held, status.approval)
        because = None if status.state is State.EXPIRED and status.since == moment else _last(known)
        reason = (
            str(status) if status.approval is None else f"not covered by the approval of {moment:%Y-%m-%d %H:%M} UTC"
        )
        for column in held.ask.columns:
            if column in covered:
                found.pop(column, None)
            else:
                found.setdefault(column, Lapse(moment, because, reason))
    return found


def _turning_points(events: Sequence[ApprovalEvent], at: dt.datetime) -> list[dt.datetime]:
    """The past moments at which the status may have changed."""
    moments = {event.updated_at for event in events} | {event.expires_at for event in events if event.expires_at}
    return sorted(moment for moment in moments if moment <= at)


def _covered_columns(held: HeldData, approval: ApprovalEvent | None) -> frozenset[str]:
    approved = approval.dataset(held.ask.dataset) if approval else None
    if approval is None or approved is None or scope_fits(held.ask, approval):
        return frozenset()
    if not set(approved.deny_groups) <= set(held.deny_groups):
        return frozenset()
    return frozenset(approved.columns)


def _last(events: Sequence[ApprovalEvent]) -> str:
    return max(events, key=lambda event: (event.updated_at, event.created_at, event.event_id)).event_id
