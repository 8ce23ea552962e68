"""Retention: how long each stage keeps a customer's data, and which data counts as deleted because of its age.

What belongs here: the settings, and the days that they keep, as of a day and as the ledger records them. Which customer
is due is decided in `purge/retention.py`; deleting belongs to `purge/deletion.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Self

import sqlalchemy as sa
from pydantic import BaseModel, Field, model_validator

from o365_pipeline.database.database import Database
from o365_pipeline.database.deletion_ledger import retention
from o365_pipeline.database.ledger import id_batches, put
from o365_pipeline.errors import UsageError

MOST_DAYS = 3_650
"""Ten years: whoever wants more keeps data without a purpose."""

DAYS_BEFORE = 7
"""A day of the mart is made of curated files of that many days before it, beside its own."""


class Retention(BaseModel):
    """How long a customer's data is kept."""

    keep_raw_days: int = Field(
        default=90, ge=1, le=MOST_DAYS, description="Customer: days that raw files are kept after they landed."
    )
    keep_quarantine_days: int = Field(
        default=30,
        ge=1,
        le=MOST_DAYS,
        description="Customer: days that rejected rows and Data Connect's reports on mailboxes are kept after they "
        "landed; no more than raw files.",
    )
    keep_curated_days: int = Field(
        default=740,
        ge=1 + DAYS_BEFORE,
        le=MOST_DAYS,
        description="Customer: days that curated files are kept after the day they are about; a week more than the "
        "mart's.",
    )
    keep_mart_days: int = Field(
        default=730, ge=1, le=MOST_DAYS, description="Customer: days that a day is kept in the mart."
    )
    keep_snapshots_days: int = Field(
        default=400,
        ge=7,
        le=MOST_DAYS,
        description="Customer: days for which each day of the mart has all people, groups and sites; of older weeks "
        "one day has, and the others have those that their rows lead to.",
    )
    legal_hold: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Customer: the reason, without names, for which nothing of the customer is deleted while it stands "
        "here.",
        examples=["case 2026-114"],
    )

    @model_validator(mode="after")
    def _stages_are_kept_while_others_need_them(self) -> Self:
        if self.keep_quarantine_days > self.keep_raw_days:
            raise ValueError(
                f"keep_quarantine_days ({self.keep_quarantine_days}) is more than keep_raw_days "
                f"({self.keep_raw_days}): rejected rows are read again from raw files"
            )
        if self.keep_raw_days > self.keep_curated_days:
            raise ValueError(
                f"keep_raw_days ({self.keep_raw_days}) is more than keep_curated_days ({self.keep_curated_days}): "
                "nothing of a day outlives its curated files"
            )
        if self.keep_mart_days + DAYS_BEFORE > self.keep_curated_days:
            raise ValueError(
                f"keep_curated_days ({self.keep_curated_days}) is less than keep_mart_days ({self.keep_mart_days}) and "
                f"{DAYS_BEFORE} days: a day of the mart is made of them, also when a person is taken out of it"
            )
        return self

    def days_kept(self) -> str:
        """Says how long each stage is kept."""
        return (
            f"raw files {self.keep_raw_days} days and rejected rows {self.keep_quarantine_days} days after they "
            f"landed; curated files {self.keep_curated_days} days and the mart's rows {self.keep_mart_days} days after "
            "their day"
        )

    def check_may_delete(self) -> None:
        """Checks that the customer's data may be deleted.

        Raises:
            UsageError: a legal hold forbids it.
        """
        if self.legal_hold:
            raise UsageError(
                f"nothing is deleted under the legal hold ({self.legal_hold}): it is lifted by taking legal_hold out "
                "of the customer's settings"
            )

    def check_any_is_kept(self, stage: str, days: Iterable[dt.date], today: dt.date) -> None:
        """Checks that what is to be made is not deleted again at once.

        Raises:
            UsageError: all of the days are older than the stage keeps.
        """
        first_kept: dt.date = getattr(Horizon.of(self, today), stage)
        if (newest := max(days)) < first_kept:
            raise UsageError(
                f"{newest} is older than keep_{stage}_days lets it be: what is kept begins with {first_kept}"
            )


@dataclass(frozen=True)
class Horizon:
    """The first days that are kept: of raw files and quarantine, the day when they landed; of curated files and the
    mart, the day that they are about; of snapshots, the first day in the mart that is whole.

    No file in the lake is kept that is about a day before the curated one, whenever it landed.
    """

    raw: dt.date = dt.date.min
    quarantine: dt.date = dt.date.min
    curated: dt.date = dt.date.min
    mart: dt.date = dt.date.min
    snapshots: dt.date = dt.date.min

    @classmethod
    def of(cls, kept: Retention, today: dt.date) -> Self:
        """Returns what is kept on a day."""
        days = {name: today - dt.timedelta(days=getattr(kept, f"keep_{name}_days")) for name in STAGES}
        # What the mart does not have is not to be thinned.
        return cls(**{**days, "snapshots": max(days["snapshots"], days["mart"])})

    def or_later(self, other: Horizon) -> Horizon:
        """Returns the later day of each stage: what was deleted once stays so."""
        return Horizon(**{name: max(getattr(self, name), getattr(other, name)) for name in STAGES})


STAGES = tuple(field.name for field in fields(Horizon))


def recorded_horizons(database: Database, customers: Sequence[str]) -> dict[str, Horizon]:
    """Returns the horizon of each customer; nothing was deleted because of its age of those that the ledger lacks."""
    with database.begin() as connection:
        found = {
            row.customer: Horizon(**{name: getattr(row, f"{name}_before") for name in STAGES})
            for names in id_batches(customers)
            for row in connection.execute(sa.select(retention).where(retention.c.customer.in_(names)))
        }
    return {name: found.get(name, Horizon()) for name in customers}


def recorded_horizon(database: Database, customer: str) -> Horizon:
    return recorded_horizons(database, [customer])[customer]


def record_horizon(connection: sa.Connection, customer: str, horizon: Horizon) -> None:
    """Records what counts as deleted from now on."""
    days = {f"{name}_before": getattr(horizon, name) for name in STAGES}
    put(connection, retention, {"customer": customer, **days})
