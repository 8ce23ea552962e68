"""The extraction ledger: which windows were requested, by which factory run, and with which result.

What belongs here: reading and changing `ledger_extraction`. Each change is one transaction that compares before it
sets, so that one of several processes wins.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import claim_turn, extraction, id_batches, release, truncated
from o365_pipeline.extraction.windows import Window

CLAIMED, CANCELING = "Claimed", "Canceling"
CONSENT_PENDING = "ConsentPending"
"""The factory reports InProgress, but the run waits for an approver (Privileged Access Management)."""

UNDER_WAY = (CLAIMED, "Queued", "InProgress", CONSENT_PENDING, CANCELING)
PURGED, RELEASED = "Purged", "Released"
WITHOUT_DATA = ("Failed", "Cancelled", PURGED, RELEASED)
"""A window with such an extraction may be extracted again."""


@dataclass(frozen=True)
class Extraction:
    """One window of one dataset of one customer. Times are naive UTC."""

    extraction_id: str
    customer: str
    dataset: str
    first_day: dt.date
    last_day: dt.date
    columns: tuple[str, ...]
    scope: str
    approval_event_id: str
    requested_by: str
    status: str
    claim: str
    claimed_at: dt.datetime
    attempt: int
    factory_run_id: str | None
    submitted_at: dt.datetime | None
    looked_at: dt.datetime | None
    error: str | None

    @property
    def window(self) -> Window:
        return Window(self.first_day, self.last_day)

    @property
    def is_under_way(self) -> bool:
        return self.status in UNDER_WAY

    @property
    def is_without_data(self) -> bool:
        return self.status in WITHOUT_DATA

    def folder(self, asset_name: str) -> str:
        """The folder of the window's files in the lake; each run has its own folder below it."""
        return f"raw/{self.customer}/{asset_name}/{self.window}"


_FIELDS = [extraction.c[name] for name in Extraction.__dataclass_fields__]


def find(database: Database, extraction_id: str) -> Extraction | None:
    found = _select(database, extraction.c.extraction_id == extraction_id)
    return found[0] if found else None


def under_way(database: Database, customers: Sequence[str]) -> list[Extraction]:
    """Returns the customers' extractions that a factory may still be working on."""
    return _of(customers, _select(database, extraction.c.status.in_(UNDER_WAY)))


def overlapping(
    database: Database, customer: str, dataset: str, first_day: dt.date, last_day: dt.date
) -> list[Extraction]:
    """Returns the dataset's extractions that share a day with the span and did not fail, the newest last."""
    return _select(database, *_shares_a_day(customer, dataset, first_day, last_day))


def _shares_a_day(
    customer: str, dataset: str, first_day: dt.date, last_day: dt.date
) -> tuple[sa.ColumnElement[bool], ...]:
    """Returns the conditions of a dataset's extractions that share a day with the span and did not fail."""
    return (
        extraction.c.customer == customer,
        extraction.c.dataset == dataset,
        extraction.c.first_day <= last_day,
        extraction.c.last_day >= first_day,
        extraction.c.status.not_in(WITHOUT_DATA),
    )


def not_loaded(database: Database, customers: Sequence[str]) -> list[Extraction]:
    """Returns windows requested by the extraction job that are not in the mart yet, with all datasets of the window."""
    open_windows = (
        sa.select(extraction.c.customer, extraction.c.first_day, extraction.c.last_day)
        .where(extraction.c.requested_by == "extraction")
        .where(extraction.c.status.not_in(WITHOUT_DATA))
        .where(extraction.c.loaded_at.is_(None))
        .distinct()
        .subquery()
    )
    found = _select(
        database,
        extraction.c.requested_by == "extraction",
        open_windows.c.customer == extraction.c.customer,
        open_windows.c.first_day == extraction.c.first_day,
        open_windows.c.last_day == extraction.c.last_day,
    )
    return _of(customers, found)


def held_until(database: Database, since: dt.date) -> dict[tuple[str, str], dt.date]:
    """Returns, by customer and dataset, the last day that was extracted or is under way, if it is not before
    `since`.
    """
    query = (
        sa.select(extraction.c.customer, extraction.c.dataset, sa.func.max(extraction.c.last_day).label("day"))
        .where(extraction.c.last_day >= since, extraction.c.status.not_in(WITHOUT_DATA))
        .group_by(extraction.c.customer, extraction.c.dataset)
    )
    with database.begin() as connection:
        return {(row.customer, row.dataset): row.day for row in connection.execute(query)}


