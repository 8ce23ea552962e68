"""The command line, `o365-pipeline ...`: reads arguments, calls the stages, turns errors into one line and a status.

What belongs here: commands and their help texts; those about consent and customers are in files of their own. Exit
status 0 only when a command did what was asked, 2 for bad input, 1 for what failed.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import sys
import warnings
from pathlib import Path

import click
import dagster as dg

from o365_pipeline.cli.consent import consent, purge, why_missing
from o365_pipeline.cli.customers import customers
from o365_pipeline.cli.docs import docs
from o365_pipeline.cli.managed_app import managed_app
from o365_pipeline.cli.mart import mart
from o365_pipeline.cli.plan import plan
from o365_pipeline.cli.quarantine import quarantine
from o365_pipeline.cli.purchaser import comply, install, uninstall, violate
from o365_pipeline.cli.terminal import DAY, progress, stdout
from o365_pipeline.consent.approvals import State
from o365_pipeline.datasets import catalogue
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.errors import DatabaseError, ExtractionError, O365PipelineError, SettingsError, UsageError
from o365_pipeline.sandbox.microsoft365 import admin_center

BAD_INPUT = (DatabaseError, SettingsError, UsageError)


def main() -> None:
    """Run the command line; the pipeline's own errors are one line on stderr."""
    warnings.filterwarnings("ignore", category=dg.BetaWarning)
    logging.getLogger("dagster").setLevel(logging.WARNING)
    # What it warns of, attempts to sign in for example, is told in one line where it matters.
    logging.getLogger("azure").setLevel(logging.ERROR)
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
@click.option("--customer", "customer_name", help="Whose data; the only customer where there is one.")
def demo(tenant_data: Path | None, first_day: dt.datetime | None, days: int | None, customer_name: str | None) -> None:
    """Take the sandbox from approval to a filled mart, in this terminal."""
    deployment = load(
        tenant_data=tenant_data,
        first_day=first_day.date() if first_day else None,
        initial_days=days,
    )
    if not deployment.is_sandbox:
        raise SettingsError("the demo runs in the sandbox alone: unset O365_DEPLOYMENT, or set it to sandbox")
    deployment.use_dagster_home()
    from o365_pipeline.cli.demo import run_demo

    run_demo(deployment, deployment.customers.chosen(customer_name), stdout())


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
    """Extract days of data and take them to the mart; what was extracted before is not paid for again.

    Data Connect takes some 45 minutes. Ctrl-C leaves the factory at work; the same command goes on from there.
    """
    from o365_pipeline.cli.headless import Headless, extraction_of_days
    from o365_pipeline.extraction import watch

    first, last = first_day.date(), (last_day or first_day).date()
    if last < first:
        raise UsageError(f"--to {last} lies before --from {first}")
    named = [catalogue()[name] for name in datasets]
    deployment = load()
    customer = deployment.customers.chosen(customer_name)
    deployment.use_dagster_home()
    with dg.DagsterInstance.get() as instance:
        headless = Headless(deployment, instance)
        asked, request = extraction_of_days(deployment, headless, customer, named, first, last)
        factory, log = deployment.resources["data_factory"], logging.getLogger("o365_pipeline")
        with progress(stdout(), "Data Factory extracts windows", len(asked)) as ended:
            try:
                watch.wait_for_all(deployment.database, factory, customer, asked, log, ended)
            except KeyboardInterrupt:
                raise ExtractionError("interrupted; the factory goes on, and the same command finds its runs") from None
        steps = headless.steps(request)
        with progress(stdout(), f"{customer.name} {first} to {last}, steps", steps) as tell:
            headless.execute(request, tell)
            tell(steps)


@cli.command()
def doctor() -> None:
    """Try every connection that an extraction needs, and say what works, what does not, and what to do.

    Nothing is extracted and nothing is spent.
    """
    from o365_pipeline.cli.doctor import examine

    marks = {True: "works", False: "FAILS", None: "later"}
    failed = 0
    for finding in examine(load()):
        failed += finding.works is False
        click.echo(f"{marks[finding.works]}  {finding.what}: {finding.told}")
    if failed:
        raise O365PipelineError(f"{failed} of the connections do not work")


