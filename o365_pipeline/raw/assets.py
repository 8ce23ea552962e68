"""The raw assets, one per dataset of the catalogue: they seal what landed in the lake.

What belongs here: a landing as Dagster sees it. Verifying and sealing belong to `landing.py`; submitting and waiting,
for an asset that is materialized by hand, belong to `extraction/`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import dagster as dg

from o365_pipeline.consent.activity_feed import ActivityFeed
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.customers.data_request import RequestedDataset
from o365_pipeline.customers.partitions import CustomerDays, customer_days, partition_key
from o365_pipeline.dagster_ui.labels import DATA_ENGINEERING
from o365_pipeline.dagster_ui.markdown_metadata import link, shown
from o365_pipeline.dagster_ui.partition_pages import show_on_page
from o365_pipeline.dagster_ui.steps import working_on
from o365_pipeline.database.database import Database
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.datasets.column_schema import raw_schema
from o365_pipeline.errors import ExtractionError, NotAuthorizedError, UsageError
from o365_pipeline.extraction import extraction_ledger as ledger
from o365_pipeline.extraction import watch
from o365_pipeline.extraction.assets import EXTRACTION, REATTACHING_RETRY, claimant
from o365_pipeline.extraction.data_factory import SUCCEEDED, CopyOutcome, DataFactory
from o365_pipeline.extraction.extraction_ledger import Extraction
from o365_pipeline.extraction.submission import PATIENCE, Submitter
from o365_pipeline.extraction.termination import cancelled_together
from o365_pipeline.raw import landing
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.lakes import Lakes
from o365_pipeline.raw.manifest import Manifest, damaged
from o365_pipeline.raw.parts import check_parts
from o365_pipeline.raw.transfer import log_progress

ROWS_CHECK = "rows_landed_as_reported"


def raw_key(dataset: Dataset) -> dg.AssetKey:
    return dg.AssetKey(["raw", dataset.asset_name])


def raw_asset(dataset: Dataset, asked: Collection[str]) -> dg.AssetsDefinition:
    """Builds the asset that seals the dataset's landings.

    Args:
        asked: the curated names of the columns that a data request names.
    """
    key = raw_key(dataset)

    @dg.asset(
        key=key,
        group_name="raw",
        kinds={"json", "datalake"},
        owners=[DATA_ENGINEERING],
        tags={"o365/family": dataset.family, "o365/billed": "free" if dataset.free_of_charge else "by-row"},
        backfill_policy=dg.BackfillPolicy.single_run(),
        retry_policy=REATTACHING_RETRY,
        deps=[EXTRACTION],
        metadata={"dagster/column_schema": raw_schema(dataset, asked)},
        check_specs=[
            dg.AssetCheckSpec(
                ROWS_CHECK,
                asset=key,
                blocking=True,
                description=(
                    "The files and rows in the lake are as many as the factory reported, and beside datasets of the "
                    "catalogue nothing lies in the customer's part of the lake."
                ),
            ),
        ],
        description=(
            f"{dataset.description} As Data Connect wrote it: JSON Lines in the lake, verified against the factory's "
            "counts and sealed by a manifest. Materialized by hand it asks the factory itself, and waits."
        ),
    )
    def raw(
        context: dg.AssetExecutionContext,
        database: dg.ResourceParam[Database],
        data_factory: DataFactory,
        activity_feed: ActivityFeed,
        lakes: dg.ResourceParam[Lakes],
        customers: dg.ResourceParam[Customers],
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
        with working_on(context):
            work = customer_days(context.partition_keys)
            customer = customers[work.customer]
            lake = lakes.of(customer).with_progress(log_progress(context.log, dataset.name))
            landed: dict[Extraction, tuple[Manifest, str]] = {}
            requested = _requested(customer, dataset)
            for entry in _extractions(context, database, data_factory, activity_feed, customer, requested, work):
                version = requested.dataset
                if manifest := landing.sealed(lake, database, version, entry):
                    check_parts(lake, manifest)
                else:
                    outcome = _outcome(data_factory, customer, entry)
                    manifest = landing.count(lake, version, entry, outcome)
                    if different := landing.difference(manifest, outcome):
                        yield dg.AssetCheckResult(
                            check_name=ROWS_CHECK, asset_key=key, passed=False, metadata={"difference": different}
                        )
                        raise damaged(entry, f"{different}; the landing stays unsealed")
                landed[entry] = manifest, landing.seal(lake, database, version, entry, manifest)
        newest_last = sorted(landed, key=lambda entry: entry.claimed_at)
        for day, entry in ledger.covering(newest_last, work.days).items():
            show_on_page(context, _of_landing(lake, *landed[entry]), partition_key(customer.name, day))
        yield _result(key, lake, customer, [manifest for manifest, _ in landed.values()])

    return raw


def _requested(customer: Customer, dataset: Dataset) -> RequestedDataset:
    """Returns what the customer's data request asks of the dataset, in the version that it names."""
    requested = customer.data_request.requested(dataset.name)
    if requested is None:
        raise UsageError(f"{customer.name}'s data request does not name {dataset.name}; add it and have it approved")
    return requested


