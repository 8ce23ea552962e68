"""Assumptions: how many objects there are, and how large, where nothing has been measured.

What belongs here: the model and its reading. What is made of them belongs to `estimate.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from pydantic import Field

from o365_pipeline.cost.reference_data import DatedFacts, Told, read_facts, shipped_text
from o365_pipeline.datasets import Dataset
from o365_pipeline.errors import SettingsError
from o365_pipeline.extraction.windows import Window

ASSUMPTIONS_FILE = "assumptions.toml"
MINUTES_PER_HOUR = 60


class Organisation(Told):
    """How large an organisation is of which nothing is known."""

    users: int = Field(ge=1)


class Calendar(Told):
    """When people work."""

    working_days_per_week: int = Field(ge=1, le=7)
    weekend_share: Decimal = Field(ge=0, le=1)

    def working_days(self, window: Window) -> Decimal:
        """A window's days, those at weekends as the part of a working day that they are."""
        working = sum(day.weekday() < self.working_days_per_week for day in window.days)
        return working + (len(window.days) - working) * self.weekend_share


class Factory(Told):
    """What one run of a factory takes."""

    activities_per_run: int = Field(ge=1)
    data_integration_units: int = Field(ge=2)
    minutes_per_run: Decimal = Field(gt=0)

    @property
    def unit_hours_per_run(self) -> Decimal:
        return self.data_integration_units * self.minutes_per_run / MINUTES_PER_HOUR


class Holding(Told):
    """How long and how large data is held, and how busy the mart's database is."""

    months: Decimal = Field(ge=0)
    lake_share: Decimal = Field(ge=1)
    mart_bytes_per_object: Decimal = Field(ge=0)
    database_hours_per_day: Decimal = Field(ge=0, le=24)
    database_share: Decimal = Field(gt=0, le=1)


class Volume(Told):
    """How many objects a dataset has."""

    per_user_day: Decimal = Field(default=Decimal(0), ge=0)
    per_user: Decimal = Field(default=Decimal(0), ge=0)
    per_organisation: Decimal = Field(default=Decimal(0), ge=0)
    bytes_per_object: Decimal = Field(gt=0)

    def at_any_time(self, users: int) -> Decimal:
        return self.per_user * users + self.per_organisation


class Assumptions(DatedFacts):
    """All that is taken for granted until something has landed."""

    organisation: Organisation
    calendar: Calendar
    factory: Factory
    holding: Holding
    datasets: Mapping[str, Volume]

    def of(self, dataset: Dataset) -> Volume:
        """The dataset's volume.

        Raises:
            SettingsError: nothing is assumed of it.
        """
        if volume := self.datasets.get(dataset.asset_name):
            return volume
        raise SettingsError(
            f"nothing is assumed of {dataset.name}: add [datasets.{dataset.asset_name}] to a copy of the assumptions "
            "and name it with --assumptions"
        )


def read_assumptions(path: Path | None = None) -> Assumptions:
    """Read assumptions from TOML; the shipped ones if there is no path.

    Raises:
        SettingsError: the file cannot be read, or something in it is missing or wrong; the message names file and key.
    """
    return read_facts(Assumptions, path, ASSUMPTIONS_FILE)


def shipped_assumptions() -> str:
    """The shipped assumptions as TOML."""
    return shipped_text(ASSUMPTIONS_FILE)
