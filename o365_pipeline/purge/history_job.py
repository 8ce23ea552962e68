"""The job that deletes what Dagster remembers of old runs, and its schedule.

What belongs here: both as Dagster sees them. Deleting belongs to `dagster_history.py`; ticks of sensors and schedules
are deleted by Dagster itself, as its instance says.
"""

import datetime as dt

import dagster as dg
from pydantic import Field

from o365_pipeline.customers.customer import Customers
from o365_pipeline.customers.jobs import REPEATED, customer_job
from o365_pipeline.customers.retention import recorded_horizons
from o365_pipeline.dagster_ui.labels import stage_tag
from o365_pipeline.database.database import Database
from o365_pipeline.purge.dagster_history import delete_old_runs

HISTORY_DAYS = 180

RUNS_AT_ONCE, MOST_RUNS = 200, 20_000
"""How many runs one query lists, and how many one night deletes."""


class HistoryConfig(dg.Config):
    """The age from which runs are forgotten."""

    older_than_days: int = Field(default=HISTORY_DAYS, ge=1, description="Runs that began earlier are deleted.")


@dg.op(
    description="Deletes ended runs that are older than Dagster's history is kept, with their events and previews.",
    retry_policy=REPEATED,
)
def forget_old_runs(
    context: dg.OpExecutionContext,
    config: HistoryConfig,
    database: dg.ResourceParam[Database],
    customers: dg.ResourceParam[Customers],
) -> None:
    before = dt.datetime.now(dt.UTC) - dt.timedelta(days=config.older_than_days)
    horizons = recorded_horizons(database, [customer.name for customer in customers])
    kept_from = {name: horizon.mart for name, horizon in horizons.items()}
    deleted = 0
    while found := delete_old_runs(context.instance, before, kept_from, min(RUNS_AT_ONCE, MOST_RUNS - deleted)):
        deleted += found
        if deleted >= MOST_RUNS:
            break
    context.log.info(f"{deleted} runs from before {before:%Y-%m-%d} are deleted")


history_job = customer_job(
    "history_job",
    forget_old_runs,
    HistoryConfig(),
    "Deletes what Dagster remembers of runs that are older than its history is kept; what they made stays, and is "
    "still shown as made. To repeat it does no harm.",
    stage="purge",
)


def build_history_schedule(default_status: dg.DefaultScheduleStatus) -> dg.ScheduleDefinition:
    """Builds the schedule; `default_status` says whether it is on until somebody changes that in the UI."""
    return dg.ScheduleDefinition(
        name="daily_history",
        job=history_job,
        cron_schedule="0 1 * * *",
        execution_timezone="UTC",
        default_status=default_status,
        tags=stage_tag("purge"),
        description=f"Every night: runs of more than {HISTORY_DAYS} days ago are deleted with their events.",
    )
