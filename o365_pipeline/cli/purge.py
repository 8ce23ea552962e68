"""The command `o365-pipeline purge`: it deletes data that no approval covers any more, and shows the record.

What belongs here: reading arguments and printing. Deciding and deleting belong to `purge/`.
"""

from __future__ import annotations

import datetime as dt

import click
import dagster as dg

from o365_pipeline.cli.consent import read_consent_or_say_so
from o365_pipeline.cli.headless import Headless
from o365_pipeline.cli.terminal import stdout, table
from o365_pipeline.deployment import load
from o365_pipeline.purge import deletion
from o365_pipeline.purge.job import announced, purge_request
from o365_pipeline.purge.plan import next_purge_at, plan_purge


@click.command()
@click.option("--customer", "customer_name", help="Whose data; the only customer where there is one.")
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, or when something will; delete nothing.")
@click.option(
    "--although-in-doubt", is_flag=True, help="Also where a renewal may have been missed; ask the approver first."
)
def purge(customer_name: str | None, dry_run: bool, although_in_doubt: bool) -> None:
    """Delete what no approval has covered for longer than the grace, as the purge sensor does, and show the record."""
    deployment = load()
    customer = deployment.customers.chosen(customer_name)
    read_consent_or_say_so(deployment, [customer])
    now = dt.datetime.now(dt.UTC)
    plan = deletion.unfinished(deployment.database, customer) or plan_purge(
        deployment.database, customer, now, although_in_doubt
    )
    if plan is None:
        coming = next_purge_at(deployment.database, customer, now)
        when = f"; {announced(deployment.database, customer, coming, now)}" if coming else ""
        click.echo(f"{customer.name}: nothing is to be purged now{when}")
    elif dry_run:
        parts = sum(1 for entry in plan.deletions if entry.columns)
        whole = [f"{len(plan.whole)} extractions"] if plan.whole else []
        what = " and ".join([*whole, *([f"columns of {parts} extractions"] if parts else [])])
        click.echo(f"{customer.name}: {what} would be deleted ({plan.reason})")
    else:
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
        stdout().print(table(f"Purges of {customer.name}", columns, rows))
