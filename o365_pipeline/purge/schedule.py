"""The schedule that launches the purge of what is older than it is kept, and the check that nothing older is there.

What belongs here: both as Dagster sees them. Which customer is due is decided in `retention.py`.
"""

import datetime as dt
from collections.abc import Iterator

import dagster as dg

from o365_pipeline.consent.assets import APPROVAL
from o365_pipeline.customers.customer import Customers
from o365_pipeline.dagster_ui.evaluation import evaluation
from o365_pipeline.dagster_ui.labels import stage_tag
from o365_pipeline.database.database import Database
from o365_pipeline.purge import clock
from o365_pipeline.purge.job import purge_job, purge_request
from o365_pipeline.purge.retention import Ages

KEPT_CHECK = "nothing_is_kept_too_long"

NIGHTLY_RETENTION = "30 1 * * *"
"""Two hours before the nightly extraction, whose runs a purge would wait for."""

LATE = dt.timedelta(days=1)
"""What became too old today is deleted by the next tick."""

SHOWN_CASES = 20


@dg.asset_check(
    asset=APPROVAL,
    name=KEPT_CHECK,
    description=(
        "Nothing of any customer is older than its settings keep it (keep_raw_days and the others), as the ledger "
        "records what landed and what was deleted. It warns of customers whose legal hold keeps more."
    ),
)
def nothing_is_kept_too_long(
    database: dg.ResourceParam[Database], customers: dg.ResourceParam[Customers]
) -> dg.AssetCheckResult:
    return kept_check_result(Ages.of(database, customers), customers, dt.datetime.now(dt.UTC).date())


def kept_check_result(ages: Ages, customers: Customers, today: dt.date) -> dg.AssetCheckResult:
    """Checks all customers; the result names those that keep more, whose deletion failed first."""
    late = [customers[name] for name in ages.overdue(today - LATE)]
    failed = [f"{customer.name}: purge_job did not delete it" for customer in late if not customer.legal_hold]
    held = [f"{customer.name}: legal hold ({customer.legal_hold})" for customer in customers if customer.legal_hold]
    cases = [*failed, *held]
    more = f"; and {len(cases) - SHOWN_CASES} more" if len(cases) > SHOWN_CASES else ""
    return dg.AssetCheckResult(
        passed=not cases,
        severity=dg.AssetCheckSeverity.ERROR if failed else dg.AssetCheckSeverity.WARN,
        description=f"{'; '.join(cases[:SHOWN_CASES])}{more}" if cases else "Nothing is older than it is kept.",
        metadata={"customers": len(customers), "too_old": len(failed), "legal_holds": len(held)},
    )


def build_retention_schedule(default_status: dg.DefaultScheduleStatus) -> dg.ScheduleDefinition:
    """Builds the schedule; `default_status` says whether it is on until somebody changes that in the UI."""

    @dg.schedule(
        name="daily_retention",
        job=purge_job,
        cron_schedule=NIGHTLY_RETENTION,
        execution_timezone="UTC",
        default_status=default_status,
        tags=stage_tag("purge"),
        description=(
            "Every night: the purge of each customer who has data that is older than its settings keep it "
            f"(keep_raw_days and the others), and the check {KEPT_CHECK}."
        ),
    )
    def daily_retention(
        context: dg.ScheduleEvaluationContext,
        database: dg.ResourceParam[Database],
        customers: dg.ResourceParam[Customers],
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        today = context.scheduled_execution_time.date()
        ages = Ages.of(database, customers)
        result = kept_check_result(ages, customers, today)
        context.instance.report_runless_asset_event(evaluation(APPROVAL, KEPT_CHECK, result))
        if doubt := clock.doubt(database, context.scheduled_execution_time):
            context.log.warning(doubt)
            yield dg.SkipReason(doubt)
            return
        due = [customers[name] for name in sorted(ages.overdue(today))]
        held = [f"{customer.name}: legal hold ({customer.legal_hold})" for customer in due if customer.legal_hold]
        for reason in held:
            context.log.warning(f"{reason}, nothing is deleted")
        if len(held) == len(due):
            yield dg.SkipReason("; ".join(["Nothing is to be deleted because of its age.", *held[:SHOWN_CASES]]))
        for customer in due:
            if not customer.legal_hold:
                yield purge_request(customer.name, f"retention:{customer.name}:{today}")

    return daily_retention
