"""The purge job, and the sensor that launches it when a grace period is over, or a purge is unfinished.

What belongs here: purging as Dagster sees it. What is deleted is decided in `plan.py`; deleting belongs to
`deletion.py`.
"""

import datetime as dt

import dagster as dg
from pydantic import Field

from o365_pipeline.azure.cloud import Cloud
from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.customers.jobs import EXAMPLE, REPEATED, customer_job, customer_run
from o365_pipeline.customers.turns import in_turn
from o365_pipeline.dagster_ui.labels import stage_tag
from o365_pipeline.dagster_ui.steps import working_on
from o365_pipeline.database.database import Database
from o365_pipeline.mart.marts import Marts
from o365_pipeline.purge import clock, deletion, erasure
from o365_pipeline.purge.dagster_history import delete_runs, wait_for_others
from o365_pipeline.purge.live_data import live_days
from o365_pipeline.purge.plan import Plan, first_due, missing_decisions, plan_of, plan_purge, uncovered
from o365_pipeline.purge.retention import plan_retention
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.lakes import Lakes

PURGE_JOB = "purge_job"
MAX_CUSTOMERS = 50
"""How many customers one tick looks at; the next tick continues after them."""

MAX_ROUNDS = 10
"""How many plans one run carries out: an unfinished one first, then those that are due."""


class PurgeConfig(dg.Config):
    """The customer whose data is purged."""

    customer: str = Field(
        description="The customer of whose data is deleted what no approval covers any more, and what is too old."
    )
    although_in_doubt: bool = Field(
        default=False, description="Also where a renewal may have been missed, because the feed was not read."
    )


@dg.op(
    description="Deletes what no approval of the customer has covered for longer than the grace, and what is older "
    "than the customer keeps it, and records it.",
    retry_policy=REPEATED,
)
def purge(
    context: dg.OpExecutionContext,
    config: PurgeConfig,
    database: dg.ResourceParam[Database],
    marts: dg.ResourceParam[Marts],
    lakes: dg.ResourceParam[Lakes],
    customers: dg.ResourceParam[Customers],
    cloud: dg.ResourceParam[Cloud],
) -> None:
    with working_on(context):
        customer = customers[config.customer]
        customer.check_may_delete()
        clock.check(database, dt.datetime.now(dt.UTC))
        wait_for_others(context, customer.name)
        for request_id in erasure.unfinished(database, customer):
            erasure.carry_out(marts, lakes.of(customer), customer, request_id)
            context.log.info(f"{customer.name}: request {request_id} is done, a person is erased")
        for _ in range(MAX_ROUNDS):
            plan = next_plan(database, customer, dt.datetime.now(dt.UTC), config.although_in_doubt)
            if plan is None:
                context.log.info(f"{customer.name}: nothing more is to be purged")
                return
            carry_out(context.instance, marts, lakes.of(customer), customer, plan, cloud)
            context.log.info(f"{customer.name}: purge {plan.purge_id} is done ({plan.reason})")


def next_plan(database: Database, customer: Customer, now: dt.datetime, although_in_doubt: bool = False) -> Plan | None:
    """Returns what is to be deleted next: what was begun, what no approval covers, what is older than it is kept."""
    return (
        deletion.unfinished(database, customer)
        or plan_purge(database, customer, now, although_in_doubt)
        or plan_retention(database, customer, now.date())
    )


def carry_out(
    instance: dg.DagsterInstance,
    marts: Marts,
    lake: Lake,
    customer: Customer,
    plan: Plan,
    cloud: Cloud | None = None,
) -> None:
    """Begins a purge, or continues one that was begun, and finishes it."""
    database = marts.ledger
    deletion.begin(database, plan, dt.datetime.now(dt.UTC))
    days = deletion.delete(marts, lake, customer, plan, cloud)
    runs = delete_runs(instance, customer.name, days, live_days(database, customer)) if days else 0
    deletion.finish(database, plan, runs, dt.datetime.now(dt.UTC))


purge_job = customer_job(
    PURGE_JOB,
    purge,
    PurgeConfig(customer=EXAMPLE),
    "Deletes of a customer's raw, curated and mart data, and of what Dagster remembers of it, what no approval has "
    "covered for longer than the grace, what is older than the customer keeps it, and a person whose erasure was "
    "begun. Launched by the purge sensor and the schedule daily_retention; to repeat it does no harm.",
    stage="purge",
)


def announced(database: Database, customer: Customer, day: dt.datetime, at: dt.datetime) -> str:
    """Says why a purge is not carried out now, or when it will be."""
    if day <= at and (doubt := missing_decisions(database, customer, at)):
        return f"not purged, since {doubt}; ask the approver, then: o365-pipeline purge --although-in-doubt"
    return f"what is no longer approved is purged on {day:%Y-%m-%d}"


def purge_request(customer: str, run_key: str | None = None, although_in_doubt: bool = False) -> dg.RunRequest:
    """Requests the run that purges what is due of a customer."""
    config = PurgeConfig(customer=customer, although_in_doubt=although_in_doubt)
    return customer_run(PURGE_JOB, purge, config, customer, run_key)


def build_purge_sensor(default_status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Builds the sensor; `default_status` says whether it is on until somebody changes that in the UI."""

    @dg.sensor(
        job_name=PURGE_JOB,
        minimum_interval_seconds=600,
        default_status=default_status,
        tags=stage_tag("purge"),
        description=(
            "Launches the purge of customers whose data outlives its approval by more than the grace, and says whose "
            "will be purged when."
        ),
    )
    def purge_sensor(
        context: dg.SensorEvaluationContext,
        database: dg.ResourceParam[Database],
        customers: dg.ResourceParam[Customers],
    ) -> dg.SensorResult:
        now = dt.datetime.now(dt.UTC)
        if doubt := clock.doubt(database, now):
            return dg.SensorResult(skip_reason=doubt, cursor=context.cursor)
        chosen = in_turn((customer.name for customer in customers), context.cursor or "")[:MAX_CUSTOMERS]
        erasures = erasure.unfinished_of(database, chosen)
        requests: list[dg.RunRequest] = []
        coming: list[str] = []
        for name in chosen:
            customer = customers[name]
            lapsed = uncovered(database, customer, now)
            plan = deletion.unfinished(database, customer) or plan_of(database, customer, lapsed, now)
            begun = plan.purge_id if plan else next(iter(erasures.get(name, [])), None)
            if begun and customer.legal_hold:
                coming.append(f"{name}: the legal hold ({customer.legal_hold}) forbids the purge that is due")
            elif begun:
                # Under a key of its hour a purge that failed is asked for again, but not at every tick.
                requests.append(purge_request(name, f"{begun}:{now:%Y-%m-%dT%H}"))
            elif day := first_due(customer, lapsed):
                coming.append(f"{name}: {announced(database, customer, day, now)}")
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=None if requests else "; ".join(coming) or "Nothing is to be purged.",
            cursor=chosen[-1] if chosen else "",
        )

    return purge_sensor
