"""The commands about customers' configuration: an example, its schema, and a check.

What belongs here: reading arguments and printing.
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from o365_pipeline.cli.terminal import Answer, answering
from o365_pipeline.customers import configuration as customers_file
from o365_pipeline.customers.customer import KeyVaultSecret
from o365_pipeline.customers.data_request import read_data_request
from o365_pipeline.deployment import load


@click.group()
def customers() -> None:
    """The customers of this deployment, and the files that name them."""


@customers.command()
def example() -> None:
    """Print a file of customers to start from: ... > customers.toml."""
    click.echo(customers_file.example(), nl=False)


@customers.command()
def schema() -> None:
    """Print the JSON schema of a file of customers, for editors."""
    click.echo(json.dumps(customers_file.schema(), indent=2))


@customers.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
def request(file: Path | None) -> None:
    """Print the data request of FILE as JSON, as the Azure template takes it. Default: the shipped request."""
    click.echo(read_data_request(file).model_dump_json(indent=2))


@customers.command()
@answering()
def check(answer: Answer) -> None:
    """Read the configuration as a start does, say what is wrong, or list the customers; secrets are not shown."""
    deployment = load()
    rows = [
        (
            customer.name,
            customer.tenant_id,
            f"{customer.factory} in {customer.region}",
            customer.sink,
            customer.schedule,
            "Key Vault" if isinstance(customer.application_secret, KeyVaultSecret) else "variable",
        )
        for customer in deployment.customers
    ]
    columns = ("customer", "tenant", "factory", "sink", "schedule (UTC)", "secret in")
    title = f"Customers of the {'sandbox' if deployment.is_sandbox else 'deployment'}"
    answer.table("customers", title, columns, rows)
    for customer in deployment.customers:
        held = f"; nothing is deleted under the legal hold ({customer.legal_hold})" if customer.legal_hold else ""
        answer.note(f"{customer.name} keeps {customer.days_kept()}{held}")
