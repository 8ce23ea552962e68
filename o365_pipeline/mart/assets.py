"""The mart's assets: one per table, loaded together, a customer's day in one transaction.

What belongs here: the mart as Dagster sees it. The tables belong to `tables/`, the SQL to `sql/`, the loading to
`loading.py`.
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import dagster as dg
import sqlalchemy as sa

from o365_pipeline.consent.approval_ledger import datasets_in_force
from o365_pipeline.curated.checks import volume_result, volume_spec
from o365_pipeline.customers.customer import Customers
from o365_pipeline.customers.partitions import customer_days, partition_key
from o365_pipeline.dagster_ui.failures import working_on
from o365_pipeline.dagster_ui.labels import DATA_ENGINEERING
from o365_pipeline.dagster_ui.pictures import rows_per_day
from o365_pipeline.dagster_ui.preview import masked_preview, table_schema
from o365_pipeline.dagster_ui.retries import UnlessTerminated
from o365_pipeline.dagster_ui.row_history import row_counts_by_day
from o365_pipeline.database.database import Database
from o365_pipeline.datasets import Dataset
from o365_pipeline.mart.build import TABLE_NAMES
from o365_pipeline.mart.checks import mart_check_results, mart_check_specs
from o365_pipeline.mart.collaboration import collaboration_picture
from o365_pipeline.mart.lineage import column_lineage
from o365_pipeline.mart.loading import DayLoaded, load_day, mark_loaded, stale_days
from o365_pipeline.mart.marts import Marts
from o365_pipeline.mart.sql_files import is_fed, reads
from o365_pipeline.mart.tables import MART_TABLES, SUBJECTS, fact_message
from o365_pipeline.raw.lakes import Lakes

UNFED = "No data request names a dataset that this table is made of, so it stays empty and has no checks."
UNFED_GROUP = "mart_empty"

FACT = "fact_"

KINDS = {"dim": "dimension", "fact": "fact", "bridge": "bridge", "agg": "aggregate"}
"""What the tables are, by how their names begin."""


def mart_key(table: sa.Table) -> dg.AssetKey:
    return dg.AssetKey(["mart", table.name])


MART_KEYS = [mart_key(table) for table in MART_TABLES]


def mart_assets(datasets: Iterable[Dataset]) -> dg.AssetsDefinition:
    """Builds the mart's tables as assets over these datasets; other datasets that the SQL reads count as empty."""
    curated = _curated_names(datasets)
    checked = [table for table in MART_TABLES if is_fed(table.name, curated)]

    @dg.multi_asset(
        name="mart",
        specs=[_spec(table, curated) for table in MART_TABLES],
        backfill_policy=dg.BackfillPolicy.single_run(),
        retry_policy=UnlessTerminated(max_retries=2, delay=10),
        check_specs=[
            *(spec for table in checked for spec in mart_check_specs(mart_key(table), table)),
            *(volume_spec(mart_key(table)) for table in checked if table.name.startswith(FACT)),
        ],
    )
    def mart(
        context: dg.AssetExecutionContext,
        database: dg.ResourceParam[Database],
        marts: dg.ResourceParam[Marts],
        lakes: dg.ResourceParam[Lakes],
        customers: dg.ResourceParam[Customers],
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        with working_on(context):
            work = customer_days(context.partition_keys)
            customer = customers[work.customer]
            datasets = datasets_in_force(database, customer, dt.datetime.now(dt.UTC))
        loaded: dict[dt.date, frozenset[str]] = {}
        counts: dict[sa.Table, dict[dt.date, int]] = {table: {} for table in MART_TABLES}
        for day in work.days:
            day_loaded = load_day(marts, lakes.of(customer), customer.name, day, datasets, customer.everyone_names)
            loaded[day] = day_loaded.extractions
            for table, count in day_loaded.rows.items():
                counts[table][day] = count
                context.add_asset_metadata(
                    _page(day_loaded, table), asset_key=mart_key(table), partition_key=partition_key(customer.name, day)
                )
            with marts[customer.name].begin() as connection:
                if network := collaboration_picture(connection, customer.name, day):
                    context.add_asset_metadata(
                        {"who_writes_to_whom": network},
                        asset_key=mart_key(fact_message),
                        partition_key=partition_key(customer.name, day),
                    )
            context.log.info(f"{customer.name} {day}: loaded")
        for day in stale_days(marts[customer.name], lakes.of(customer), customer.name, work.days):
            day_loaded = load_day(marts, lakes.of(customer), customer.name, day, datasets, customer.everyone_names)
            loaded[day] = day_loaded.extractions
            for event in materialized(day_loaded, customer.name, day):
                context.log_event(event)
            context.log.info(f"{customer.name} {day}: loaded anew, since it depends on days that came after it")
        mark_loaded(database, customer.name, loaded)
        for table in MART_TABLES:
            key = mart_key(table)
            context.add_asset_metadata({"dagster/column_lineage": column_lineage(table, curated)}, asset_key=key)
            if table not in checked:
                yield dg.MaterializeResult(asset_key=key)
                continue
            if is_fact := table.name.startswith(FACT):
                history = row_counts_by_day(context.instance, key, partial(partition_key, customer.name), work.days)
                context.add_asset_metadata(rows_per_day(history, counts[table]), asset_key=key)
            yield dg.MaterializeResult(asset_key=key)
            with marts[customer.name].begin() as connection:
                yield from mart_check_results(connection, key, table, customer.name, work.days)
            if is_fact:
                yield volume_result(key, counts[table], history)

    return mart


def _curated_names(datasets: Iterable[Dataset]) -> frozenset[str]:
    return frozenset(name for dataset in datasets for name in (dataset.asset_name, dataset.current_name) if name)


def materialized(loaded: DayLoaded, customer: str, day: dt.date) -> Iterator[dg.AssetMaterialization]:
    """Reports a day that was loaded outside a run of its partition."""
    for table in loaded.rows:
        yield dg.AssetMaterialization(
            asset_key=mart_key(table), partition=partition_key(customer, day), metadata=_page(loaded, table)
        )


def _page(loaded: DayLoaded, table: sa.Table) -> dict[str, Any]:
    """Returns what the day's page shows of a table."""
    return {"dagster/row_count": loaded.rows[table], "preview": masked_preview(loaded.first_rows[table])}


def _spec(table: sa.Table, curated: frozenset[str]) -> dg.AssetSpec:
    schema = table_schema(
        {column.name: str(column.type) for column in table.columns},
        tuple(column.name for column in table.primary_key),
        {column.name: column.comment for column in table.columns},
    )
    read = reads(table.name, curated | TABLE_NAMES)
    [subject] = [name for name, tables in SUBJECTS.items() if table in tables]
    fed = is_fed(table.name, curated)
    return dg.AssetSpec(
        mart_key(table),
        deps=[
            *(dg.AssetKey(["curated", name]) for name in sorted(read & curated)),
            *(dg.AssetKey(["mart", name]) for name in sorted(read & TABLE_NAMES)),
        ],
        description=f"{table.comment}. Join on customer, day and the key." if fed else f"{UNFED} {table.comment}.",
        group_name=f"mart_{subject}" if fed else UNFED_GROUP,
        kinds={"sql", KINDS[table.name.partition("_")[0]]},
        tags={"o365/subject": subject},
        owners=[DATA_ENGINEERING],
        metadata={"dagster/column_schema": schema, "dagster/table_name": table.name},
    )
