"""The commands about one person's rights: what is held about her, and its erasure.

What belongs here: reading arguments and printing; what is printed names nobody. Finding and erasing belong to `purge/`.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path

import click
import dagster as dg

from o365_pipeline.cli.headless import Headless
from o365_pipeline.customers.customer import Customer
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.errors import UsageError
from o365_pipeline.purge import erasure
from o365_pipeline.purge.job import purge_request
from o365_pipeline.purge.live_data import CURATED_STAGES
from o365_pipeline.purge.person import Person, find_person
from o365_pipeline.purge.person_export import JSON_LINES, PAGE, export_person, rows_held


@click.group()
def person() -> None:
    """One person's rights: a copy of what is held about her, and its erasure."""


@person.command()
@click.argument("person")
@click.option("--reason", help="Why, without names; the ledger keeps it.")
@click.option("--name", "names", multiple=True, help="A full name to take out of texts, beside those that users have.")
@click.option("--customer", "customer_name", help="Whose data; the only customer where there is one.")
@click.option("--dry-run", is_flag=True, help="Say how many rows name the person; erase and record nothing.")
def erase(person: str, reason: str | None, names: tuple[str, ...], customer_name: str | None, dry_run: bool) -> None:
    """Erase one person from raw files, curated files, quarantine, mart and ledger, and keep her out from now on.

    PERSON is an Entra object id or an address. To repeat it also erases what has landed since.
    """
    deployment = load()
    customer = deployment.customers.chosen(customer_name)
    if not dry_run:
        customer.check_may_delete()
        if not reason:
            raise UsageError("say why with --reason, without names: the ledger keeps it")
    lake = deployment.lakes.of(customer)
    found = find_person(deployment.marts, lake, customer, person, names, deployment.cloud)
    if dry_run or not reason:
        _say_what_is_held(deployment, customer, found)
        return
    now = dt.datetime.now(dt.UTC)
    request_id = erasure.begin(deployment.database, customer, person, found, reason, now)
    deployment.use_dagster_home()
    with dg.DagsterInstance.get() as instance:
        Headless(deployment, instance).execute(purge_request(customer.name))
    done = erasure.found(deployment.database, request_id)
    click.echo(
        f"{customer.name}: request {request_id} is done: {done.raw_rows:,} rows of raw files, {done.curated_rows:,} of "
        f"curated files and {done.mart_rows:,} of the mart named the person; none does any more, and who has one of "
        f"{len(found.identities)} ids and addresses is kept out from now on"
    )


@person.command()
@click.argument("person")
@click.option("--to", "folder", type=click.Path(path_type=Path), required=True, help="An empty or new folder.")
@click.option("--reason", required=True, help="Why, without names; the ledger keeps it.")
@click.option("--name", "names", multiple=True, help="A full name to look for in texts, beside those that users have.")
@click.option("--customer", "customer_name", help="Whose data; the only customer where there is one.")
def export(person: str, folder: Path, reason: str, names: tuple[str, ...], customer_name: str | None) -> None:
    """Copy everything that is held about one person: every row of lake, quarantine and mart, and a page to read.

    PERSON is an Entra object id or an address. The files are personal data, of others too: the terminal tells numbers.
    """
    deployment = load()
    customer = deployment.customers.chosen(customer_name)
    lake, now = deployment.lakes.of(customer), dt.datetime.now(dt.UTC)
    found = find_person(deployment.marts, lake, customer, person, names, deployment.cloud)
    copy = export_person(deployment.marts, lake, customer, found, folder)
    rows = {
        "raw_rows": copy.rows_of("raw"),
        "curated_rows": copy.rows_of(*CURATED_STAGES),
        "mart_rows": copy.rows_of("mart"),
    }
    request_id = erasure.note_export(deployment.database, customer, person, found, reason, rows, now)
    for line in copy.damaged:
        click.echo(f"o365-pipeline: not read: {line}", err=True)
    click.echo(
        f"{customer.name}: request {request_id} is done: {rows['raw_rows']:,} rows of raw files, "
        f"{rows['curated_rows']:,} of curated files and {rows['mart_rows']:,} of the mart name the person; they are in "
        f"{folder / JSON_LINES}, and to be read in {folder / PAGE}"
    )


def _say_what_is_held(deployment: Deployment, customer: Customer, found: Person) -> None:
    """Prints how many rows an erasure would change, and what cannot be read."""
    damaged: list[str] = []
    held = rows_held(deployment.marts, deployment.lakes.of(customer), customer, found, damaged)
    rows = Counter("curated" if row.stage in CURATED_STAGES else row.stage for row in held)
    for line in damaged:
        click.echo(f"o365-pipeline: not read, and would be given up: {line}", err=True)
    click.echo(
        f"{customer.name}: {rows['raw']:,} rows of raw files, {rows['curated']:,} of curated files and "
        f"{rows['mart']:,} of the mart name the person, by {len(found.identities)} ids and addresses; "
        "nothing was erased"
    )
