"""The commands about the managed application: `o365-pipeline managed-app ...`.

What belongs here: reading arguments and printing answers. The work is `managed_app/`'s.
"""

from __future__ import annotations

import json

import click

from o365_pipeline.managed_app import offer as offers


@click.group("managed-app")
def managed_app() -> None:
    """Sell the pipeline: package, price, publish it, and look after its installations."""


@managed_app.command()
def example() -> None:
    """Print an offer's file, to begin with."""
    click.echo(offers.example(), nl=False)


@managed_app.command()
def schema() -> None:
    """Print the JSON schema of an offer's file, for editors; it explains every key."""
    click.echo(json.dumps(offers.schema(), indent=2))
