"""The mart's assets: one per table, loaded together, a customer's day in one transaction.

What belongs here: the mart as Dagster sees it. The tables belong to `tables/`, the SQL to `sql/`, the loading to
`loading.py`.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Iterator
from functools import partial
from typing import Any

import dagster as dg
import sqlalchemy as sa

from o365_pipeline.consent.approval_ledger import datasets_in_force
from o365_pipeline.curated.checks import volume_result, volume_spec
from o365_pipeline.customers.customer import Customers
from o365_pipeline.customers.partitions import customer_days, partition_key
from o365_pipeline.dagster_ui.labels import DATA_ENGINEERING
from o365_pipeline.dagster_ui.partition_pages import show_on_page
from o365_pipeline.dagster_ui.pictures import rows_per_day
from o365_pipeline.dagster_ui.preview import masked_preview, table_schema
from o365_pipeline.dagster_ui.retries import UnlessTerminated
from o365_pipeline.dagster_ui.row_history import row_counts_by_day
from o365_pipeline.dagster_ui.steps import working_on
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

FACT = "fact_"

KINDS = {"dim": "dimension", "fact": "fact", "bridge": "bridge", "agg": "aggregate"}
"""What the tables are, by how their names begin."""


def mart_key(table: sa.Table) -> dg.AssetKey:
    return dg.AssetKey(["mart", table.name])


MART_KEYS = [mart_key(table) for table in MART_TABLES]
"""The keys of all tables, also of those that are no assets since no data request asks for what they are made of."""


def mart_keys(datasets: Iterable[Dataset]) -> list[dg.AssetKey]:
    """Returns the assets that the mart has over these datasets."""
    return [mart_key(table) for table in _fed_tables(_curated_names(datasets))]


def mart_assets(datasets: Iterable[Dataset]) -> dg.AssetsDefinition:
    """Builds the mart's tables as assets over these datasets; other datasets that the SQL reads count as empty, and
    tables that would stay empty are none.
    """
    curated = _curated_names(datasets)
    fed = _fed_tables(curated)

    @dg.multi_asset(
        name="mart",
        specs=[_spec(table, curated, fed) for table in fed],
        backfill_policy=dg.BackfillPolicy.single_run(),
        retry_policy=UnlessTerminated(max_retries=2, delay=10),
        check_specs=[
            *(spec for table in fed for spec in mart_check_specs(mart_key(table), table)),
            *(volume_spec(mart_key(table)) for table in fed if table.name.startswith(FACT)),
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
            customer.check_any_is_kept("mart", work.days, dt.datetime.now(dt.UTC).date())
            datasets = datasets_in_force(database, customer, dt.datetime.now(dt.UTC))
            loaded: dict[dt.date, frozenset[str]] = {}
            counts: dict[sa.Table, dict[dt.date, int]] = {table: {} for table in fed}
            for day in work.days:
                day_loaded = load_day(marts, lakes.of(customer), customer.name, day, datasets, customer.everyone_names)
                loaded[day] = day_loaded.extractions
                for table in fed:
                    counts[table][day] = day_loaded.rows.get(table, 0)
                    show_on_page(context, _page(day_loaded, table), partition_key(customer.name, day), mart_key(table))
                with marts[customer.name].begin() as connection:
                    if fact_message in fed and (network := collaboration_picture(connection, customer.name, day)):
                        page = {"who_writes_to_whom": network}
                        show_on_page(context, page, partition_key(customer.name, day), mart_key(fact_message))
                context.log.info(f"{customer.name} {day}: loaded")
            for day in stale_days(marts[customer.name], lakes.of(customer), customer.name, work.days):
                day_loaded = load_day(marts, lakes.of(customer), customer.name, day, datasets, customer.everyone_names)
                loaded[day] = day_loaded.extractions
                for event in materialized(day_loaded, customer.name, day):
                    context.log_event(event)
                context.log.info(f"{customer.name} {day}: loaded anew, since it depends on days that came after it")
            mark_loaded(database, customer.name, loaded)
            for table in fed:
                key = mart_key(table)
                lineage = column_lineage(table, curated | {one.name for one in fed})
                context.add_asset_metadata({"dagster/column_lineage": lineage}, asset_key=key)
                if is_fact := table.name.startswith(FACT):
                    history = row_counts_by_day(context.instance, key, partial(partition_key, customer.name), work.days)
                    context.add_asset_metadata(rows_per_day(history, counts[table]), asset_key=key)
                yield dg.MaterializeResult(asset_key=key)
                with marts[customer.name].begin() as connection:
                    yield from mart_check_results(connection, key, table, customer.name, work.days)
                if is_fact:
                    yield volume_result(key, counts[table], history)

    return mart


def _fed_tables(curated: frozenset[str]) -> list[sa.Table]:
    return [table for table in MART_TABLES if is_fed(table.name, curated)]


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
    preview = masked_preview(table.columns.keys(), loaded.first_rows[table])
    return {"dagster/row_count": loaded.rows.get(table, 0), "preview": preview}


def _spec(table: sa.Table, curated: frozenset[str], fed: Collection[sa.Table]) -> dg.AssetSpec:
    schema = table_schema(
        {column.name: str(column.type) for column in table.columns},
        tuple(column.name for column in table.primary_key),
        {column.name: column.comment for column in table.columns},
    )
    read = reads(table.name, curated | TABLE_NAMES)
    [subject] = [name for name, tables in SUBJECTS.items() if table in tables]
    return dg.AssetSpec(
        mart_key(table),
        deps=[
            *(dg.AssetKey(["curated", name]) for name in sorted(read & curated)),
            *(mart_key(other) for other in fed if other.name in read),
        ],
        description=f"{table.comment}. Join on customer, day and the key.",
        group_name=f"mart_{subject}",
        kinds={"sql", KINDS[table.name.partition("_")[0]]},
        tags={"o365/subject": subject},
        owners=[DATA_ENGINEERING],
        metadata={"dagster/column_schema": schema, "dagster/table_name": table.name},
    )
