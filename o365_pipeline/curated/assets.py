"""The curated assets, one per dataset of the catalogue.

What belongs here: curation as Dagster sees it. The work belongs to `curation.py`.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

import dagster as dg
import duckdb

from o365_pipeline.azure.cloud import Cloud
from o365_pipeline.consent.approval_ledger import approval_in_force
from o365_pipeline.curated.checks import volume_result, volume_spec
from o365_pipeline.curated.curation import Counts, curate
from o365_pipeline.curated.day_files import CURATED, QUARANTINE, day_folder, parquet, parts_of, table_folder
from o365_pipeline.curated.lineage import column_lineage
from o365_pipeline.curated.people import people_of
from o365_pipeline.curated.schema_drift import Drift
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.customers.partitions import customer_days, partition_key
from o365_pipeline.dagster_ui.labels import DATA_ENGINEERING
from o365_pipeline.dagster_ui.markdown_metadata import Markdown, shown
from o365_pipeline.dagster_ui.partition_pages import show_on_page
from o365_pipeline.dagster_ui.pictures import rows_per_day
from o365_pipeline.dagster_ui.preview import file_page
from o365_pipeline.dagster_ui.row_history import row_counts_by_day
from o365_pipeline.dagster_ui.steps import working_on
from o365_pipeline.database.database import Database
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.datasets.column_schema import curated_schema
from o365_pipeline.errors import LandingError, NotAuthorizedError
from o365_pipeline.raw.assets import raw_key
from o365_pipeline.raw.duckdb_session import duckdb_session
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.lakes import Lakes
from o365_pipeline.raw.manifest import Landed, distinct_landings, landings_of
from o365_pipeline.raw.transfer import log_progress

KEYS_CHECK = "keys_are_unique"
QUARANTINE_CHECK = "few_rows_in_quarantine"
SCHEMA_CHECK = "schema_as_published"
QUARANTINE_WARNING_SHARE = 0.01


def curated_key(dataset: Dataset) -> dg.AssetKey:
    return dg.AssetKey(["curated", dataset.asset_name])


def curated_asset(dataset: Dataset, asked: Collection[str], people: Sequence[Dataset] = ()) -> dg.AssetsDefinition:
    """Builds the asset that types and deduplicates the dataset's landed rows.

    Args:
        asked: the curated names of the columns that a data request names.
        people: datasets that are needed to deny people; they land before this one is curated.
    """
    key, key_names = curated_key(dataset), ", ".join(dataset.curated_key)

    @dg.asset(
        key=key,
        group_name="curated",
        kinds={"parquet", "duckdb"},
        owners=[DATA_ENGINEERING],
        tags={"o365/family": dataset.family},
        backfill_policy=dg.BackfillPolicy.single_run(),
        deps=[raw_key(source) for source in dict.fromkeys([dataset, *people])],
        metadata={"dagster/column_schema": curated_schema(dataset, dataset.curated_key, asked)},
        check_specs=[
            dg.AssetCheckSpec(
                KEYS_CHECK,
                asset=key,
                blocking=True,
                description=f"No two rows of a day share {key_names or 'a key; the dataset has none'}.",
            ),
            dg.AssetCheckSpec(
                QUARANTINE_CHECK,
                asset=key,
                description=f"At most {QUARANTINE_WARNING_SHARE:.0%} of the rows could not be read.",
            ),
            volume_spec(key),
            dg.AssetCheckSpec(
                SCHEMA_CHECK,
                asset=key,
                description="Every requested column landed, in the documented type; columns that are new are listed.",
            ),
        ],
        description=(
            f"{dataset.description} Typed Parquet: UTC times, bare enum values, one row per "
            f"{key_names or 'row delivered'}. Rows that cannot be read are in quarantine, with the reason."
        ),
    )
    def curated(
        context: dg.AssetExecutionContext,
        database: dg.ResourceParam[Database],
        lakes: dg.ResourceParam[Lakes],
        customers: dg.ResourceParam[Customers],
        cloud: dg.ResourceParam[Cloud],
    ) -> dg.MaterializeResult:
        with working_on(context):
            work = customer_days(context.partition_keys)
            customer = customers[work.customer]
            customer.check_any_is_kept("curated", work.days, dt.datetime.now(dt.UTC).date())
            lake = lakes.of(customer).with_progress(log_progress(context.log, dataset.name))
            landings = newest_landings(database, lake, customer, dataset, work.days)
            if missing := [str(day) for day in work.days if day not in landings]:
                raise LandingError(
                    f"{dataset.name}: nothing landed for {customer.name} on {', '.join(missing)}; materialize "
                    f"{key.to_user_string().replace('curated', 'raw')} for these days first, unless their raw files "
                    f"are too old to be kept (keep_raw_days: {customer.keep_raw_days})"
                )
            people = people_of(database, lake, customer, cloud)
            counts: dict[dt.date, Counts] = {}
            drifts: list[Drift] = []
            for landed in distinct_landings(landings.values()):
                days = [day for day in work.days if landings[day] is landed]
                version = catalogue()[landed.manifest.dataset]
                columns = approved_columns(database, customer, version)
                done = curate(lake, version, landed, days, columns, people)
                counts.update(done.counts)
                drifts.append(done.drift)
                if done.drift.unknown:
                    context.log.info(f"{version.name}: schema drift, new columns: {', '.join(done.drift.unknown)}")
                context.log.info(f"{dataset.name} {landed.extraction.window}: {sum(done.counts.values(), Counts())}")
            repeated = _show_days(context, lake, dataset, customer, counts)
        rows = {day: found.curated for day, found in counts.items()}
        history = row_counts_by_day(context.instance, key, partial(partition_key, customer.name), rows)
        context.add_asset_metadata({**rows_per_day(history, rows), "dagster/column_lineage": column_lineage(dataset)})
        checks = [_keys_check(repeated), _quarantine_check(lake, dataset, customer, counts)]
        return dg.MaterializeResult(check_results=[*checks, volume_result(key, rows, history), _schema_check(drifts)])

    return curated


def newest_landings(
    database: Database, lake: Lake, customer: Customer, dataset: Dataset, days: Sequence[dt.date]
) -> dict[dt.date, Landed]:
    """Returns, for each day, the newest landing of the newest version of the dataset that landed."""
    found: dict[dt.date, Landed] = {}
    for version in catalogue().versions(dataset):
        if missing := [day for day in days if day not in found]:
            found.update(landings_of(database, lake, customer.name, version, missing))
    return found


def approved_columns(database: Database, customer: Customer, dataset: Dataset) -> tuple[str, ...]:
    """Returns the columns of the dataset that the approval in force covers.

    Raises:
        NotAuthorizedError: no approval is in force, or it does not name the dataset, or lacks a column that the dataset
            cannot do without.
    """
    approved = approval_in_force(database, customer, dt.datetime.now(dt.UTC)).dataset(dataset.table_name)
    if approved is None:
        raise NotAuthorizedError(
            f"{customer.name}: the approval in force does not name {dataset.name}; what landed stays where it is"
        )
    if missing := [name for name in dataset.indispensable_columns if name not in approved.columns]:
        raise NotAuthorizedError(
            f"{customer.name}: the approval in force does not cover {', '.join(missing)} of {dataset.name}, without "
            "which its rows cannot be told apart; what landed stays where it is"
        )
    return approved.columns


def _schema_check(drifts: Sequence[Drift]) -> dg.AssetCheckResult:
    """Compares the landings' schemas with the published ones; names and types only."""
    unknown = sorted({name for drift in drifts for name in drift.unknown})
    return dg.AssetCheckResult(
        check_name=SCHEMA_CHECK,
        passed=all(drift.is_as_published for drift in drifts),
        metadata={
            "schema": shown(Markdown("\n\n".join(drift.table() for drift in drifts))),
            "missing": sorted({name for drift in drifts for name in drift.missing}),
            "retyped": sorted({name for drift in drifts for name in drift.retyped}),
            "schema drift": unknown,
        },
    )


