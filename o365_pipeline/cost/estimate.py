"""The estimate: what extracting a data request is likely to cost, before anything is extracted.

What belongs here: pure functions of a data request, a number of users, rates and assumptions. The cost of a customer's
next extraction belongs to `next_extraction.py`, that of past ones belongs to `plan_and_actual.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import dagster as dg

from o365_pipeline.cost.assumptions import Assumptions
from o365_pipeline.cost.rates import DAYS_PER_MONTH, Rates
from o365_pipeline.customers.data_request import DataRequest
from o365_pipeline.datasets import Dataset
from o365_pipeline.extraction.windows import ONE_DAY, Window

SOME_MONDAY = dt.date(2024, 1, 1)
YEAR_DAYS = 364
"""A year of whole weeks, so that every window length meets its share of weekends."""

GIGABYTE = Decimal(10**9)
DATABASE = "GP_S_Gen5_2"
MONTH = DAYS_PER_MONTH / YEAR_DAYS
"""A month as a fraction of that year."""


@dataclass(frozen=True)
class CostLine:
    """The cost of one dataset's runs; for a month, the numbers of runs and units are averages."""

    dataset: str
    objects: Decimal
    runs: Decimal
    units: Decimal
    cost: Decimal
    """Data Connect's charge for the units."""

    factory: Decimal
    """Data Factory's charge for the runs."""

    def times(self, factor: Decimal) -> CostLine:
        return CostLine(
            self.dataset,
            self.objects * factor,
            self.runs * factor,
            self.units * factor,
            self.cost * factor,
            self.factory * factor,
        )


@dataclass(frozen=True)
class Bill:
    """The lines of all datasets."""

    lines: tuple[CostLine, ...]

    @property
    def objects(self) -> Decimal:
        return sum((line.objects for line in self.lines), Decimal(0))

    @property
    def units(self) -> Decimal:
        return sum((line.units for line in self.lines), Decimal(0))

    @property
    def data_connect(self) -> Decimal:
        return sum((line.cost for line in self.lines), Decimal(0))

    @property
    def factory(self) -> Decimal:
        return sum((line.factory for line in self.lines), Decimal(0))

    @property
    def total(self) -> Decimal:
        return self.data_connect + self.factory


@dataclass(frozen=True)
class Estimate:
    """The cost of a data request: once for the history, then every month, by the length of a window in days."""

    users: int
    history_days: int
    currency: str
    once: Mapping[int, Bill]
    """The history, by the length of its windows in days; the pipeline requests it in one window."""

    monthly: Mapping[int, Bill]
    storage: Decimal
    """One month's storage, of lake and database."""

    database: Decimal
    """One month's compute of the database."""

    pipeline: Decimal
    """One month of the pipeline's own containers, with Dagster's database."""

    def history(self) -> Bill:
        """The history as the pipeline requests it: in one window."""
        return self.once[self.history_days]

    def per_month(self, window_days: int) -> Decimal:
        """One month of everything in Azure."""
        return self.monthly[window_days].total + self.storage + self.database + self.pipeline


def estimate(
    request: DataRequest,
    users: int,
    history_days: int,
    rates: Rates,
    assumptions: Assumptions,
    database: str = DATABASE,
    windows: Sequence[int] = (1, 7),
) -> Estimate:
    """Estimates a data request's cost for an organization with that many users, for several window lengths.

    Raises:
        SettingsError: the rates do not know the database, or there is no assumption about a dataset.
    """
    datasets = [requested.dataset for requested in request.datasets]

    def history(days: int) -> Bill:
        return Bill(
            tuple(
                cost_line(
                    dataset, history_windows(dataset, history_days, days), users, rates, assumptions, holds_nothing=True
                )
                for dataset in datasets
            )
        )

    def monthly(days: int) -> Bill:
        asked = year_windows(days)
        return Bill(tuple(cost_line(dataset, asked, users, rates, assumptions).times(MONTH) for dataset in datasets))

    once = {days: history(days) for days in sorted({*windows, history_days})}
    each = {days: monthly(days) for days in windows}
    held = _held(datasets, once[history_days], each[windows[0]], assumptions)
    stored = _storage(datasets, held, rates, assumptions)
    holding = assumptions.holding
    compute = rates.database_month(database, holding.database_hours_per_day, holding.database_share)
    own = assumptions.pipeline
    containers = rates.pipeline_month(own.cpus, own.memory_gib, own.share_at_work)
    return Estimate(users, history_days, rates.currency, once, each, stored, compute, containers)


def year_windows(days: int) -> list[Window]:
    """Returns a year in windows of that many days."""
    return split_window(Window(SOME_MONDAY, SOME_MONDAY + ONE_DAY * (YEAR_DAYS - 1)), days)


