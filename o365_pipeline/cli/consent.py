"""The commands about consent: what was asked and said, what moved because of it, what is purged.

What belongs here: reading arguments and printing; `cli/main.py` puts the commands under `o365-pipeline`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import click
import dagster as dg

from o365_pipeline.cli.terminal import DAY, stdout, table
from o365_pipeline.consent import approval_ledger, feed_ledger
from o365_pipeline.consent.request_change import refusals, request_change
from o365_pipeline.curated import missing_person
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.data_request import read_data_request
from o365_pipeline.datasets import catalogue
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.errors import FeedError, UsageError
from o365_pipeline.mart.people import person_of


@click.group()
def consent() -> None:
    """What approvers were asked, and what they said."""


@consent.command()
@click.option("--customer", "customer_name", help="One customer, with the history of its decisions.")
def show(customer_name: str | None) -> None:
    """Show where each customer's data request stands, and every decision about one of them."""
    deployment = load()
    chosen = [deployment.customers[customer_name]] if customer_name else list(deployment.customers)
    _read_consent(deployment, chosen)
    now = dt.datetime.now(dt.UTC)
    summaries = feed_ledger.summaries(deployment.database)
    rows = []
    for customer in chosen:
        stands = approval_ledger.standing_of(deployment.database, customer, now)
        until = stands.approval.expires_at if stands.approval else None
        rows.append(
            (
                customer.name,
                str(stands.state or "no decision read yet"),
                stands.approval.approver if stands.approval else None,
                until and f"{until:%Y-%m-%d}",
                stands.days_left(now),
                summaries[customer.name].aside if customer.name in summaries else 0,
            )
        )
    columns = ("customer", "state", "approver", "until", "days left", "records kept aside")
    stdout().print(table("Data requests", columns, rows))
    for customer in chosen:
        if (summary := summaries.get(customer.name)) and summary.missed:
            click.echo(f"{customer.name}: decisions of {summary.missed} may be missing")
    if len(chosen) == 1:
        _show_history(deployment, chosen[0])


def _show_history(deployment: Deployment, customer: Customer) -> None:
    click.echo(f"Decisions about the data request of {customer.name}, times in UTC:")
    for event in approval_ledger.events(deployment.database, customer):
        parts = [f"version {event.application_version}", f"{len(event.datasets)} datasets"]
        parts += [f"by {event.approver}"] if event.approver else []
        parts += [f"until {event.expires_at:%Y-%m-%d}"] if event.expires_at else []
        parts += [f"because: {event.reason}"] if event.reason else []
        click.echo(f"  {event.updated_at:%Y-%m-%d %H:%M}  {event.state:<20}  {', '.join(parts)}")


@consent.command()
@click.option("--customer", "customer_name", help="Whose approval; the only customer where there is one.")
@click.option(
    "--request",
    "path",
    type=click.Path(path_type=Path),
    help="TOML file of a changed data request. Default: the one that is configured.",
)
def diff(customer_name: str | None, path: Path | None) -> None:
    """Show what a data request adds to and drops from the approval in force, and if it needs a new one.

    A line that begins with + is asked for and not approved, one with - is approved and not asked for.
    """
    deployment = load()
    customer = deployment.customers.chosen(customer_name)
    if path:
        customer = customer.model_copy(update={"data_request": read_data_request(path)})
    _read_consent(deployment, [customer])
    stands = approval_ledger.standing_of(deployment.database, customer, dt.datetime.now(dt.UTC))
    if stands.approval:
        change = request_change(stands.approval, customer.data_request, [customer.sink])
        for line in change.lines():
            click.echo(line)
    refused = refusals(customer, stands)
    for reason in refused:
        click.echo(f"refused today by {reason}")
    if refused:
        click.echo("A new approval is needed before this is put to work.")
    else:
        click.echo("No new approval is needed: the approval in force covers all that is asked.")


@click.command()
@click.option("--customer", "customer_name", help="Whose data; the only customer where there is one.")
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, or when something will; delete nothing.")
@click.option(
    "--although-in-doubt", is_flag=True, help="Also where a renewal may have been missed; ask the approver first."
)
def purge(customer_name: str | None, dry_run: bool, although_in_doubt: bool) -> None:
    """Delete what no approval has covered for longer than the grace, as the purge sensor does, and show the record."""
    from o365_pipeline.cli.headless import Headless
    from o365_pipeline.purge import deletion
    from o365_pipeline.purge.job import announced, purge_request
    from o365_pipeline.purge.plan import due, next_due

    deployment = load()
    customer = deployment.customers.chosen(customer_name)
    _read_consent(deployment, [customer])
    now = dt.datetime.now(dt.UTC)
    plan = deletion.unfinished(deployment.database, customer) or due(
        deployment.database, customer, now, although_in_doubt
    )
    if plan is None:
        coming = next_due(deployment.database, customer, now)
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


@click.command("why-missing")
@click.argument("person")
@click.option("--day", type=DAY, required=True, help="The day, as 2026-11-16.")
@click.option("--dataset", "dataset_name", help="A dataset, as Message_v1. Default: all requested ones of people.")
@click.option("--customer", "customer_name", help="Whose data; the only customer where there is one.")
def why_missing(person: str, day: dt.datetime, dataset_name: str | None, customer_name: str | None) -> None:
    """Say why a person's rows of a day are missing, or how many there are, for each dataset.

    PERSON is an Entra object id, or a mail address or sign-in name that the mart knows.
    """
    deployment = load()
    customer = deployment.customers.chosen(customer_name)
    of_people = [entry.dataset for entry in customer.data_request.datasets if entry.dataset.owner == "puser"]
    datasets = [catalogue()[dataset_name]] if dataset_name else of_people
    if nobodys := next((dataset.name for dataset in datasets if dataset.owner != "puser"), None):
        raise UsageError(f"{nobodys}: its rows are of groups or sites, not of people; name a dataset of mailboxes")
    person_id = person_of(deployment.marts[customer.name], customer, person)
    for dataset in datasets:
        found = missing_person.why_missing(
            deployment.database, deployment.lakes.of(customer), customer, dataset, person_id, day.date()
        )
        click.echo(f"{dataset.name}: {found}")


def _read_consent(deployment: Deployment, customers: Sequence[Customer]) -> None:
    """Read what approvers decided up to now; where that fails, say that what follows may be old."""
    from o365_pipeline.cli.headless import read_consent

    try:
        read_consent(deployment, customers)
    except FeedError as error:
        click.echo(f"o365-pipeline: {error}; what follows is what was read before", err=True)
