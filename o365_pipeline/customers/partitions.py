"""The partitions of the daily stages: customer x day.

What belongs here: the definitions, the assets that have them, and reading a run's partition keys. Which days are
extracted together belongs to `extraction/windows.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import dagster as dg

from o365_pipeline.dagster_ui.freshness import NIGHTLY

FIRST_DAY = dt.date(2024, 1, 1)
"""The earliest possible first day of a customer; each deployment's partitions begin at its own customers' first day."""

RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"

CUSTOMER_TAG = "o365/customer"
"""The tag of a run that works for a customer; instances use it to limit how many such runs work at once."""

CUSTOMERS = "customer"
"""The name of the dynamic partitions: one for each customer."""

DAILY_STAGES = ("extraction", "raw", "curated", "mart")
"""The stages that work for one customer and some days; their assets' keys begin with these names."""

FRESH_STAGES = ("raw", "curated", "mart")
"""Those of them that hold rows."""

customer_partitions = dg.DynamicPartitionsDefinition(name=CUSTOMERS)


def customers_and_days(first_day: dt.date) -> dg.MultiPartitionsDefinition:
    """A partition for each customer and day (UTC), from the first day on, as soon as the day is over.

    Data Connect has the days of some datasets even later; a request for such a day is answered with the date to try
    again.
    """
    days = dg.DailyPartitionsDefinition(start_date=first_day.isoformat(), end_offset=0)
    return dg.MultiPartitionsDefinition({"customer": customer_partitions, "day": days})


Partitioning = Callable[[dg.AssetSpec], dg.AssetSpec]
"""Gives an asset its partitions."""


def partitioned(first_day: dt.date) -> Partitioning:
    """Gives all assets of the daily stages their partitions, and the greatest age of their rows.

    `dg.map_asset_specs` applies it, since only the top knows the deployment's first day.
    """
    partitions = customers_and_days(first_day)

    def of_stage(spec: dg.AssetSpec) -> dg.AssetSpec:
        stage = spec.key.path[0]
        if stage not in DAILY_STAGES:
            return spec
        return spec.replace_attributes(
            partitions_def=partitions, freshness_policy=NIGHTLY if stage in FRESH_STAGES else None
        )

    return of_stage


@dataclass(frozen=True)
class CustomerDays:
    """The work of one run: one customer, one or several days."""

    customer: str
    days: tuple[dt.date, ...]


def partition_key(customer: str, day: dt.date) -> str:
    """Returns the key of one customer's day, as the UI shows it: contoso|2026-11-16."""
    return str(dg.MultiPartitionKey({"customer": customer, "day": day.isoformat()}))


def range_tags(customer: str, first_day: dt.date, last_day: dt.date) -> Mapping[str, str]:
    """Returns run tags that make one run cover a customer's days from first to last."""
    return {
        CUSTOMER_TAG: customer,
        RANGE_START_TAG: partition_key(customer, first_day),
        RANGE_END_TAG: partition_key(customer, last_day),
    }


def customer_days(keys: Iterable[str]) -> CustomerDays:
    """Returns a run's partition keys as one customer and its days in order.

    Raises:
        dg.Failure: the keys are of several customers; a run works for one, so that data never mixes.
    """
    parsed = [key.keys_by_dimension if isinstance(key, dg.MultiPartitionKey) else _split(key) for key in keys]
    customers = sorted({key["customer"] for key in parsed})
    if len(customers) != 1:
        raise dg.Failure(
            f"one run works for one customer, not for {', '.join(customers)}: launch one run for each",
            allow_retries=False,
        )
    return CustomerDays(customers[0], tuple(sorted(dt.date.fromisoformat(key["day"]) for key in parsed)))


def _split(key: str) -> Mapping[str, str]:
    customer, _, day = key.partition("|")
    return {"customer": customer, "day": day}
