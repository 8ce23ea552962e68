"""The assets of the current state on a day, one for each dataset that delivers changes.

What belongs here: these assets as Dagster sees them. The work belongs to `current_state.py`.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any

import dagster as dg

from o365_pipeline.curated.assets import approved_columns, curated_key
from o365_pipeline.curated.current.current_state import current_folder, rebuild_states
from o365_pipeline.curated.day_files import parts_of
from o365_pipeline.customers.customer import Customers
from o365_pipeline.customers.partitions import customer_days, partition_key
from o365_pipeline.dagster_ui.labels import DATA_ENGINEERING
from o365_pipeline.dagster_ui.partition_pages import show_on_page
from o365_pipeline.dagster_ui.preview import file_page
from o365_pipeline.dagster_ui.steps import working_on
from o365_pipeline.database.database import Database
from o365_pipeline.datasets import Dataset
from o365_pipeline.datasets.column_schema import curated_schema
from o365_pipeline.errors import LandingError
from o365_pipeline.raw.duckdb_session import duckdb_session
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
        with working_on(context):
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
            for day, rows in rebuild_states(database, lake, dataset, customer.name, work.days, columns):
                page = current_page(lake, dataset, customer.name, day, rows)
                if day in work.days:
                    show_on_page(context, page, partition_key(customer.name, day))
                else:
                    context.log_event(folded_anew(dataset, customer.name, day, page))

    return current


def folded_anew(dataset: Dataset, customer: str, day: dt.date, page: Mapping[str, Any]) -> dg.AssetMaterialization:
    """Reports a day that was folded outside a run of its partition."""
    return dg.AssetMaterialization(
        asset_key=current_key(dataset),
        description="Folded anew: this day or one before it was curated later.",
        partition=partition_key(customer, day),
        metadata=page,
    )


def current_page(lake: Lake, dataset: Dataset, customer: str, day: dt.date, rows: int) -> dict[str, Any]:
    """Returns what the day's page shows of the current state."""
    path = parts_of(lake, current_folder(dataset, customer, day))[0]
    with duckdb_session() as (connection, directory):
        [file] = lake.stage([path], directory)
        return {"dagster/row_count": rows, **file_page(connection, file, path, lake.uri(path))}
