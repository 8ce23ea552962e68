"""The commands about one person's rights: what is held about her, and its erasure.

What belongs here: reading arguments and printing; what is printed names nobody. Finding and erasing belong to `purge/`.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click
import dagster as dg

from o365_pipeline.cli.headless import Headless
from o365_pipeline.deployment import load
from o365_pipeline.purge import erasure
from o365_pipeline.purge.job import purge_request
from o365_pipeline.purge.live_data import CURATED_STAGES
from o365_pipeline.purge.person import find_person
from o365_pipeline.purge.person_export import JSON_LINES, PAGE, export_person


@click.group()
def person() -> None:
    """One person's rights: a copy of what is held about her, and its erasure."""


@person.command()
@click.argument("person")
@click.option("--reason", required=True, help="Why, without names; the ledger keeps it.")
@click.option("--name", "names", multiple=True, help="A full name to take out of texts, beside those that users have.")
@click.option("--customer", "customer_name", help="Whose data; the only customer where there is one.")
def erase(person: str, reason: str, names: tuple[str, ...], customer_name: str | None) -> None:
    """Erase one person from raw files, curated files, quarantine, mart and ledger, and keep her out from now on.

    PERSON is an Entra object id or an address. To repeat it also erases what has landed since.
    """
    deployment = load()
    customer = deployment.customers.chosen(customer_name)
    customer.check_may_delete()
    lake = deployment.lakes.of(customer)
    found = find_person(deployment.marts, lake, customer, person, names, deployment.cloud)
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
    request_id = erasure.note_export(deployment.database, customer, person, reason, rows, now)
    for line in copy.damaged:
        click.echo(f"o365-pipeline: not read: {line}", err=True)
    click.echo(
        f"{customer.name}: request {request_id} is done: {rows['raw_rows']:,} rows of raw files, "
        f"{rows['curated_rows']:,} of curated files and {rows['mart_rows']:,} of the mart name the person; they are in "
        f"{folder / JSON_LINES}, and to be read in {folder / PAGE}"
    )
