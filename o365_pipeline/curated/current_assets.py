"""The assets of the current state on a day, one for each dataset that delivers changes.

What belongs here: these assets as Dagster sees them. The work belongs to `current_state.py`.
"""

import dagster as dg

from o365_pipeline.curated.assets import approved_columns, curated_key
from o365_pipeline.curated.current_state import current_path, fold, fold_later
from o365_pipeline.curated.duck import duck
from o365_pipeline.customers.customer import Customers
from o365_pipeline.customers.partitions import customer_day_partitions, customer_days, partition_key
from o365_pipeline.dagster_ui import freshness
from o365_pipeline.dagster_ui.failures import explained
from o365_pipeline.dagster_ui.preview import first_rows, masked_preview, table_schema
from o365_pipeline.database.database import Database
from o365_pipeline.datasets import Dataset
from o365_pipeline.errors import LandingError
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
        partitions_def=customer_day_partitions,
        freshness_policy=freshness.NIGHTLY,
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
    ) -> dg.MaterializeResult:
        with explained():
            work = customer_days(context.partition_keys)
            lake = lakes.of(customers[work.customer])
            columns = approved_columns(database, customers[work.customer], dataset)
            landed = set(landed_days(database, work.customer, dataset, max(work.days)))
            if missing := [str(day) for day in work.days if day not in landed]:
                raise LandingError(
                    f"{dataset.name}: nothing landed for {work.customer} on {', '.join(missing)}; what there is as of "
                    "such a day is what there was as of the last day that landed"
                )
            for day in work.days:
                rows = fold(database, lake, dataset, work.customer, day, columns)
                context.add_asset_metadata({"dagster/row_count": rows}, partition_key=partition_key(work.customer, day))
            for day, rows in fold_later(database, lake, dataset, work.customer, work.days, columns):
                context.log_event(
                    dg.AssetMaterialization(
                        asset_key=current_key(dataset),
                        description="Folded anew: a day before it came later.",
                        partition=partition_key(work.customer, day),
                        metadata={"dagster/row_count": rows},
                    )
                )
        paths = [current_path(dataset, work.customer, day) for day in work.days]
        with duck() as (connection, directory):
            [file] = lake.stage(paths[-1:], directory)
            preview = masked_preview(first_rows(connection, f"FROM read_parquet('{file}')"))
        files = dg.MetadataValue.md("\n".join(f"- [{path}]({lake.uri(path)})" for path in paths))
        return dg.MaterializeResult(metadata={"preview": preview, "files": files})

    return current