def _extractions(
    context: dg.AssetExecutionContext,
    database: Database,
    factory: DataFactory,
    feed: ActivityFeed,
    customer: Customer,
    requested: RequestedDataset,
    work: CustomerDays,
) -> list[Extraction]:
    """Returns the finished extractions that hold the days; submits missing ones, and waits for those under way."""
    submitter = Submitter(
        database,
        factory,
        claimant(context),
        "raw",
        log=context.log,
        patience=PATIENCE,
        feed=feed,
    )
    submitter.authorized_by(customer, requested)
    with cancelled_together(submitter, customer):
        submission = submitter.submit_days(customer, requested, work.days)
        if under_way := [entry for entry in submission.extractions if entry.is_under_way]:
            _submit_others(context, submitter, customer, requested.dataset, work)
        for entry in under_way:
            watch.wait(database, factory, customer, entry, context.log)
    return [ledger.find(database, entry.extraction_id) or entry for entry in submission.extractions]


def _submit_others(
    context: dg.AssetExecutionContext, submitter: Submitter, customer: Customer, dataset: Dataset, work: CustomerDays
) -> None:
    """Also submits the run's other datasets before waiting, since each takes 45 minutes and the steps follow each
    other.

    An error in one of them is reported by its own step.
    """
    selected = context.run.asset_selection
    for requested in customer.data_request.datasets:
        if requested.dataset != dataset and (not selected or raw_key(requested.dataset) in selected):
            with suppress(ExtractionError, NotAuthorizedError, UsageError):
                submitter.authorized_by(customer, requested)
                submitter.submit_days(customer, requested, work.days)


def _outcome(factory: DataFactory, customer: Customer, entry: Extraction) -> CopyOutcome:
    """Returns the factory's report."""
    run = factory.run(customer, entry.factory_run_id or "")
    if run.status != SUCCEEDED:
        raise UsageError(f"{entry.dataset} {entry.window}: factory run {run.run_id} is {run.status}, nothing landed")
    return factory.copy_outcome(customer, run)


def _of_landing(lake: Lake, manifest: Manifest, path: str) -> Mapping[str, Any]:
    """Returns what a day's page shows: the landing that holds the day. The lake does not separate a window's rows by
    day.
    """
    is_of_one_day = manifest.first_day == manifest.last_day
    return {
        "dagster/row_count" if is_of_one_day else "rows_of_the_window": manifest.rows,
        "window": f"{manifest.first_day} to {manifest.last_day}",
        "bytes": manifest.size,
        "files": len(manifest.parts),
        "files_with_oddities": sum(not part.is_clean for part in manifest.parts),
        "manifest": shown(link(path, lake.uri(path))),
        "factory_run": manifest.factory_run_id,
    }


def _result(key: dg.AssetKey, lake: Lake, customer: Customer, landed: Sequence[Manifest]) -> dg.MaterializeResult:
    unknown = [name for name in lake.folders(f"raw/{customer.name}") if name not in catalogue()]
    rows, reported = sum(each.rows for each in landed), sum(each.rows_reported or 0 for each in landed)
    check = dg.AssetCheckResult(
        check_name=ROWS_CHECK,
        passed=not unknown,
        metadata={
            "rows_landed": rows,
            "rows_reported": reported,
            "unknown_datasets": ", ".join(unknown) or "none",
        },
    )
    return dg.MaterializeResult(asset_key=key, check_results=[check])
