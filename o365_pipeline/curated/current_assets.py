"""The assets of what there is as of a day, one per dataset that tells of changes.

What belongs here: what Dagster sees of them. The work belongs to `current_state.py`.
"""

import datetime as dt
from typing import Any

import dagster as dg

from o365_pipeline.curated.assets import approved_columns, curated_key
from o365_pipeline.curated.current_state import current_path, fold, fold_later
from o365_pipeline.curated.duck import duck
from o365_pipeline.customers.customer import Customers
from o365_pipeline.customers.partitions import customer_days, partition_key
from o365_pipeline.dagster_ui.failures import explained
from o365_pipeline.dagster_ui.preview import file_page, table_schema
from o365_pipeline.database.database import Database
from o365_pipeline.datasets import Dataset
from o365_pipeline.errors import LandingError
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.lakes import Lakes
from o365_pipeline.raw.manifest import landed_days


def current_key(dataset: Dataset) -> dg.AssetKey:
    return dg.AssetKey(["curated", str(dataset.current_name)])


def current_asset(dataset: Dataset) -> dg.AssetsDefinition:
    """The asset that folds the dataset's last full snapshot and the changes since."""

    @dg.asset(
        key=current_key(dataset),
        group_name="curated",
        kinds={"parquet", "duckdb"},
        owners=["team:data-engineering"],
        tags={"o365/family": dataset.family},
        backfill_policy=dg.BackfillPolicy.single_run(),
        deps=[curated_key(dataset)],
        metadata={"dagster/column_schema": table_schema(dataset.curated_schema, dataset.required_key)},
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
        with explained():
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
                rows = fold(database, lake, dataset, customer.name, day, columns)
                page = _page(lake, dataset, customer.name, day, rows)
                context.add_asset_metadata(page, partition_key=partition_key(customer.name, day))
            for day, rows in fold_later(database, lake, dataset, customer.name, work.days, columns):
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
    """What the day's page shows of what there is as of the day."""
    path = current_path(dataset, customer, day)
    with duck() as (connection, directory):
        [file] = lake.stage([path], directory)
        return {"dagster/row_count": rows, **file_page(connection, file, path, lake.uri(path))}
