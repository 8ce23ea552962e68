"""The demonstration on the sandbox, from an approver's yes to a filled mart, shown step by step on the terminal.

What belongs here: the sequence and its texts. The work is done by the same sensors and jobs as under `dev`.
"""

from __future__ import annotations

import datetime as dt
import shlex
import time
from pathlib import Path

import click
import dagster as dg
import sqlalchemy as sa
from rich.console import Console

from o365_pipeline.cli.headless import Headless, read_consent
from o365_pipeline.cli.terminal import DAY, progress, stdout, table
from o365_pipeline.consent import approval_ledger
from o365_pipeline.consent.approvals import State
from o365_pipeline.consent.request_change import refusals
from o365_pipeline.curated.row_accounting import account
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.data_request import as_toml, read_data_request, request_of
from o365_pipeline.database.database import Database
from o365_pipeline.datasets import catalogue
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.deployment.settings import read_settings
from o365_pipeline.errors import O365PipelineError, SettingsError, UsageError
from o365_pipeline.extraction import extraction_ledger
from o365_pipeline.insights.report import report
from o365_pipeline.mart.questions import questions
from o365_pipeline.mart.tables import MART_TABLES
from o365_pipeline.sandbox.tenant.tenant_files import TenantFiles, files_in

APPROVER = "approver@contoso.example"
TICK_SECONDS = 0.5
PATIENCE_SECONDS = 600


@click.command()
@click.option(
    "--tenant-data",
    type=click.Path(path_type=Path),
    help="Folder of files in Data Connect's format, named <dataset>.json, or of folders <dataset>/ of part files, "
    "instead of synthetic rows.",
)
@click.option(
    "--write-request",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --tenant-data: write a data request for exactly the datasets that are there to this file, and use it.",
)
@click.option("--first-day", type=DAY, help="First day to extract, as 2026-11-16.")
@click.option("--days", type=click.IntRange(1, 366), help="How many days to extract.")
@click.option("--customer", "customer_name", help="Whose data; the only customer where there is one.")
def demo(
    tenant_data: Path | None,
    write_request: Path | None,
    first_day: dt.datetime | None,
    days: int | None,
    customer_name: str | None,
) -> None:
    """Take the sandbox from approval to a filled mart, in this terminal."""
    if write_request:
        _write_request(tenant_data, write_request)
    deployment = load(
        tenant_data=tenant_data,
        data_request=write_request,
        first_day=first_day.date() if first_day else None,
        initial_days=days,
    )
    if not deployment.is_sandbox:
        raise SettingsError("the demo runs in the sandbox alone: unset O365_DEPLOYMENT, or set it to sandbox")
    deployment.use_dagster_home()
    customer, console = deployment.customers.chosen(customer_name), stdout()
    run_demo(deployment, customer, console)
    console.print(f"To look at it: {write_report(deployment, customer)}", soft_wrap=True)


def write_report(deployment: Deployment, customer: Customer) -> Path:
    """Writes what the mart tells as a page that needs nothing else; returns its path."""
    path = deployment.home / "report.html"
    text = report(deployment.marts[customer.name], customer.name, "o365-pipeline insights")
    path.write_text(text, encoding="utf-8")
    return path


def _write_request(tenant_data: Path | None, target: Path) -> None:
    """Writes a data request for exactly the datasets of which there are files; a file that says otherwise stays."""
    if tenant_data is None:
        raise UsageError("--write-request needs --tenant-data: it asks for what is there")
    configured = read_data_request(read_settings({}).data_request)
    text = as_toml(request_of(files_in(tenant_data).datasets, configured))
    if target.exists() and target.read_text(encoding="utf-8") != text:
        raise UsageError(
            f"--write-request {target}: there is another file; name a new one, or O365_DATA_REQUEST={target}"
        )
    target.write_text(text, encoding="utf-8")


