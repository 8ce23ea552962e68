"""The command line, `o365-pipeline ...`: reads arguments, calls the stages, turns errors into one line and a status.

What belongs here: commands and their help texts. Exit status 0 only when a command did what was asked, 2 for bad
input, 1 for what failed.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import click
import dagster as dg
from rich.console import Console

from o365_pipeline.consent import approval_ledger, feed_ledger
from o365_pipeline.consent.approvals import State
from o365_pipeline.consent.data_request import read_data_request
from o365_pipeline.consent.request_change import refusals, request_change
from o365_pipeline.curated import missing_person
from o365_pipeline.customers import Customer
from o365_pipeline.datasets import catalogue
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.errors import DatabaseError, FeedError, O365PipelineError, SettingsError, UsageError
from o365_pipeline.mart.people import person_of
from o365_pipeline.sandbox import admin_center
from o365_pipeline.terminal import progress, table

BAD_INPUT = (DatabaseError, SettingsError, UsageError)
DAY = click.DateTime(formats=["%Y-%m-%d"])


def main() -> None:
    """Run the command line; the pipeline's own errors are one line on stderr."""
    warnings.filterwarnings("ignore", category=dg.BetaWarning)
    logging.getLogger("dagster").setLevel(logging.WARNING)
    try:
        sys.exit(cli(prog_name="o365-pipeline", standalone_mode=False) or 0)
    except click.ClickException as error:
        click.echo(f"o365-pipeline: {error.format_message()}", err=True)
        sys.exit(2)
    except click.Abort:
        sys.exit(130)
    except O365PipelineError as error:
        click.echo(f"o365-pipeline: {error}", err=True)
        sys.exit(2 if isinstance(error, BAD_INPUT) else 1)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="o365-pipeline")
def cli() -> None:
    """Office 365 data through Microsoft Graph Data Connect, from an approver's yes to a SQL table.

    Settings are environment variables that begin with O365_; the README lists them.
    """


@cli.command()
@click.option(
    "--tenant-data",
    type=click.Path(path_type=Path),
    help="Folder of files in Data Connect's format, named <dataset>.json, instead of synthetic rows.",
)
@click.option("--first-day", type=DAY, help="First day to extract, as 2026-11-16.")
@click.option("--days", type=click.IntRange(1, 366), help="How many days to extract.")
def demo(tenant_data: Path | None, first_day: dt.datetime | None, days: int | None) -> None:
    """Take the sandbox from approval to a filled mart, in this terminal."""
    deployment = load(
        tenant_data=tenant_data,
        first_day=first_day.date() if first_day else None,
        initial_days=days,
    )
    if not deployment.is_sandbox:
        raise SettingsError("the demo runs in the sandbox alone: unset O365_DEPLOYMENT, or set it to sandbox")
    deployment.use_dagster_home()
    from o365_pipeline.demo import run_demo

    run_demo(deployment, _stdout())


@cli.command()
@click.option("--port", default=3000, show_default=True, help="Where the UI listens.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address the UI listens on.")
def dev(port: int, host: str) -> None:
    """Open the Dagster UI, with sensors and schedules at work."""
    deployment = load()
    deployment.use_dagster_home()
    if deployment.is_sandbox:
        _register(deployment)
    arguments = ["dev", "-m", "o365_pipeline.definitions", "--host", host, "--port", str(port)]
    dagster = str(Path(sys.executable).with_name("dagster"))
    os.execv(dagster, [dagster, *arguments])  # noqa: S606 - it replaces this process


@cli.command()
@click.option("--customer", "customer_name", help="Whose data; the only customer where there is one.")
@click.option(
    "--dataset", "datasets", multiple=True, help="A dataset, as Message_v1; again for more. Default: all requested."
)
@click.option("--from", "first_day", type=DAY, required=True, help="First day, as 2026-11-16.")
@click.option("--to", "last_day", type=DAY, help="Last day, included. Default: the first.")
def extract(
    customer_name: str | None, datasets: tuple[str, ...], first_day: dt.datetime, last_day: dt.datetime | None
) -> None:
    """Extract days of data and take them to the mart; what was extracted before is not paid for again."""
    from o365_pipeline.headless import Headless, extraction_of_days

    first, last = first_day.date(), (last_day or first_day).date()
    if last < first:
        raise UsageError(f"--to {last} lies before --from {first}")
    named = [catalogue()[name] for name in datasets]
    deployment = load()
    customer = _customer(deployment, customer_name)
    deployment.use_dagster_home()
    with dg.DagsterInstance.get() as instance:
        headless = Headless(deployment, instance)
        request = extraction_of_days(deployment, headless, customer, named, first, last)
        steps = headless.steps(request)
        with progress(_stdout(), f"{customer.name} {first} to {last}, steps", steps) as tell:
            headless.execute(request, tell)
            tell(steps)