@cli.group()
def sandbox() -> None:
    """Play the people of the sandbox: the approver at the Microsoft 365 admin center, the offer's purchasers."""


def _register(deployment: Deployment) -> None:
    """Put the deployment's data requests before the sandbox's approvers."""
    for customer in deployment.customers:
        deployment.sandbox.register(customer.tenant_id, customer.data_request, [customer.sink])


def _decide(state: State, approver: str, reason: str | None, customer_name: str | None) -> None:
    deployment = load()
    decides = [deployment.customers[customer_name]] if customer_name else list(deployment.customers)
    _register(deployment)
    for customer in decides:
        deployment.sandbox.decide(customer.tenant_id, customer.data_request.application_id, state, approver, reason)
        click.echo(f"{customer.name}: {state} by {approver}")


APPROVER = click.option("--approver", default=admin_center.APPROVER, show_default=True, help="Who decides.")
REASON = click.option("--reason", help="Why.")
WHOSE = click.option("--customer", "customer_name", help="Whose approver decides. Default: that of every customer.")


@sandbox.command()
@click.option("--port", type=click.IntRange(0, 65535), default=3001, show_default=True, help="Where the page listens.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address the page listens on.")
def serve(port: int, host: str) -> None:
    """Serve the approver's page: see what is asked for, approve, decline, revoke. Ctrl-C ends it."""
    from o365_pipeline.sandbox.microsoft365 import approver_page
    from o365_pipeline.web import server as web_server

    deployment = load()
    _register(deployment)
    app = approver_page.approver_app(deployment.sandbox)
    web_server.serve(app, host, port, lambda address: click.echo(f"The approver's page: {address} (Ctrl-C ends it)"))


@sandbox.command()
@click.option("--port", type=click.IntRange(0, 65535), default=3443, show_default=True, help="Where it listens.")
@click.option("--host", default="localhost", show_default=True, help="The address it listens on.")
@click.option("--certificate", type=click.Path(path_type=Path, exists=True), required=True, help="PEM file for HTTPS.")
@click.option("--key", type=click.Path(path_type=Path, exists=True), required=True, help="PEM file of its key.")
def azure(port: int, host: str, certificate: Path, key: Path) -> None:
    """Serve the sandbox's Azure over HTTPS, to rehearse a deployment as on Azure. Ctrl-C ends it.

    Resource Manager, the activity feed and Entra's sign-in answer at one address; docs/azure.md shows the settings.
    """
    from o365_pipeline.web import server as web_server

    deployment = load()
    _register(deployment)
    files = web_server.Certificate(certificate, key)
    web_server.serve(
        deployment.sandbox_cloud.served, host, port, lambda address: click.echo(f"Azure's APIs: {address}"), files
    )


@sandbox.command()
@APPROVER
@REASON
@WHOSE
def approve(approver: str, reason: str | None, customer_name: str | None) -> None:
    """Approve the data request for 180 days."""
    _decide(State.APPROVED, approver, reason, customer_name)


@sandbox.command()
@APPROVER
@REASON
@WHOSE
def deny(approver: str, reason: str | None, customer_name: str | None) -> None:
    """Deny the data request."""
    _decide(State.DENIED, approver, reason, customer_name)


@sandbox.command()
@APPROVER
@REASON
@WHOSE
def revoke(approver: str, reason: str | None, customer_name: str | None) -> None:
    """Take an approval back: to Data Connect that is a denial after the approval."""
    _decide(State.DENIED, approver, reason, customer_name)


for command in (install, uninstall, violate, comply):
    sandbox.add_command(command)
cli.add_command(consent)
cli.add_command(mart)
cli.add_command(managed_app)
cli.add_command(customers)
cli.add_command(plan)
cli.add_command(purge)
cli.add_command(quarantine)
cli.add_command(docs)
cli.add_command(why_missing)
