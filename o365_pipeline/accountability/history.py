"""What happened to a customer's data, by the ledger: decisions, extractions under them, deletions, people's requests.

What belongs here: reading the ledger's tables as they are. Of people the approver's address alone is taken, which the
approval itself carries; reasons that approvers wrote, errors, and whom a request was about are left out.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa

from o365_pipeline.consent.approvals import ApprovalEvent, State
from o365_pipeline.cost.assumptions import Assumptions
from o365_pipeline.cost.estimate import priced
from o365_pipeline.cost.plan_and_actual import BilledRun, billed_runs
from o365_pipeline.cost.rates import Rates
from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.database import Database
from o365_pipeline.database.deletion_ledger import erased_person, person_request, purge
from o365_pipeline.database.ledger import approval_event, extraction, release
from o365_pipeline.datasets import catalogue


@dataclass(frozen=True)
class Decision:
    """One recorded consent event."""

    event_id: str
    at: dt.datetime
    state: State
    application_id: str
    version: str
    approver: str | None
    until: dt.datetime | None
    datasets: int


@dataclass(frozen=True)
class Moved:
    """One extraction: what it asked for, under which decision, and what came of it."""

    extraction_id: str
    event_id: str
    dataset: str
    first_day: dt.date
    last_day: dt.date
    status: str
    submitted_at: dt.datetime | None
    loaded_at: dt.datetime | None
    rows: int | None
    """Objects that were paid for, as Microsoft counted, else the factory; None where none were."""

    cost: Decimal | None


@dataclass(frozen=True)
class Replaced:
    """A factory run that was paid for, and whose place another has taken."""

    run_id: str
    dataset: str
    rows: int | None
    cost: Decimal | None


@dataclass(frozen=True)
class Deleted:
    """One purge: because of what, and how much of it there was."""

    began_at: dt.datetime
    ended_at: dt.datetime | None
    reason: str
    lake_objects: int | None
    lake_bytes: int | None
    mart_rows: int | None


@dataclass(frozen=True)
class Asked:
    """One request of a person, without who it was."""

    kind: str
    began_at: dt.datetime
    ended_at: dt.datetime | None
    reason: str
    rows: int
    """Rows of raw files, curated files and the mart that named the person."""


@dataclass(frozen=True)
class History:
    """All of it, the oldest first."""

    decisions: Sequence[Decision]
    extractions: Sequence[Moved]
    replaced: Sequence[Replaced]
    purges: Sequence[Deleted]
    requests: Sequence[Asked]
    released: int
    erased_identities: int

    def of_state(self, *states: State) -> list[Decision]:
        return [decision for decision in self.decisions if decision.state in states]

    def under(self, event_id: str) -> list[Moved]:
        """Returns the extractions that a decision allowed."""
        return [entry for entry in self.extractions if entry.event_id == event_id]

    @property
    def rows(self) -> int:
        return sum(entry.rows or 0 for entry in self._paid)

    @property
    def cost(self) -> Decimal:
        return sum((entry.cost or Decimal(0) for entry in self._paid), Decimal(0))

    @property
    def _paid(self) -> list[Moved | Replaced]:
        return [*self.extractions, *self.replaced]


def history_of(database: Database, customer: Customer, rates: Rates, assumptions: Assumptions) -> History:
    """Reads what the ledger holds of a customer."""
    billed = {run.run_id: run for run in billed_runs(database, customer)}
    with database.begin() as connection:
        extractions = [
            Moved(
                row.extraction_id,
                row.approval_event_id,
                row.dataset,
                row.first_day,
                row.last_day,
                row.status,
                row.submitted_at,
                row.loaded_at,
                *_paid(billed.get(row.factory_run_id), rates, assumptions),
            )
            for row in connection.execute(
                sa.select(extraction)
                .where(extraction.c.customer == customer.name)
                .order_by(extraction.c.first_day, extraction.c.last_day, extraction.c.dataset)
            )
        ]
        count = sa.func.count()
        return History(
            _decisions(connection, customer),
            extractions,
            [_replaced(run, rates, assumptions) for run in billed.values() if run.window is None],
            _purges(connection, customer),
            _requests(connection, customer),
            connection.scalar(sa.select(count).where(release.c.customer == customer.name)) or 0,
            connection.scalar(sa.select(count).where(erased_person.c.customer == customer.name)) or 0,
        )


def _decisions(connection: sa.Connection, customer: Customer) -> list[Decision]:
    query = sa.select(approval_event).where(approval_event.c.customer == customer.name)
    return [
        Decision(
            row.event_id,
            row.updated_at,
            State(row.state),
            row.application_id,
            row.application_version,
            row.approver,
            row.expires_at,
            len(ApprovalEvent.model_validate_json(row.event).datasets),
        )
        for row in connection.execute(query.order_by(approval_event.c.updated_at, approval_event.c.sequence))
    ]


def _purges(connection: sa.Connection, customer: Customer) -> list[Deleted]:
    query = sa.select(purge).where(purge.c.customer == customer.name).order_by(purge.c.started_at)
    return [
        Deleted(row.started_at, row.purged_at, row.reason, row.lake_objects, row.lake_bytes, row.mart_rows)
        for row in connection.execute(query)
    ]


def _requests(connection: sa.Connection, customer: Customer) -> list[Asked]:
    query = sa.select(person_request).where(person_request.c.customer == customer.name)
    return [
        Asked(
            row.kind,
            row.started_at,
            row.finished_at,
            row.reason,
            sum(rows or 0 for rows in (row.raw_rows, row.curated_rows, row.mart_rows)),
        )
        for row in connection.execute(query.order_by(person_request.c.started_at))
    ]


def _replaced(run: BilledRun, rates: Rates, assumptions: Assumptions) -> Replaced:
    return Replaced(run.run_id, run.dataset, *_paid(run, rates, assumptions))


def _paid(run: BilledRun | None, rates: Rates, assumptions: Assumptions) -> tuple[int | None, Decimal | None]:
    """Returns how many objects a run was paid for, and what they cost; a dataset without a price has none."""
    if run is None:
        return None, None
    if run.dataset not in catalogue():
        return run.objects, None
    return run.objects, priced(catalogue()[run.dataset], [Decimal(run.objects)], rates, assumptions).cost
