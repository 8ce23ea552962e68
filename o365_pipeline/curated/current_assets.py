"""The assets of the current state on a day, one for each dataset that delivers changes.

What belongs here: these assets as Dagster sees them. The work belongs to `current_state.py`.
"""

import datetime as dt
from collections.abc import Collection
from typing import Any

import dagster as dg

from o365_pipeline.curated.assets import approved_columns, curated_key
from o365_pipeline.curated.current_state import build_current_state, current_path, rebuild_later_states
from o365_pipeline.curated.duckdb_session import duckdb_session
from o365_pipeline.customers.customer import Customers
from o365_pipeline.customers.partitions import customer_days, partition_key
from o365_pipeline.dagster_ui.failures import failures_in_one_line
from o365_pipeline.dagster_ui.labels import DATA_ENGINEERING
from o365_pipeline.dagster_ui.preview import file_page
from o365_pipeline.database.database import Database
from o365_pipeline.datasets import Dataset
from o365_pipeline.datasets.column_schema import curated_schema
from o365_pipeline.errors import LandingError
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.lakes import Lakes
from o365_pipeline.raw.manifest import landed_days


def current_key(dataset: Dataset) -> dg.AssetKey:
    return dg.AssetKey(["curated", str(dataset.current_name)])


def current_asset(dataset: Dataset, asked: Collection[str]) -> dg.AssetsDefinition:
    """Builds the asset that combines the dataset's last full snapshot and the changes since.

    Args:
        asked: the curated names of the columns that a data request names.
    """

    @dg.asset(
        key=current_key(dataset),
        group_name="curated",
        kinds={"parquet", "duckdb"},
        owners=[DATA_ENGINEERING],
        tags={"o365/family": dataset.family},
        backfill_policy=dg.BackfillPolicy.single_run(),
        deps=[curated_key(dataset)],
        metadata={"dagster/column_schema": curated_schema(dataset, dataset.required_key, asked)},
        description=(
            f"{dataset.description} What there is as of the day: of curated/{dataset.asset_name} the last full "
            f"snapshot and the changes since, the last row of each {', '.join(dataset.curated_key)}, without what was "
            "deleted. Days after one that comes late are folded anew with it."
        ),
    )
    def current(
        context: dg.AssetExecutionContext,
        database: dg.ResourceParam[Database],
        lakes: dg.ResourceParam[Lakes],
        customers: dg.ResourceParam[Customers],
    ) -> None:
        with failures_in_one_line():
            work = customer_days(context.partition_keys)
            customer = customers[work.customer]
            lake = lakes.of(customer)
            columns = approved_columns(database, customer, dataset)
            landed = set(landed_days(database, customer.name, dataset, max(work.days)))
            if missing := [str(day) for day in work.days if day not in landed]:
                raise LandingError(
                    f"{dataset.name}: nothing landed for {customer.name} on {', '.join(missing)}; what there is as of "
                    "such a day is what there was as of the last day that landed"
                )
            for day in work.days:
                rows = build_current_state(database, lake, dataset, customer.name, day, columns)
                page = _page(lake, dataset, customer.name, day, rows)
                context.add_asset_metadata(page, partition_key=partition_key(customer.name, day))
            for day, rows in rebuild_later_states(database, lake, dataset, customer.name, work.days, columns):
                context.log_event(
                    dg.AssetMaterialization(
                        asset_key=current_key(dataset),
                        description="Folded anew: a day before it came later.",
                        partition=partition_key(customer.name, day),
                        metadata=_page(lake, dataset, customer.name, day, rows),
                    )
                )

    return current


def _page(lake: Lake, dataset: Dataset, customer: str, day: dt.date, rows: int) -> dict[str, Any]:
    """Returns what the day's page shows of the current state."""
    path = current_path(dataset, customer, day)
    with duckdb_session() as (connection, directory):
        [file] = lake.stage([path], directory)
        return {"dagster/row_count": rows, **file_page(connection, file, path, lake.uri(path))}
