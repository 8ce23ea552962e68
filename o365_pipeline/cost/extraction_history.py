"""A customer's own extraction history, as a forecast: how many people there are, and how many objects a run has.

What belongs here: reading that from the ledger. If there is no history, `assumptions.py` is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa

from o365_pipeline.cost.assumptions import Calendar
from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import extraction, landing, operation
from o365_pipeline.datasets import Dataset
from o365_pipeline.extraction.extraction_ledger import WITHOUT_DATA
from o365_pipeline.extraction.windows import ONE_DAY, Window


@dataclass(frozen=True)
class Landed:
    """The rows of one landing."""

    window: Window
    rows: int


@dataclass(frozen=True)
class History:
    """A customer's landings by dataset, the oldest first."""

    landings: Mapping[str, Sequence[Landed]]

    def objects(self, dataset: Dataset, window: Window, calendar: Calendar, *, is_first: bool) -> Decimal | None:
        """Returns how many objects a run of the window will have, as far as earlier landings show.

        Args:
            is_first: whether a snapshot dataset is requested whole.
        """
        found = self.landings.get(dataset.name, ())
        if dataset.slicing == "none":
            return Decimal(found[-1].rows) if found else None
        if dataset.slicing == "snapshot":
            ends = {entry.window.last_day for entry in found}
            whole = [entry for entry in found if entry.window.first_day - ONE_DAY not in ends]
            if is_first:
                return Decimal(whole[-1].rows) if whole else None
            found = [entry for entry in found if entry not in whole]
        days = sum((calendar.working_days(entry.window) for entry in found), Decimal(0))
        rows = sum(entry.rows for entry in found)
        return rows / days * calendar.working_days(window) if days else None


def history_of(database: Database, customer: Customer) -> History:
    """Returns the landings of a customer that were not purged."""
    query = (
        sa.select(extraction.c.dataset, extraction.c.first_day, extraction.c.last_day, landing.c.rows_landed)
        .join_from(landing, extraction, extraction.c.extraction_id == landing.c.extraction_id)
        .where(extraction.c.customer == customer.name, extraction.c.status.not_in(WITHOUT_DATA))
        .order_by(extraction.c.last_day, extraction.c.first_day)
    )
    landings: dict[str, list[Landed]] = {}
    with database.begin() as connection:
        for row in connection.execute(query):
            landed = Landed(Window(row.first_day, row.last_day), row.rows_landed)
            landings.setdefault(row.dataset, []).append(landed)
    return History(landings)


def people_of(database: Database, customer: Customer) -> int | None:
    """Returns how many people the customer's extractions covered, as Microsoft counted; None if it has not counted
    yet.
    """
    query = sa.select(sa.func.max(operation.c.people_requested)).where(operation.c.customer == customer.name)
    with database.begin() as connection:
        people: int | None = connection.scalar(query)
    return people