@cli.command()
@click.option("--customer", "customer_name", help="Whose data; the only customer where there is one.")
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, or when something will; delete nothing.")
def purge(customer_name: str | None, dry_run: bool) -> None:
    """Delete what no approval has covered for longer than the grace, as the purge sensor does, and show the record."""
    from o365_pipeline.headless import Headless
    from o365_pipeline.purge import deletion
    from o365_pipeline.purge.job import purge_request
    from o365_pipeline.purge.plan import due, next_due

    deployment = load()
    customer = _customer(deployment, customer_name)
    _read_consent(deployment, [customer])
    now = dt.datetime.now(dt.UTC)
    plan = deletion.unfinished(deployment.database, customer) or due(deployment.database, customer, now)
    if plan is None:
        coming = next_due(deployment.database, customer, now)
        when = f"; what is no longer approved is purged on {coming:%Y-%m-%d}" if coming else ""
        click.echo(f"{customer.name}: nothing is to be purged now{when}")
    elif dry_run:
        parts = sum(1 for entry in plan.deletions if entry.columns)
        whole = [f"{len(plan.whole)} extractions"] if plan.whole else []
        what = " and ".join([*whole, *([f"columns of {parts} extractions"] if parts else [])])
        click.echo(f"{customer.name}: {what} would be deleted ({plan.reason})")
    else:
        deployment.use_dagster_home()
        with dg.DagsterInstance.get() as instance:
            Headless(deployment, instance).execute(purge_request(customer.name))
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
        _stdout().print(table(f"Purges of {customer.name}", columns, rows))


@cli.command("why-missing")
@click.argument("person")
@click.option("--day", type=DAY, required=True, help="The day, as 2026-11-16.")
@click.option("--dataset", "dataset_name", help="A dataset, as Message_v1. Default: all requested.")
@click.option("--customer", "customer_name", help="Whose data; the only customer where there is one.")
def why_missing(person: str, day: dt.datetime, dataset_name: str | None, customer_name: str | None) -> None:
    """Say why a person's rows of a day are missing, or how many there are, for each dataset.

    PERSON is an Entra object id, or a mail address or sign-in name that the mart knows.
    """
    deployment = load()
    customer = _customer(deployment, customer_name)
    requested = [entry.dataset for entry in customer.data_request.datasets]
    datasets = [catalogue()[dataset_name]] if dataset_name else requested
    person_id = person_of(deployment.database, customer, person)
    for dataset in datasets:
        found = missing_person.why_missing(
            deployment.database, deployment.lake, customer, dataset, person_id, day.date()
        )
        click.echo(f"{dataset.name}: {found}")


@cli.group()
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
    _stdout().print(table("Data requests", columns, rows))
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
    customer = _customer(deployment, customer_name)
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


@cli.group()
def sandbox() -> None:
    """Play the people of the sandbox: the approver at the Microsoft 365 admin center."""


def _register(deployment: Deployment) -> None:
    """Put the deployment's data requests before the sandbox's approvers."""
    for customer in deployment.customers:
        deployment.sandbox.register(customer.tenant_id, customer.data_request, [customer.sink])


def _decide(state: State, approver: str, reason: str | None) -> None:
    deployment = load()
    _register(deployment)
    for customer in deployment.customers:
        deployment.sandbox.decide(customer.tenant_id, customer.data_request.application_id, state, approver, reason)
        click.echo(f"{customer.name}: {state} by {approver}")


APPROVER = click.option("--approver", default=admin_center.APPROVER, show_default=True, help="Who decides.")
REASON = click.option("--reason", help="Why.")


@sandbox.command()
@click.option("--port", type=click.IntRange(0, 65535), default=3001, show_default=True, help="Where the page listens.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address the page listens on.")
def serve(port: int, host: str) -> None:
    """Serve the approver's page: see what is asked for, approve, decline, revoke. Ctrl-C ends it."""
    from o365_pipeline.sandbox import approver_page, web_server

    deployment = load()
    _register(deployment)
    app = approver_page.approver_app(deployment.sandbox)
    web_server.serve(app, host, port, lambda address: click.echo(f"The approver's page: {address} (Ctrl-C ends it)"))


@sandbox.command()
@APPROVER
@REASON
def approve(approver: str, reason: str | None) -> None:
    """Approve the data request for 180 days."""
    _decide(State.APPROVED, approver, reason)


@sandbox.command()
@APPROVER
@REASON
def deny(approver: str, reason: str | None) -> None:
    """Deny the data request."""
    _decide(State.DENIED, approver, reason)


@sandbox.command()
@APPROVER
@REASON
def revoke(approver: str, reason: str | None) -> None:
    """Take an approval back: to Data Connect that is a denial after the approval."""
    _decide(State.DENIED, approver, reason)


def _stdout() -> Console:
    return Console(highlight=False, markup=False, emoji=False)


def _read_consent(deployment: Deployment, customers: Sequence[Customer]) -> None:
    """Read what approvers decided up to now; where that fails, say that what follows may be old."""
    from o365_pipeline.headless import read_consent

    try:
        read_consent(deployment, customers)
    except FeedError as error:
        click.echo(f"o365-pipeline: {error}; what follows is what was read before", err=True)


def _customer(deployment: Deployment, name: str | None) -> Customer:
    customers = list(deployment.customers)
    if name is None and len(customers) == 1:
        return customers[0]
    if name is None:
        raise UsageError(f"--customer is missing; known are {', '.join(customer.name for customer in customers)}")
    return deployment.customers[name]
