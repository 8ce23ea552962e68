"""Rates: the prices of Data Connect and Azure, as dated data.

What belongs here: the model, reading it, and the price of an amount. The amounts belong to `estimate.py`.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from pydantic import Field

from o365_pipeline.cost.reference_data import DatedFact, DatedFacts, read_facts, shipped_text
from o365_pipeline.datasets import Dataset
from o365_pipeline.errors import SettingsError

RATES_FILE = "rates.toml"

DAYS_PER_MONTH = Decimal(365) / 12
HOURS_PER_DAY, SECONDS_PER_HOUR = 24, 3_600


class Rate(DatedFact):
    """The price of a number of units."""

    price: Decimal = Field(ge=0)
    per: int = Field(ge=1)
    unit: str

    def cost(self, amount: Decimal) -> Decimal:
        return self.price * amount / self.per

    def units(self, amount: Decimal) -> int:
        """Returns how many units are billed if a part of a unit is billed as a whole one."""
        return math.ceil(amount / self.per)


class Free(DatedFact):
    """Datasets that cost nothing, by the names of their assets."""

    datasets: tuple[str, ...]


class Rates(DatedFacts):
    """All prices of an extraction and an installation."""

    currency: str = Field(pattern=r"^[A-Z]{3}$")
    data_connect: Rate
    data_connect_datasets: Mapping[str, Rate] = {}
    data_connect_free: Free
    activity_run: Rate
    data_movement: Rate
    lake_storage: Rate
    database_storage: Rate
    container_cpu: Rate
    container_memory: Rate
    dagster_database: Rate
    databases: Mapping[str, Rate]
    exchange: Mapping[str, Rate] = {}

    def is_free(self, dataset: Dataset) -> bool:
        return dataset.asset_name in self.data_connect_free.datasets

    def of(self, dataset: Dataset) -> Rate:
        """Returns Data Connect's rate for the dataset's objects if they are not free."""
        return self.data_connect_datasets.get(dataset.asset_name, self.data_connect)

    def units(self, dataset: Dataset, objects: Decimal) -> int:
        """Returns how many units are billed for one run of that many objects; none if the dataset is free."""
        return 0 if self.is_free(dataset) else self.of(dataset).units(objects)

    def database_month(self, objective: str, hours_per_day: Decimal, share: Decimal) -> Decimal:
        """Returns one month's cost of the database's compute.

        Args:
            hours_per_day: how long a serverless database is awake.
            share: the share of its vCores that it uses then, up to 1.

        Raises:
            SettingsError: the rates do not know the service objective.
        """
        rate, cores = self._database(objective)
        days = {
            "vCore-hour": cores * share * hours_per_day * DAYS_PER_MONTH,
            "vCore-month": cores,
            "day": DAYS_PER_MONTH,
        }
        return rate.cost(days[rate.unit])

    def pipeline_month(self, cpus: Decimal, memory_gib: Decimal, share_at_work: Decimal) -> Decimal:
        """Returns one month's cost of the containers, and of the database that Dagster keeps its runs in."""
        hours = DAYS_PER_MONTH * HOURS_PER_DAY
        seconds = hours * SECONDS_PER_HOUR
        containers = self.container_cpu.cost(cpus * share_at_work * seconds)
        return containers + self.container_memory.cost(memory_gib * seconds) + self.dagster_database.cost(hours)

    def _database(self, objective: str) -> tuple[Rate, Decimal]:
        if rate := self.databases.get(objective):
            return rate, Decimal(1)
        sized = re.fullmatch(r"(.+)_(\d+)", objective)
        if sized and (rate := self.databases.get(sized[1])):
            return rate, Decimal(sized[2])
        raise SettingsError(
            f"no rate for the database {objective}; there are {', '.join(self.databases)}: add [databases.{objective}] "
            "to a copy of the rates and name it with --rates"
        )

    def in_currency(self, amount: Decimal, currency: str) -> Decimal:
        """Converts an amount into another currency.

        Raises:
            SettingsError: the rates have no exchange rate for that currency.
        """
        if currency == self.currency:
            return amount
        if rate := self.exchange.get(currency):
            return amount / rate.cost(Decimal(1))
        raise SettingsError(
            f"the rates are in {self.currency} and do not say what {currency} is worth: add [exchange.{currency}] to a "
            "copy of the rates and name it with --rates"
        )

    @property
    def dated(self) -> dt.date:
        """The oldest date among the rates."""
        return min(fact.dated for fact in self.facts.values())


def read_rates(path: Path | None = None) -> Rates:
    """Reads rates from TOML; the shipped ones if there is no path.

    Raises:
        SettingsError: the file cannot be read, or something in it is missing or wrong; the message names file and
            key.
    """
    return read_facts(Rates, path, RATES_FILE)


def shipped_rates() -> str:
    """Returns the shipped rates as TOML."""
    return shipped_text(RATES_FILE)
