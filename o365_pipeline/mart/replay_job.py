"""The replay job: it curates partitions with rejected rows again, and loads the mart's days from them.

What belongs here: the job as Dagster sees it. Choosing and curating partitions belongs to `curated/replay.py`.
"""

import datetime as dt
from collections.abc import Iterable

import dagster as dg
from pydantic import Field

from o365_pipeline.azure.cloud import Cloud
from o365_pipeline.consent.approval_ledger import datasets_in_force
from o365_pipeline.curated.assets import curated_key
from o365_pipeline.curated.current.current_assets import current_page, folded_anew
from o365_pipeline.curated.quarantine import Selection
from o365_pipeline.curated.replay import Replayed, fold, partitions, replay
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.customers.jobs import customer_job, customer_run
from o365_pipeline.customers.partitions import partition_key
from o365_pipeline.dagster_ui.steps import working_on
from o365_pipeline.database.database import Database
from o365_pipeline.datasets import catalogue
from o365_pipeline.errors import UsageError
from o365_pipeline.mart.assets import materialized
from o365_pipeline.mart.loading import load_day, mark_loaded, stale_days
from o365_pipeline.mart.marts import Marts
from o365_pipeline.raw.lakes import Lakes

REPLAY_JOB = "replay_job"


class ReplayConfig(dg.Config):
    """The rejected rows to read again; a field that is left out does not limit them."""

    customer: str | None = Field(default=None, description="Whose rows; those of all customers where it is null.")
    dataset: str | None = Field(default=None, description="Of which dataset, as Message_v1; of all where it is null.")
    first_day: str | None = Field(default=None, description="From which day on, as 2026-11-16.")
    last_day: str | None = Field(default=None, description="Up to which day, included.")
    reason: str | None = Field(default=None, description="A part of the reason that the rows were rejected for.")

    def selection(self) -> Selection:
        """Returns the selection.

        Raises:
            UsageError: a day is not a date.
        """
        return Selection(
            catalogue()[self.dataset] if self.dataset else None, _day(self.first_day), _day(self.last_day), self.reason
        )


@dg.op(description="Curates partitions with rejected rows anew from the lake's raw files, and loads the mart's days.")
def replay_rejected_rows(
    context: dg.OpExecutionContext,
    config: ReplayConfig,
    database: dg.ResourceParam[Database],
    marts: dg.ResourceParam[Marts],
    lakes: dg.ResourceParam[Lakes],
    customers: dg.ResourceParam[Customers],
    cloud: dg.ResourceParam[Cloud],
) -> None:
    with working_on(context):
        selection = config.selection()
        for customer in [customers[config.customer]] if config.customer else customers:
            found = partitions(lakes, customer, selection)
            context.log.info(f"{customer.name}: {len(found)} partitions with rejected rows are read anew")
            replayed = []
            for entry in replay(database, lakes, customer, found, cloud):
                context.log_event(_materialization(customer, entry))
                context.log.info(
                    f"{customer.name} {entry.dataset.asset_name} {entry.day}: {entry.rejected_before} rows were "
                    f"rejected before, {entry.counts.quarantined} are now"
                )
                replayed.append(entry)
            for dataset, day, rows in fold(database, lakes, customer, replayed):
                page = current_page(lakes.of(customer), dataset, customer.name, day, rows)
                context.log_event(folded_anew(dataset, customer.name, day, page))
            _load(context, marts, lakes, customer, {entry.day for entry in replayed})


replay_job = customer_job(
    REPLAY_JOB,
    replay_rejected_rows,
    ReplayConfig(),
    "Reads rejected rows anew, after what was wrong with reading them was mended: curates their partitions from the "
    "lake's raw files and loads the mart's days. Nothing is extracted; to repeat it does no harm.",
    stage="mart",
)


def replay_request(config: ReplayConfig) -> dg.RunRequest:
    """Requests the run that reads the selected rows again."""
    return customer_run(REPLAY_JOB, replay_rejected_rows, config, config.customer)


def _load(
    context: dg.OpExecutionContext, marts: Marts, lakes: Lakes, customer: Customer, days: Iterable[dt.date]
) -> None:
    """Loads days of the customer's mart again from curated and approved data."""
    loaded: dict[dt.date, frozenset[str]] = {}
    changed = sorted(days)
    stale = stale_days(marts[customer.name], lakes.of(customer), customer.name, changed) if changed else []
    for day in [*changed, *stale]:
        datasets = datasets_in_force(marts.ledger, customer, dt.datetime.now(dt.UTC))
        day_loaded = load_day(marts, lakes.of(customer), customer.name, day, datasets, customer.everyone_names)
        loaded[day] = day_loaded.extractions
        for event in materialized(day_loaded, customer.name, day):
            context.log_event(event)
    if loaded:
        mark_loaded(marts.ledger, customer.name, loaded)


def _materialization(customer: Customer, entry: Replayed) -> dg.AssetMaterialization:
    return dg.AssetMaterialization(
        asset_key=curated_key(entry.dataset),
        description="Read anew by the replay job.",
        partition=partition_key(customer.name, entry.day),
        metadata={
            "dagster/row_count": entry.counts.curated,
            "user_rows": entry.counts.user_rows,
            "quarantined": entry.counts.quarantined,
            "quarantined_before": entry.rejected_before,
        },
    )


def _day(text: str | None) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError:
        raise UsageError(f"{text} is no day: write it as 2026-11-16") from None
