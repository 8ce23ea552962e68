"""The commands about one person's rights: what is held about her, and its erasure.

What belongs here: reading arguments and printing; what is printed names nobody. Finding and erasing belong to `purge/`.
"""

from __future__ import annotations

import datetime as dt

import click
import dagster as dg

from o365_pipeline.cli.headless import Headless
from o365_pipeline.deployment import load
from o365_pipeline.purge import erasure
from o365_pipeline.purge.job import purge_request
from o365_pipeline.purge.person import find_person


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