def _show_days(
    context: dg.AssetExecutionContext,
    lake: Lake,
    dataset: Dataset,
    customer: Customer,
    counts: Mapping[dt.date, Counts],
) -> int:
    """Gives each day's page that day's rows and file; returns how many rows repeat the key of another."""
    repeated = 0
    with duckdb_session() as (connection, directory):
        for day in sorted(counts):
            paths = parts_of(lake, day_folder(CURATED, dataset.asset_name, customer.name, day))
            files = lake.stage(paths, directory)
            page = {**row_counts(counts[day]), **file_page(connection, files[0], paths[0], lake.uri(paths[0]))}
            show_on_page(context, page, partition_key(customer.name, day))
            repeated += repeated_keys(connection, dataset, files)
    return repeated


def repeated_keys(connection: duckdb.DuckDBPyConnection, dataset: Dataset, files: Sequence[Path]) -> int:
    """Returns how many rows of a day's files repeat the key of another."""
    if not dataset.curated_key:
        return 0
    key = ", ".join(f'"{name}"' for name in dataset.curated_key)
    query = f"SELECT count(*) - count(DISTINCT ({key})) FROM {parquet(files)}"
    return int(connection.execute(query).fetchall()[0][0])


def row_counts(counts: Counts) -> dict[str, int]:
    """Returns where a day's rows are, for its page."""
    return {
        "dagster/row_count": counts.curated,
        "user_rows": counts.user_rows,
        "quarantined": counts.quarantined,
        "removed": counts.removed,
    }


def _keys_check(repeated: int) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(check_name=KEYS_CHECK, passed=repeated == 0, metadata={"repeated": repeated})


def _quarantine_check(
    lake: Lake, dataset: Dataset, customer: Customer, counts: Mapping[dt.date, Counts]
) -> dg.AssetCheckResult:
    total = sum(counts.values(), Counts())
    rows = total.curated + total.quarantined
    share = total.quarantined / rows if rows else 0.0
    where = lake.uri(f"{table_folder(QUARANTINE, dataset.asset_name, customer.name)}/")
    return dg.AssetCheckResult(
        check_name=QUARANTINE_CHECK,
        passed=share <= QUARANTINE_WARNING_SHARE,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"share": share, "where": where},
    )
