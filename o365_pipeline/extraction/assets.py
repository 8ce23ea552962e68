"""The extraction asset, its job and its daily schedule.

What belongs here: what Dagster sees of extraction. The steps are in `submission.py`.
"""

import dagster as dg

from o365_pipeline.consent import approval_ledger
from o365_pipeline.consent.assets import APPROVAL
from o365_pipeline.customers import Customers
from o365_pipeline.database import Database
from o365_pipeline.extraction import extraction_ledger as ledger
from o365_pipeline.extraction.data_factory import DataFactory
from o365_pipeline.extraction.factory_changes import DefinitionChange, as_markdown
from o365_pipeline.extraction.submission import Submitter
from o365_pipeline.extraction.windows import ONE_DAY
from o365_pipeline.failures import explained
from o365_pipeline.partitions import CUSTOMERS, customer_day_partitions, customer_days, partition_key

EXTRACTION = dg.AssetKey("extraction")
MAX_REASON = 2_000
FACTORY_POOL = "data_factory"
REATTACHING_RETRY = dg.RetryPolicy(max_retries=3, delay=20, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""Safe to repeat: a retry finds the factory run that was made for its window."""


def claimant(context: dg.AssetExecutionContext) -> str:
    """Who submits: a run and its retries are one claimant."""
    return context.run.root_run_id or context.run.run_id


@dg.asset(
    key=EXTRACTION,
    group_name="extraction",
    kinds={"azure", "datafactory"},
    owners=["team:data-engineering"],
    partitions_def=customer_day_partitions,
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
    customers: dg.ResourceParam[Customers],
) -> dg.MaterializeResult:
    work = customer_days(context.partition_keys)
    customer = customers[work.customer]
    submitter = Submitter(database, data_factory, claimant(context), "extraction", log=context.log)
    lines, created = [], 0
    changes: list[DefinitionChange] = []
    with explained():
        submitter.authorize_missing(customer, customer.data_request.datasets, work.days)
    for requested in customer.data_request.datasets:
        with explained():
            submission = submitter.submit_days(customer, requested, work.days)
        ledger.adopt(database, submission.extractions)
        created += submission.created
        changes += submission.changes
        for entry in submission.extractions:
            lines.append(f"| {entry.dataset} | {entry.window} | {entry.status} | {entry.factory_run_id} |")
            context.log.info(f"{entry.dataset} {entry.window}: factory run {entry.factory_run_id} {entry.status}")
    table = "\n".join(["| dataset | window | status | factory run |", "|---|---|---|---|", *lines])
    return dg.MaterializeResult(
        metadata={
            "factory_runs_created": created,
            "factory_runs_reattached": len(lines) - created,
            "factory_runs": dg.MetadataValue.md(table),
            "definitions_changed": len(changes),
            "definitions": dg.MetadataValue.md(as_markdown(changes) or "unchanged"),
        },
    )


extraction_job = dg.define_asset_job(
    "extraction_job",
    selection=[EXTRACTION],
    description="Submits a customer's days to Azure Data Factory; the landing sensor takes over when they have landed.",
)


@dg.schedule(
    job=extraction_job,
    cron_schedule="30 3 * * *",
    execution_timezone="UTC",
    description="Every night at 03:30 UTC: yesterday's data of every customer whose approval is in force.",
)
def daily_extraction(
    context: dg.ScheduleEvaluationContext,
    database: dg.ResourceParam[Database],
    customers: dg.ResourceParam[Customers],
) -> list[dg.RunRequest] | dg.SkipReason:
    moment = context.scheduled_execution_time
    yesterday = (moment - ONE_DAY).date()
    known = set(context.instance.get_dynamic_partitions(CUSTOMERS))
    stands = approval_ledger.standings(database, customers, moment)
    approved = [name for name, standing in stands.items() if standing.approval and name in known]
    skipped = [f"{name}: {stands[name]}" for name in stands if name not in approved]
    if not approved:
        return dg.SkipReason(f"No customer's approval is in force. {'; '.join(skipped)}"[:MAX_REASON])
    for reason in skipped:
        context.log.info(f"skipped, no approval is in force: {reason}")
    return [
        dg.RunRequest(
            run_key=f"{name}:{yesterday}",
            partition_key=partition_key(name, yesterday),
            tags={"o365/customer": name},
        )
        for name in approved
    ]