def first_day(database: Database) -> dt.date | None:
    """The earliest day that was extracted or is under way; None where none is."""
    query = sa.select(sa.func.min(extraction.c.first_day)).where(extraction.c.status.not_in(WITHOUT_DATA))
    with database.begin() as connection:
        return connection.scalar(query)


def released_runs(database: Database, extraction_id: str) -> frozenset[str]:
    """Returns the factory runs of a window whose files were given up: none of them stands for the window again."""
    query = sa.select(release.c.factory_run_id).where(release.c.extraction_id == extraction_id)
    with database.begin() as connection:
        return frozenset(connection.scalars(query))


def claim(database: Database, wanted: Extraction) -> bool:
    """Takes the right to create the factory run of the window's days; False if one of them is held, under way or
    claimed.

    Processes that claim days of one dataset take turns, so that none misses what another has just claimed.
    """
    row = {name: getattr(wanted, name) for name in Extraction.__dataclass_fields__}
    row["columns"] = json.dumps(wanted.columns)
    before = sa.select(extraction.c.attempt).where(extraction.c.extraction_id == wanted.extraction_id)
    held = sa.select(extraction.c.extraction_id).where(
        *_shares_a_day(wanted.customer, wanted.dataset, wanted.first_day, wanted.last_day)
    )

    def work(connection: sa.Connection) -> bool:
        _take_turn(connection, wanted.customer, wanted.dataset)
        if connection.execute(held).first():
            return False
        attempt = connection.scalar(before)
        if attempt is None:
            connection.execute(extraction.insert().values(row))
            return True
        unknown = dict.fromkeys(("finished_at", "rows_reported", "files_reported", "loaded_at"))
        anew = {**row, "attempt": attempt + 1, **unknown}
        change = extraction.update().where(extraction.c.extraction_id == wanted.extraction_id)
        connection.execute(change.values({name: value for name, value in anew.items() if name != "extraction_id"}))
        return True

    return database.run(work)


def _take_turn(connection: sa.Connection, customer: str, dataset: str) -> None:
    """Makes others that claim days of the dataset wait until the transaction has ended."""
    of_dataset = claim_turn.c.customer == customer, claim_turn.c.dataset == dataset
    change = claim_turn.update().where(*of_dataset).values(claims=claim_turn.c.claims + 1)
    if not connection.execute(change).rowcount:
        connection.execute(claim_turn.insert().values(customer=customer, dataset=dataset, claims=1))


def take_over(database: Database, found: Extraction, wanted: Extraction) -> bool:
    """Takes over a window whose claimant is gone; False if another process was faster."""
    change = (
        extraction.update()
        .where(extraction.c.extraction_id == found.extraction_id)
        .where(extraction.c.claim == found.claim, extraction.c.status == found.status)
        .where(extraction.c.attempt == found.attempt)
        .values(
            columns=json.dumps(wanted.columns),
            scope=wanted.scope,
            approval_event_id=wanted.approval_event_id,
            requested_by=wanted.requested_by,
            status=CLAIMED,
            claim=wanted.claim,
            claimed_at=wanted.claimed_at,
            attempt=found.attempt + 1,
            factory_run_id=None,
            submitted_at=found.submitted_at if found.status == CLAIMED else None,
            looked_at=None,
            finished_at=None,
            error=None,
        )
    )
    return database.execute(change) == 1


def renew(database: Database, extraction_id: str, claimant: str, now: dt.datetime, *, submitting: bool = False) -> bool:
    """Extends a claim; False if another process has taken it over.

    Args:
        submitting: whether a run is about to be created; whoever takes the claim over must then look for that run.
    """
    change = (
        extraction.update()
        .where(extraction.c.extraction_id == extraction_id, extraction.c.claim == claimant)
        .where(extraction.c.status == CLAIMED)
        .values(claimed_at=now, submitted_at=now if submitting else extraction.c.submitted_at)
    )
    return database.execute(change) == 1