def run_demo(deployment: Deployment, customer: Customer, console: Console) -> None:
    """Runs the demonstration with one of the deployment's customers.

    Raises:
        O365PipelineError: a step failed.
    """
    if customer.first_day >= dt.datetime.now(dt.UTC).date():
        raise UsageError(f"{customer.first_day} is not over yet (UTC): extract days that are")
    runs_before = len(_factory_runs(deployment, customer))
    rows_before = sum(_row_counts(deployment.marts[customer.name], customer).values())
    if deployment.tenant_files:
        _show_files(deployment.tenant_files, customer, console)
    with dg.DagsterInstance.get() as instance:
        headless = Headless(deployment, instance)
        _get_approved(deployment, customer, headless, console)
        _move(deployment, customer, headless, console)
    if deployment.tenant_files:
        _show_where_rows_went(deployment, customer, console)
    _show_mart(deployment.marts[customer.name], customer, console)
    runs = len(_factory_runs(deployment, customer)) - runs_before
    rows = sum(_row_counts(deployment.marts[customer.name], customer).values()) - rows_before
    if runs:
        console.print(f"Paid for {runs} factory runs; {rows:,} rows added to the mart.")
    else:
        console.print(
            f"Paid for no further factory run, {rows:,} rows added: all of it had been extracted before.",
            soft_wrap=True,
        )
    ui = f"o365-pipeline sandbox exec {customer.name} dev" if customer.installation else "make dev"
    console.print(f"The mart is {deployment.marts[customer.name].name}; the same in the UI: {ui}", soft_wrap=True)


def _show_files(files: TenantFiles, customer: Customer, console: Console) -> None:
    """Accounts for every file: taken, not asked for, or of no dataset."""
    asked = {requested.dataset.asset_name: requested.dataset.name for requested in customer.data_request.datasets}
    there = {name: catalogue()[name].asset_name for name in files.datasets}
    for name, asset in there.items():
        state = "taken" if asked.get(asset) == name else "not asked for by the data request"
        other = f" (but for {asked[asset]}, another version)" if asked.get(asset, name) != name else ""
        console.print(f"{state}{other}: {name}: {files.names(name)}", soft_wrap=True)
    for entry in files.left_aside:
        console.print(f"left aside: {entry}", soft_wrap=True)
    if asked.keys() < {*there.values()}:
        console.print(
            "To ask for more, name another data request in O365_DATA_REQUEST; or ask for exactly what is there: "
            f"o365-pipeline demo --tenant-data {shlex.quote(str(files.directory))} --write-request request.toml",
            soft_wrap=True,
        )


def _get_approved(deployment: Deployment, customer: Customer, headless: Headless, console: Console) -> None:
    """Shows that nothing moves before the approval, then approves."""
    request = customer.data_request
    deployment.register_data_request(customer)
    read_consent(deployment, [customer])
    status = approval_ledger.consent_status_of(deployment.database, customer, dt.datetime.now(dt.UTC))
    approval = status.approval
    if approval and not refusals(customer, status):
        console.print(f"already approved by {approval.approver}, {approval.updated_at:%Y-%m-%d %H:%M} UTC")
        return
    names = ", ".join(requested.dataset.name for requested in request.datasets)
    console.print(f"{customer.name}: '{request.application_name}' asks for {names}", soft_wrap=True)
    console.print("waiting for approval", style="yellow")
    before = _held(deployment, customer)
    headless.tick("landing_sensor")
    moved = {what: count - before[what] for what, count in _held(deployment, customer).items()}
    if any(moved.values()):
        raise O365PipelineError(f"data moved before the approval: {moved}")
    console.print("nothing has moved: " + ", ".join(f"{count} {what}" for what, count in moved.items()))
    deployment.sandbox.decide(customer.tenant_id, request.application_id, State.APPROVED, APPROVER)
    console.print(f"approved by {APPROVER}", style="green")


def _held(deployment: Deployment, customer: Customer) -> dict[str, int]:
    """Returns how much the factory, the lake and the mart hold."""
    return {
        "factory runs": len(_factory_runs(deployment, customer)),
        "lake objects": len(deployment.lakes.of(customer).objects(f"raw/{customer.name}")),
        "mart rows": sum(_row_counts(deployment.marts[customer.name], customer).values()),
    }


