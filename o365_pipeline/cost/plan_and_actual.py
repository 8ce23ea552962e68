"""Plan and actual: what a customer's extractions should cost by the assumptions, compared with what they did cost.

What belongs here: both, by dataset, from the ledger. Showing them in Dagster belongs to `cost/assets.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa

from o365_pipeline.cost.assumptions import Assumptions
from o365_pipeline.cost.estimate import CostLine, assumed_objects, priced
from o365_pipeline.cost.extraction_history import people_of
from o365_pipeline.cost.rates import Rates
from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import extraction, landing, operation
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.extraction.windows import ONE_DAY, Window

MORE_THAN_PLANNED = Decimal("0.25")


@dataclass(frozen=True)
class BilledRun:
    """A factory run that delivered objects, whatever happened to them later."""

    dataset: str
    window: Window | None
    """Its days; None for a run that another run has replaced."""

    objects: int
    run_id: str


@dataclass(frozen=True)
class Compared:
    """The planned and the actual cost of one dataset's runs."""

    dataset: str
    planned: CostLine
    actual: CostLine

    @property
    def percent(self) -> Decimal | None:
        """How many percent more (or less) was paid than planned; None if nothing was planned."""
        return more_than(self.planned.cost, self.actual.cost)


@dataclass(frozen=True)
class PlanAndActual:
    """All datasets of a customer of which something was extracted."""

    users: int
    datasets: tuple[Compared, ...]

    @property
    def planned(self) -> Decimal:
        return sum((compared.planned.cost for compared in self.datasets), Decimal(0))

    @property
    def actual(self) -> Decimal:
        return sum((compared.actual.cost for compared in self.datasets), Decimal(0))

    @property
    def percent(self) -> Decimal | None:
        return more_than(self.planned, self.actual)

    @property
    def is_within_plan(self) -> bool:
        return self.actual <= self.planned * (1 + MORE_THAN_PLANNED)


def more_than(planned: Decimal, actual: Decimal) -> Decimal | None:
    """Returns by how many percent the actual cost is higher than planned; None if nothing was planned."""
    return (actual - planned) / planned * 100 if planned else None


def plan_and_actual(
    database: Database, customer: Customer, rates: Rates, assumptions: Assumptions, users: int | None = None
) -> PlanAndActual:
    """Compares a customer's extractions with the assumptions for the same days.

    Args:
        users: the number of users; by default as many as Microsoft counted, or as are assumed.
    """
    users = users or people_of(database, customer) or assumptions.organisation.users
    compared = []
    for name, runs in _by_dataset(billed_runs(database, customer)).items():
        dataset = catalogue()[name]
        planned = _assumed(dataset, runs, users, assumptions)
        actual = [Decimal(run.objects) for run in runs]
        compared.append(
            Compared(name, priced(dataset, planned, rates, assumptions), priced(dataset, actual, rates, assumptions))
        )
    return PlanAndActual(users, tuple(compared))


def billed_runs(database: Database, customer: Customer) -> list[BilledRun]:
    """Returns the runs that delivered objects, including those of purged data and replaced runs.

    Microsoft's own count takes precedence over the factory's, and that over the landed rows. A record of Microsoft's
    without a run id cannot be matched with a run and is left out.
    """
    runs = (
        sa.select(
            extraction.c.dataset,
            extraction.c.first_day,
            extraction.c.last_day,
            extraction.c.factory_run_id,
            sa.func.coalesce(extraction.c.rows_reported, landing.c.rows_landed).label("rows"),
        )
        .outerjoin(landing, landing.c.factory_run_id == extraction.c.factory_run_id)
        .where(extraction.c.customer == customer.name, extraction.c.factory_run_id.is_not(None))
        .order_by(extraction.c.last_day, extraction.c.first_day)
    )
    records = (
        sa.select(operation.c.pipeline_run_id, operation.c.dataset, operation.c.rows_counted)
        .where(operation.c.customer == customer.name, operation.c.pipeline_run_id.is_not(None))
        .where(operation.c.rows_counted.is_not(None))
        .order_by(operation.c.sequence)
    )
    with database.begin() as connection:
        counted = {row.pipeline_run_id: row for row in connection.execute(records)}
        found = []
        for row in connection.execute(runs):
            record = counted.pop(row.factory_run_id, None)
            objects = record.rows_counted if record else row.rows
            if objects is not None:
                found.append(BilledRun(row.dataset, Window(row.first_day, row.last_day), objects, row.factory_run_id))
    return [*found, *(BilledRun(row.dataset, None, row.rows_counted, row.pipeline_run_id) for row in counted.values())]


def _by_dataset(runs: Iterable[BilledRun]) -> Mapping[str, Sequence[BilledRun]]:
    """Returns the runs of datasets in the catalogue, by dataset."""
    found: dict[str, list[BilledRun]] = {}
    for run in runs:
        if run.dataset in catalogue():
            found.setdefault(run.dataset, []).append(run)
    return found


def _assumed(dataset: Dataset, runs: Sequence[BilledRun], users: int, assumptions: Assumptions) -> list[Decimal]:
    """Returns the assumed cost of the runs' windows; a replaced run was not planned."""
    windows = [run.window for run in runs if run.window]
    ends = {window.last_day for window in windows}
    return [
        assumed_objects(dataset, window, users, assumptions, is_first=window.first_day - ONE_DAY not in ends)
        for window in windows
    ]