def attach(database: Database, extraction_id: str, claimant: str, run_id: str, now: dt.datetime) -> bool:
    """Records the factory run that the claimant created or found; False if another process has taken the claim over."""
    change = (
        extraction.update()
        .where(extraction.c.extraction_id == extraction_id, extraction.c.claim == claimant)
        .values(status="Queued", factory_run_id=run_id, submitted_at=now)
    )
    return database.execute(change) == 1


def give_back(database: Database, extraction_id: str, claimant: str, reason: str) -> None:
    """Gives claimed days free, for which the factory has made no run."""
    database.execute(
        extraction.update()
        .where(extraction.c.extraction_id == extraction_id, extraction.c.claim == claimant)
        .where(extraction.c.status == CLAIMED)
        .values(status="Failed", submitted_at=None, error=truncated(reason, extraction.c.error))
    )


def adopt(database: Database, extractions: Iterable[Extraction], claimant: str) -> None:
    """Makes the landing sensor follow extractions that were requested by hand, when the extraction job requests them
    too; who requested them first cannot cancel them any more.
    """
    ids = [entry.extraction_id for entry in extractions]
    for some in id_batches(ids):
        database.execute(
            extraction.update()
            .where(extraction.c.extraction_id.in_(some))
            .values(requested_by="extraction", claim=claimant)
        )


def set_status(database: Database, extraction_id: str, run_id: str, status: str, error: str | None = None) -> None:
    """Records the factory's status of the window's run. A replaced run is ignored; the first error stays."""
    database.execute(
        extraction.update()
        .where(extraction.c.extraction_id == extraction_id, extraction.c.factory_run_id == run_id)
        .values(status=status, error=sa.func.coalesce(extraction.c.error, truncated(error or None, extraction.c.error)))
    )


def mark_cancelled(database: Database, extraction_id: str, run_id: str, reason: str) -> None:
    """Records that the factory was asked to cancel the window's run, and why."""
    database.execute(
        extraction.update()
        .where(extraction.c.extraction_id == extraction_id, extraction.c.factory_run_id == run_id)
        .where(extraction.c.status.in_(UNDER_WAY))
        .values(status=CANCELING, error=truncated(reason, extraction.c.error))
    )


def mark_checked(database: Database, extraction_id: str, run_id: str, status: str, now: dt.datetime) -> None:
    """Records when the copy activity of a run in progress was checked, and its status."""
    database.execute(
        extraction.update()
        .where(extraction.c.extraction_id == extraction_id, extraction.c.factory_run_id == run_id)
        .where(extraction.c.status.in_(UNDER_WAY))
        .values(status=status, looked_at=now)
    )


def set_counts(
    database: Database,
    extraction_id: str,
    run_id: str,
    rows: int | None,
    files: int | None,
    ended_at: dt.datetime | None,
) -> None:
    """Records the factory's counts."""
    database.execute(
        extraction.update()
        .where(extraction.c.extraction_id == extraction_id, extraction.c.factory_run_id == run_id)
        .values(rows_reported=rows, files_reported=files, finished_at=ended_at and ended_at.replace(tzinfo=None))
    )


def covering(extractions: Iterable[Extraction], days: Iterable[dt.date]) -> dict[dt.date, Extraction]:
    """Returns, for each covered day, the newest extraction that covers it."""
    chosen: dict[dt.date, Extraction] = {}
    for candidate in extractions:
        chosen.update({day: candidate for day in days if candidate.first_day <= day <= candidate.last_day})
    return chosen


def _of(customers: Sequence[str], found: Iterable[Extraction]) -> list[Extraction]:
    """Returns those of these customers. What is open is little, and the customers are too many for one statement."""
    asked = frozenset(customers)
    return [entry for entry in found if entry.customer in asked]


def _select(database: Database, *conditions: sa.ColumnElement[bool]) -> list[Extraction]:
    query = sa.select(*_FIELDS).where(*conditions).order_by(extraction.c.claimed_at, extraction.c.extraction_id)
    with database.begin() as connection:
        rows = connection.execute(query).mappings().all()
    return [Extraction(**{**row, "columns": tuple(json.loads(row["columns"]))}) for row in rows]
