"""Replay: rejected rows are read again from the landing's files, after the cause of their rejection was fixed.

What belongs here: curating a customer's partitions again. Loading the mart from them, and the job as Dagster sees it,
belong to `mart/replay_job.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from o365_pipeline.azure.cloud import Cloud
from o365_pipeline.curated.assets import approved_columns, newest_landings
from o365_pipeline.curated.curation import Counts, curate
from o365_pipeline.curated.current.current_state import rebuild_states
from o365_pipeline.curated.people import people_of
from o365_pipeline.curated.quarantine import Selection, opened, summary
from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.database import Database
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.raw.lakes import Lakes
from o365_pipeline.raw.manifest import distinct_landings


@dataclass(frozen=True)
class Replayed:
    """A partition that was curated again: how many of its rows were rejected before, and where they are now."""

    dataset: Dataset
    day: dt.date
    rejected_before: int
    counts: Counts


def partitions(lakes: Lakes, customer: Customer, selection: Selection) -> dict[tuple[str, dt.date], int]:
    """Returns the customer's partitions with selected rejected rows, and the total number of rejected rows in each."""
    with opened(lakes, [customer], selection) as connection:
        chosen = {(found.dataset, found.day) for found in summary(connection)}
    everything = Selection(selection.dataset, selection.first_day, selection.last_day)
    with opened(lakes, [customer], everything) as connection:
        rows = connection.execute("SELECT dataset, day, count(*) FROM quarantine GROUP BY ALL ORDER BY ALL").fetchall()
    return {(dataset, day): count for dataset, day, count in rows if (dataset, day) in chosen}


def replay(
    database: Database, lakes: Lakes, customer: Customer, found: dict[tuple[str, dt.date], int], cloud: Cloud
) -> Iterator[Replayed]:
    """Curates partitions again, with the columns of the approval in force; skips those whose landing is gone.

    Raises:
        NotAuthorizedError: no approval in force covers one of the datasets.
    """
    lake = lakes.of(customer)
    people = people_of(database, lake, customer, cloud)
    for dataset in [catalogue()[name] for name in sorted({name for name, _ in found})]:
        days = sorted(day for name, day in found if name == dataset.asset_name)
        landings = newest_landings(database, lake, customer, dataset, days)
        for landed in distinct_landings(landings.values()):
            version = catalogue()[landed.manifest.dataset]
            columns = approved_columns(database, customer, version)
            of_landing = [day for day in days if landings.get(day) is landed]
            for day, counts in curate(lake, version, landed, of_landing, columns, people).counts.items():
                yield Replayed(version, day, found[dataset.asset_name, day], counts)


def fold(
    database: Database, lakes: Lakes, customer: Customer, replayed: Sequence[Replayed]
) -> Iterator[tuple[Dataset, dt.date, int]]:
    """Writes anew what there is as of the replayed days and of those after them; yields each with its rows' number."""
    for dataset in sorted({entry.dataset for entry in replayed if entry.dataset.current_name}, key=lambda it: it.name):
        days = {entry.day for entry in replayed if entry.dataset == dataset}
        columns = approved_columns(database, customer, dataset)
        for day, rows in rebuild_states(database, lakes.of(customer), dataset, customer.name, days, columns):
            yield dataset, day, rows
