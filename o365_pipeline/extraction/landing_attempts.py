"""How often it was tried to load what landed, and when it is tried again.

What belongs here: counting Dagster's runs for a window, and the pauses between them. Asking for them belongs to
`landing_sensor.py`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import dagster as dg

from o365_pipeline.extraction.extraction_ledger import Extraction

LANDING_TAG = "o365/landing"
"""Says which landing a run takes to the mart."""

PAUSES = tuple(dt.timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360))
"""The pauses after failures; after the last of them it is tried once more, and then given up."""


@dataclass(frozen=True)
class Attempts:
    """The runs that took one landing on, the newest first."""

    runs: tuple[dg.RunRecord, ...] = ()

    @property
    def is_at_work(self) -> bool:
        return bool(self.runs) and not self.runs[0].dagster_run.is_finished

    @property
    def has_succeeded(self) -> bool:
        return bool(self.runs) and self.runs[0].dagster_run.is_success

    @property
    def is_given_up(self) -> bool:
        """Whether nothing is tried again before somebody does something."""
        if self.is_at_work or self.has_succeeded or not self.runs:
            return False
        return self.runs[0].dagster_run.status == dg.DagsterRunStatus.CANCELED or len(self.runs) > len(PAUSES)

    def reason_to_wait(self, window: Sequence[Extraction], now: dt.datetime) -> str | None:
        """Says why no run is to be started now, and how to start one nevertheless; None if one is due."""
        if not self.runs:
            return None
        last, first = self.runs[0], window[0]
        what, run = f"{first.customer} {first.window}", f"run {last.dagster_run.run_id[:8]}"
        if self.is_at_work:
            return f"{what}: {run} takes it to the mart"
        anew = (
            f"to start it at once, re-execute the run, or: o365-pipeline extract --customer {first.customer} "
            f"--from {first.first_day} --to {first.last_day}"
        )
        if last.dagster_run.status == dg.DagsterRunStatus.CANCELED:
            return f"{what} is stuck: {run} was terminated, and nothing is tried again; {anew}"
        tries = "once" if len(self.runs) == 1 else f"{len(self.runs)} times"
        if len(self.runs) > len(PAUSES):
            return f"{what} is stuck: it did not get to the mart {tries}, last in {run}, and is given up; {anew}"
        due = _ended_at(last) + PAUSES[len(self.runs) - 1]
        if now < due:
            return (
                f"{what} is stuck: it did not get to the mart {tries}, last in {run}, and is tried again at "
                f"{due:%Y-%m-%d %H:%M} UTC; {anew}"
            )
        return None


def windows_of(extractions: Iterable[Extraction]) -> list[list[Extraction]]:
    """Returns the extractions by customer and window."""

    def window(entry: Extraction) -> tuple[object, ...]:
        return (entry.customer, entry.first_day, entry.last_day)

    return [list(group) for _, group in groupby(sorted(extractions, key=window), key=window)]


def landing_tag(landed: Iterable[Extraction], approval_event_id: str) -> str:
    """Returns what attempts are counted under: what landed, when it was asked for, and what allows its use.

    Attempts begin anew where the window was extracted again, where the ledger is a new one, and under a new approval.
    """
    entries = sorted(landed, key=lambda entry: entry.extraction_id)
    of_entries = [f"{entry.extraction_id}:{entry.factory_run_id}:{entry.claimed_at}" for entry in entries]
    digest = hashlib.sha256(",".join([approval_event_id, *of_entries]).encode()).hexdigest()[:16]
    return f"{entries[0].customer}:{entries[0].window}:{digest}"


def attempts_of(instance: dg.DagsterInstance, tags: Sequence[str]) -> dict[str, Attempts]:
    """Returns the attempts under each tag, with one query for some of them."""
    found: dict[str, list[dg.RunRecord]] = {tag: [] for tag in tags}
    if tags:
        for record in instance.get_run_records(dg.RunsFilter(tags={LANDING_TAG: tags})):
            found[record.dagster_run.tags[LANDING_TAG]].append(record)
    return {tag: Attempts(tuple(records)) for tag, records in found.items()}


def _ended_at(record: dg.RunRecord) -> dt.datetime:
    if record.end_time is not None:
        return dt.datetime.fromtimestamp(record.end_time, dt.UTC)
    updated = record.update_timestamp
    return updated if updated.tzinfo else updated.replace(tzinfo=dt.UTC)
