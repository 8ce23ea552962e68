"""How everything is partitioned: customer x day.

What belongs here: the definitions, and the reading of a run's partition keys. Which days are extracted together belongs
to `extraction/windows.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import dagster as dg

FIRST_DAY = dt.date(2024, 1, 1)
"""The first day that the UI offers as a partition."""

RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"

CUSTOMERS = "customer"
"""The name of the dynamic partitions: one for each customer."""

customer_partitions = dg.DynamicPartitionsDefinition(name=CUSTOMERS)
day_partitions = dg.DailyPartitionsDefinition(start_date=FIRST_DAY.isoformat())
customer_day_partitions = dg.MultiPartitionsDefinition({"customer": customer_partitions, "day": day_partitions})


@dataclass(frozen=True)
class CustomerDays:
    """What one run works on: one customer, one or several days."""

    customer: str
    days: tuple[dt.date, ...]


def partition_key(customer: str, day: dt.date) -> str:
    """The key of one customer's day, as the UI shows it: contoso|2026-11-16."""
    return str(dg.MultiPartitionKey({"customer": customer, "day": day.isoformat()}))


def range_tags(customer: str, first_day: dt.date, last_day: dt.date) -> Mapping[str, str]:
    """Run tags that make one run cover a customer's days from first to last."""
    return {
        RANGE_START_TAG: partition_key(customer, first_day),
        RANGE_END_TAG: partition_key(customer, last_day),
    }


def customer_days(keys: Iterable[str]) -> CustomerDays:
    """A run's partition keys as one customer and its days in order.

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
