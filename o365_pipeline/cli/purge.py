"""The command `o365-pipeline purge`: it deletes data that no approval covers any more or that is too old, and shows the
record.

What belongs here: reading arguments and printing. Deciding and deleting belong to `purge/`.
"""

from __future__ import annotations

import datetime as dt

import click
import dagster as dg

from o365_pipeline.cli.consent import read_consent_or_say_so
from o365_pipeline.cli.headless import Headless
from o365_pipeline.cli.terminal import Answer, answering
from o365_pipeline.customers.customer import Customer
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.mart.loading import loaded_days
from o365_pipeline.purge import clock, deletion, erasure
from o365_pipeline.purge.job import announced, next_plan, purge_request
from o365_pipeline.purge.live_data import dead_objects
from o365_pipeline.purge.plan import Plan, next_purge_at
from o365_pipeline.raw.lake import Lake


@click.command()
@click.option("--customer", "customer_name", help="Whose data; the only customer where there is one.")
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, or when something will; delete nothing.")
@click.option(
    "--although-in-doubt", is_flag=True, help="Also where a renewal may have been missed; ask the approver first."
)
@click.option(
    "--clock-is-right", is_flag=True, help="Also where the clock is more than a month ahead of the last look."
)
@answering()
def purge(
    customer_name: str | None, dry_run: bool, although_in_doubt: bool, clock_is_right: bool, answer: Answer
) -> None:
    """Delete what no approval has covered for longer than the grace and what is too old, finish erasures that were
    begun, and show the record.
    """
    deployment = load()
    customer = deployment.customers.chosen(customer_name)
    read_consent_or_say_so(deployment, [customer])
    now = dt.datetime.now(dt.UTC)
    if clock_is_right:
        clock.believe(deployment.database, now)
    plan = next_plan(deployment.database, customer, now, although_in_doubt)
    if customer.legal_hold:
        answer.note(f"{customer.name}: legal hold ({customer.legal_hold}), nothing is deleted until it is lifted")
    begun = len(erasure.unfinished(deployment.database, customer))
    if begun and dry_run:
        answer.note(f"{customer.name}: {begun:,} erasures of people were begun and would be finished")
    if plan is None and not begun:
        coming = next_purge_at(deployment.database, customer, now)
        when = f"; {announced(deployment.database, customer, coming, now)}" if coming else ""
        answer.note(f"{customer.name}: nothing is to be purged now{when}")
    elif dry_run:
        if plan:
            told = _told(plan, deployment, customer, deployment.lakes.of(customer))
            answer.note(f"{customer.name}: {told} would be deleted ({plan.reason})")
    else:
        customer.check_may_delete()
        clock.check(deployment.database, now)
        deployment.use_dagster_home()
        with dg.DagsterInstance.get() as instance:
            Headless(deployment, instance).execute(purge_request(customer.name, None, although_in_doubt))
    rows = [
        (
            f"{row.purged_at:%Y-%m-%d %H:%M}" if row.purged_at else "unfinished",
            row.lake_objects,
            row.lake_bytes,
            row.mart_rows,
            row.dagster_runs,
            row.reason,
        )
        for row in deletion.records(deployment.database, customer)
    ]
    if rows:
        columns = ("purged (UTC)", "lake objects", "lake bytes", "mart rows", "runs", "because")
        answer.table("purges", f"Purges of {customer.name}", columns, rows)


def _told(plan: Plan, deployment: Deployment, customer: Customer, lake: Lake) -> str:
    """Says what a plan deletes."""
    stripped = sum(1 for entry in plan.deletions if entry.columns)
    parts = [f"{len(plan.whole)} extractions"] if plan.whole else []
    parts += [f"columns of {stripped} extractions"] if stripped else []
    if plan.horizon:
        objects = dead_objects(deployment.database, lake, customer, plan.horizon)
        days = {day for day in loaded_days(deployment.marts[customer.name], customer.name) if day < plan.horizon.mart}
        parts += [
            f"{len(objects):,} files ({sum(size for _, size in objects):,} bytes) and {len(days)} of the mart's days"
        ]
    return " and ".join(parts)
