"""The extraction asset and its job.

What belongs here: extraction as Dagster sees it. The steps belong to `submission.py`, the schedules belong to
`schedules.py`.
"""

import hashlib

import dagster as dg

from o365_pipeline.consent.activity_feed import ActivityFeed
from o365_pipeline.consent.assets import APPROVAL
from o365_pipeline.customers.customer import Customers
from o365_pipeline.customers.partitions import customer_days
from o365_pipeline.dagster_ui.labels import DATA_ENGINEERING, stage_tag
from o365_pipeline.dagster_ui.markdown_metadata import Markdown, shown, table
from o365_pipeline.dagster_ui.retries import UnlessTerminated
from o365_pipeline.dagster_ui.steps import working_on
from o365_pipeline.database.database import Database
from o365_pipeline.extraction import extraction_ledger as ledger
from o365_pipeline.extraction.data_factory import DataFactory
from o365_pipeline.extraction.factory_changes import DefinitionChange, as_markdown
from o365_pipeline.extraction.submission import PATIENCE, Submitter
from o365_pipeline.extraction.termination import cancelled_together

EXTRACTION = dg.AssetKey("extraction")
FACTORY_POOL = "data_factory"
REATTACHING_RETRY = UnlessTerminated(
    max_retries=3, delay=20, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)
"""Repeating is safe: a retry finds the factory run that was created for its window."""


def claimant(context: dg.AssetExecutionContext) -> str:
    """Returns the name under which a step of a run claims windows; its retries share it, and no other step does."""
    run_id = context.run.root_run_id or context.run.run_id
    return f"{run_id}:{hashlib.sha256(context.asset_key.to_user_string().encode()).hexdigest()[:16]}"


@dg.asset(
    key=EXTRACTION,
    group_name="extraction",
    kinds={"azure", "datafactory"},
    owners=[DATA_ENGINEERING],
    backfill_policy=dg.BackfillPolicy.single_run(),
    retry_policy=REATTACHING_RETRY,
    pool=FACTORY_POOL,
    deps=[APPROVAL],
    description=(
        "Azure Data Factory runs, one per dataset and window of days, submitted only where the customer's approval in "
        "force covers them. A window that was submitted before is re-attached to, not paid for again."
    ),
)
def extraction(
    context: dg.AssetExecutionContext,
    database: dg.ResourceParam[Database],
    data_factory: DataFactory,
    activity_feed: ActivityFeed,
    customers: dg.ResourceParam[Customers],
) -> dg.MaterializeResult:
    work = customer_days(context.partition_keys)
    with working_on(context):
        customer = customers[work.customer]
    submitter = Submitter(
        database,
        data_factory,
        claimant(context),
        "extraction",
        log=context.log,
        patience=PATIENCE,
        feed=activity_feed,
    )
    lines: list[tuple[str, ...]] = []
    created = 0
    changes: list[DefinitionChange] = []
    with working_on(context):
        submitter.authorize_missing(customer, customer.data_request.datasets, work.days)
    for requested in customer.data_request.datasets:
        with working_on(context), cancelled_together(submitter, customer):
            submission = submitter.submit_days(customer, requested, work.days, leave_out=True)
            ledger.adopt(database, submission.extractions, submitter.claimant)
        created += submission.created
        changes += submission.changes
        for entry in submission.extractions:
            lines.append((entry.dataset, str(entry.window), entry.status, entry.factory_run_id or ""))
            context.log.info(f"{entry.dataset} {entry.window}: factory run {entry.factory_run_id} {entry.status}")
    return dg.MaterializeResult(
        metadata={
            "factory_runs_created": created,
            "factory_runs_reattached": len(lines) - created,
            "factory_runs": shown(table(("dataset", "window", "status", "factory run"), lines)),
            "definitions_changed": len(changes),
            "definitions": shown(as_markdown(changes) or Markdown("unchanged")),
        },
    )


extraction_job = dg.define_asset_job(
    "extraction_job",
    selection=[EXTRACTION],
    description="Submits a customer's days to Azure Data Factory; the landing sensor takes over when they have landed.",
    tags=stage_tag("extraction"),
)
