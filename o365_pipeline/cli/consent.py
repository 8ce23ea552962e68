"""The commands about consent: what approvers were asked and what they said.

What belongs here: reading arguments and printing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import click

from o365_pipeline.cli.headless import read_consent
from o365_pipeline.cli.terminal import Answer, answering
from o365_pipeline.consent import approval_ledger, feed_ledger
from o365_pipeline.consent.request_change import refusals, request_change
from o365_pipeline.consent.silence import silences
from o365_pipeline.customers.customer import Customer
from o365_pipeline.customers.data_request import read_data_request
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.errors import FeedError


@click.group()
def consent() -> None:
    """What approvers were asked, and what they said."""


@consent.command()
@click.option("--customer", "customer_name", required=True, help="Whose approvals were compared.")
@click.option("--note", required=True, help="Who compared them and how; the ledger keeps it.")
def confirm(customer_name: str, note: str) -> None:
    """Say that the approvals that `consent show` tells are those of the customer's admin center.

    That ends the doubt about decisions that the activity feed does not give any more, or cannot give.
    """
    deployment = load()
    customer, now = deployment.customers[customer_name], dt.datetime.now(dt.UTC)
    feed_ledger.confirm(deployment.database, customer, note, now)
    status = approval_ledger.consent_status_of(deployment.database, customer, now)
    click.echo(f"{customer.name}: {status}, as somebody has found it in the admin center")


@consent.command()
@click.option("--customer", "customer_name", help="One customer, with the history of its decisions.")
@answering(as_csv=False)
def show(customer_name: str | None, answer: Answer) -> None:
    """Show where each customer's data request stands, and every decision about one of them."""
    deployment = load()
    chosen = [deployment.customers[customer_name]] if customer_name else list(deployment.customers)
    read_consent_or_say_so(deployment, chosen)
    now = dt.datetime.now(dt.UTC)
    summaries = feed_ledger.summaries(deployment.database)
    rows = []
    for customer in chosen:
        status = approval_ledger.consent_status_of(deployment.database, customer, now)
        until = status.approval.expires_at if status.approval else None
        rows.append(
            (
                customer.name,
                str(status.state or "no decision read yet"),
                status.approval.approver if status.approval else None,
                until and f"{until:%Y-%m-%d}",
                status.days_left(now),
                summaries[customer.name].unreadable if customer.name in summaries else 0,
            )
        )
    columns = ("customer", "state", "approver", "until", "days left", "records kept aside")
    answer.table("data_requests", "Data requests", columns, rows)
    for customer in chosen:
        if (summary := summaries.get(customer.name)) and summary.missed:
            answer.note(f"{customer.name}: decisions of {summary.missed} may be missing")
        if summary and summary.unread_blobs:
            answer.note(f"{customer.name}: {summary.unread_blobs} blobs of the activity feed cannot be read")
        status = approval_ledger.consent_status_of(deployment.database, customer, now)
        if silence := silences(deployment.database, [customer], {customer.name: status}, now).get(customer.name):
            answer.note(f"{customer.name}: nothing new is submitted, {silence}")
        held = f"; nothing is deleted under the legal hold ({customer.legal_hold})" if customer.legal_hold else ""
        answer.note(f"{customer.name} keeps {customer.days_kept()}{held}")
    if len(chosen) == 1:
        _show_history(deployment, chosen[0], answer)


def _show_history(deployment: Deployment, customer: Customer, answer: Answer) -> None:
    rows = [
        (
            event.updated_at,
            str(event.state),
            event.application_version,
            len(event.datasets),
            event.approver,
            event.expires_at,
            event.reason,
        )
        for event in approval_ledger.events(deployment.database, customer)
    ]
    answer.note(f"Decisions about the data request of {customer.name}, times in UTC:")
    keys = ("at", "state", "version", "datasets", "approver", "expires_at", "reason")
    answer.table("decisions", "Decisions", keys, rows, line=_decision)


def _decision(
    at: dt.datetime,
    state: str,
    version: str,
    datasets: int,
    approver: str | None,
    until: dt.datetime | None,
    reason: str | None,
) -> str:
    parts = [f"version {version}", f"{datasets} datasets"]
    parts += [f"by {approver}"] if approver else []
    parts += [f"until {until:%Y-%m-%d}"] if until else []
    parts += [f"because: {reason}"] if reason else []
    return f"  {at:%Y-%m-%d %H:%M}  {state:<20}  {', '.join(parts)}"


@consent.command()
@click.option("--customer", "customer_name", help="Whose approval; the only customer where there is one.")
@click.option(
    "--request",
    "path",
    type=click.Path(path_type=Path),
    help="TOML file of a changed data request. Default: the one that is configured.",
)
@answering(as_csv=False)
def diff(customer_name: str | None, path: Path | None, answer: Answer) -> None:
    """Show what a data request adds to and drops from the approval in force, and if it needs a new one.

    A line that begins with + is asked for and not approved, one with - is approved and not asked for.
    """
    deployment = load()
    customer = deployment.customers.chosen(customer_name)
    if path:
        customer = customer.model_copy(update={"data_request": read_data_request(path)})
    read_consent_or_say_so(deployment, [customer])
    status = approval_ledger.consent_status_of(deployment.database, customer, dt.datetime.now(dt.UTC))
    if status.approval:
        change = request_change(status.approval, customer.data_request, [customer.sink])
        lines = [line.split(" ", 1) for line in change.lines()]
        answer.table("changes", "Changes", ("change", "what"), lines, line="{} {}".format)
    refused = refusals(customer, status)
    answer.table(
        "refusals", "Refusals", ["rule"], [(str(reason),) for reason in refused], line="refused today by {}".format
    )
    if refused:
        answer.note("A new approval is needed before this is put to work.")
    else:
        answer.note("No new approval is needed: the approval in force covers all that is asked.")


def read_consent_or_say_so(deployment: Deployment, customers: Sequence[Customer]) -> None:
    """Read what approvers decided up to now; where that fails, say that what follows may be old."""
    try:
        read_consent(deployment, customers)
    except FeedError as error:
        click.echo(f"o365-pipeline: {error}; what follows is what was read before", err=True)