def split_window(whole: Window, days: int) -> list[Window]:
    """Splits a window into windows of that many days; the last one may be shorter."""
    every = whole.days
    starts = range(0, len(every), days)
    return [Window(every[start], every[min(start + days, len(every)) - 1]) for start in starts]


def cost_line(
    dataset: Dataset,
    windows: Iterable[Window],
    users: int,
    rates: Rates,
    assumptions: Assumptions,
    *,
    holds_nothing: bool = False,
) -> CostLine:
    """Returns the cost of one run for each window.

    Args:
        holds_nothing: whether the first run of a snapshot dataset requests everything, as there is no snapshot
            before it.
    """
    each = objects_of_runs(dataset, windows, users, assumptions, holds_nothing=holds_nothing)
    return priced(dataset, each, rates, assumptions)


def objects_of_runs(
    dataset: Dataset, windows: Iterable[Window], users: int, assumptions: Assumptions, *, holds_nothing: bool
) -> list[Decimal]:
    """Returns how many objects one run for each window extracts."""
    return [
        assumed_objects(dataset, window, users, assumptions, is_first=holds_nothing and place == 0)
        for place, window in enumerate(windows)
    ]


def assumed_objects(
    dataset: Dataset, window: Window, users: int, assumptions: Assumptions, *, is_first: bool = False
) -> Decimal:
    """Returns how many objects one run extracts: those of the window, or all of them if the dataset cannot be
    sliced.
    """
    volume = assumptions.of(dataset)
    if dataset.slicing == "none" or (dataset.slicing == "snapshot" and is_first):
        return volume.at_any_time(users)
    return volume.per_user_day * users * assumptions.calendar.working_days(window)


def priced(dataset: Dataset, objects_of_runs: Sequence[Decimal], rates: Rates, assumptions: Assumptions) -> CostLine:
    """Returns the cost of some runs of a dataset; each run is rounded up to whole units."""
    units = sum(rates.units(dataset, objects) for objects in objects_of_runs)
    runs = len(objects_of_runs)
    cost = rates.of(dataset).price * units
    return CostLine(
        dataset.name,
        sum(objects_of_runs, Decimal(0)),
        Decimal(runs),
        Decimal(units),
        cost,
        runs * cost_of_run(rates, assumptions),
    )


def cost_of_run(rates: Rates, assumptions: Assumptions) -> Decimal:
    """Returns Data Factory's charge for a run, whatever it extracts."""
    factory = assumptions.factory
    return rates.activity_run.cost(Decimal(factory.activities_per_run)) + rates.data_movement.cost(
        factory.unit_hours_per_run
    )


def history_windows(dataset: Dataset, history_days: int, window_days: int) -> list[Window]:
    """Returns the windows of the history, as far back as Data Connect has the dataset."""
    there = history_days
    if dataset.history_days is not None:
        there = min(history_days, dataset.history_days - max(dataset.delay_days, 1) + 1)
    return split_window(Window(SOME_MONDAY, SOME_MONDAY + ONE_DAY * (there - 1)), window_days)


def _held(datasets: Sequence[Dataset], once: Bill, month: Bill, assumptions: Assumptions) -> dict[str, Decimal]:
    """Returns, by dataset, the average number of objects that are kept, including those that every run delivers
    again.
    """
    return {
        dataset.name: first.objects + each.objects * assumptions.holding.months
        for dataset, first, each in zip(datasets, once.lines, month.lines, strict=True)
    }


def _storage(
    datasets: Iterable[Dataset], held: Mapping[str, Decimal], rates: Rates, assumptions: Assumptions
) -> Decimal:
    landed = sum((held[dataset.name] * assumptions.of(dataset).bytes_per_object for dataset in datasets), Decimal(0))
    loaded = sum(held.values(), Decimal(0)) * assumptions.holding.mart_bytes_per_object
    return rates.lake_storage.cost(landed * assumptions.holding.lake_share / GIGABYTE) + rates.database_storage.cost(
        loaded / GIGABYTE
    )


def window_days(cron: str) -> int:
    """Returns how many days a schedule extracts at a time, on average; at least one, since no day is extracted
    twice.
    """
    end = SOME_MONDAY + ONE_DAY * YEAR_DAYS
    times = dg.TimeWindowPartitionsDefinition(
        start=f"{SOME_MONDAY}-00:00", end=f"{end}-00:00", cron_schedule=cron, fmt="%Y-%m-%d-%H:%M"
    )
    return max(1, round(YEAR_DAYS / (len(times.get_partition_keys()) + 1)))