def _move(deployment: Deployment, customer: Customer, headless: Headless, console: Console) -> None:
    """Runs the sensors until everything that the approval allows is in the mart."""
    datasets = len(customer.data_request.datasets)
    with progress(console, "Data Factory extracts datasets", datasets) as report:
        for request in headless.tick("consent_sensor"):
            headless.execute(request)
        patience_ends = time.monotonic() + PATIENCE_SECONDS
        watched: set[str] = set()
        while waiting := extraction_ledger.under_way(deployment.database, [customer.name]):
            if time.monotonic() > patience_ends:
                raise O365PipelineError(f"{len(waiting)} factory runs are still under way after {PATIENCE_SECONDS} s")
            report(datasets - len(waiting))
            watched |= {entry.extraction_id for entry in waiting}
            headless.tick("landing_sensor")
            if extraction_ledger.under_way(deployment.database, [customer.name]):
                time.sleep(TICK_SECONDS)
        report(datasets)
    requests = headless.tick("landing_sensor")
    if not requests and extraction_ledger.not_loaded(deployment.database, [customer.name]):
        raise O365PipelineError(f"what landed is not in the mart: {headless.skip_reasons['landing_sensor']}")
    for request in requests:
        steps = headless.steps(request)
        with progress(console, "From the lake to the mart, steps", steps) as report:
            headless.execute(request, report)
            report(steps)
    ended = [extraction_ledger.find(deployment.database, extraction_id) for extraction_id in sorted(watched)]
    if failed := [entry for entry in ended if entry and entry.is_without_data]:
        first = failed[0]
        raise O365PipelineError(
            f"{len(failed)} of {len(ended)} factory runs ended without data, {first.dataset} {first.window} for one: "
            f"{first.status}, {first.error}"
        )


def _show_where_rows_went(deployment: Deployment, customer: Customer, console: Console) -> None:
    """Shows where every landed row is; the numbers must add up."""
    [day] = {customer.first_day}
    accounts = account(deployment.database, deployment.lakes.of(customer), customer, day)
    rows = [
        (entry.dataset, entry.landed, entry.counts.curated, entry.counts.quarantined, entry.counts.user_rows)
        for entry in accounts
    ]
    columns = ("dataset", "rows landed", "curated", "quarantined", "user rows")
    console.print(table("Where the rows went", columns, rows))
    for entry in accounts:
        for reason, count in entry.reasons:
            console.print(f"{entry.dataset}: {count:,} quarantined: {reason}", soft_wrap=True)
    if unequal := [entry.dataset for entry in accounts if entry.landed != entry.counts.total]:
        raise O365PipelineError(f"rows do not add up: {', '.join(unequal)}")
    console.print(f"{sum(entry.landed for entry in accounts):,} rows landed, all accounted for")


def _show_mart(database: Database, customer: Customer, console: Console) -> None:
    counts = _row_counts(database, customer)
    console.print(table(f"The mart of {customer.name}", ("table", "rows"), counts.items()))
    with database.begin() as connection:
        for title, question in questions(customer.name).items():
            answer = connection.execute(question)
            console.print(table(title, answer.keys(), answer.all()))


def _row_counts(database: Database, customer: Customer) -> dict[str, int]:
    with database.begin() as connection:
        return {
            mart_table.name: connection.scalar(
                sa.select(sa.func.count()).select_from(mart_table).where(mart_table.c.customer == customer.name)
            )
            or 0
            for mart_table in MART_TABLES
        }


def _factory_runs(deployment: Deployment, customer: Customer) -> list[str]:
    """Returns the factory's own list of runs, not the pipeline's."""
    folder = f"raw/{customer.name}/"
    return [run.run_id for run in deployment.sandbox.factory_runs() if run.parameters["folder"].startswith(folder)]
