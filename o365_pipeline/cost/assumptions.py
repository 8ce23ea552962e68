"""Assumptions: how many objects there are, and how large, if nothing has been measured.

What belongs here: the model, and reading it. Computing with it belongs to `estimate.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from pydantic import Field

from o365_pipeline.cost.reference_data import DatedFact, DatedFacts, read_facts, shipped_text
from o365_pipeline.datasets import Dataset
from o365_pipeline.errors import SettingsError
from o365_pipeline.extraction.windows import Window

ASSUMPTIONS_FILE = "assumptions.toml"
MINUTES_PER_HOUR = 60


class Organisation(DatedFact):
    """The size of an organization of which nothing is known."""

    users: int = Field(ge=1)


class Calendar(DatedFact):
    """The days on which people work."""

    working_days_per_week: int = Field(ge=1, le=7)
    weekend_share: Decimal = Field(ge=0, le=1)

    def working_days(self, window: Window) -> Decimal:
        """Counts a window's days; a weekend day counts as a fraction of a working day."""
        days = window.days
        working = sum(day.weekday() < self.working_days_per_week for day in days)
        return working + (len(days) - working) * self.weekend_share


class Factory(DatedFact):
    """The resources that one factory run uses."""

    activities_per_run: int = Field(ge=1)
    data_integration_units: int = Field(ge=2)
    minutes_per_run: Decimal = Field(gt=0)

    @property
    def unit_hours_per_run(self) -> Decimal:
        return self.data_integration_units * self.minutes_per_run / MINUTES_PER_HOUR


class Holding(DatedFact):
    """How long data is kept, its size, and how busy the mart's database is."""

    months: Decimal = Field(ge=0)
    lake_share: Decimal = Field(ge=1)
    mart_bytes_per_object: Decimal = Field(ge=0)
    database_hours_per_day: Decimal = Field(ge=0, le=24)
    database_share: Decimal = Field(gt=0, le=1)


class Pipeline(DatedFact):
    """The containers that always run."""

    cpus: Decimal = Field(ge=0)
    memory_gib: Decimal = Field(ge=0)
    share_at_work: Decimal = Field(ge=0, le=1)


class Volume(DatedFact):
    """The number of objects of a dataset."""

    per_user_day: Decimal = Field(default=Decimal(0), ge=0)
    per_user: Decimal = Field(default=Decimal(0), ge=0)
    per_organisation: Decimal = Field(default=Decimal(0), ge=0)
    bytes_per_object: Decimal = Field(gt=0)

    def at_any_time(self, users: int) -> Decimal:
        return self.per_user * users + self.per_organisation


class Assumptions(DatedFacts):
    """Everything that is assumed until something has landed."""

    organisation: Organisation
    calendar: Calendar
    factory: Factory
    holding: Holding
    pipeline: Pipeline
    datasets: Mapping[str, Volume]

    def of(self, dataset: Dataset) -> Volume:
        """Returns the dataset's volume.

        Raises:
            SettingsError: there is no assumption about it.
        """
        if volume := self.datasets.get(dataset.asset_name):
            return volume
        raise SettingsError(
            f"nothing is assumed of {dataset.name}: add [datasets.{dataset.asset_name}] to a copy of the assumptions "
            "and name it with --assumptions"
        )


def read_assumptions(path: Path | None = None) -> Assumptions:
    """Reads assumptions from TOML; the shipped ones if there is no path.

    Raises:
        SettingsError: the file cannot be read, or something in it is missing or wrong; the message names file and
            key.
    """
    return read_facts(Assumptions, path, ASSUMPTIONS_FILE)


def shipped_assumptions() -> str:
    """Returns the shipped assumptions as TOML."""
    return shipped_text(ASSUMPTIONS_FILE)
