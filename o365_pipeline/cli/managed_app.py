"""The commands about the managed application: `o365-pipeline managed-app ...`.

What belongs here: reading arguments and printing answers. The work belongs to `managed_app/`.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from dataclasses import fields
from urllib.parse import urlsplit

import click

from o365_pipeline.cli.estimate import assumptions, estimate_command, rates
from o365_pipeline.cli.offer.package import build, validate
from o365_pipeline.cli.offer.publish import publish
from o365_pipeline.cli.terminal import Answer, answering
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.errors import SettingsError
from o365_pipeline.managed_app import offer as offers
from o365_pipeline.web import server as web_server
from o365_pipeline.web.browser_guard import LOCAL_NAMES


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


@managed_app.command()
@click.option("--port", type=click.IntRange(0, 65535), default=3002, show_default=True, help="Where it listens.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address it listens on.")
def listen(port: int, host: str) -> None:
    """Take Azure's notifications of installations: POST /resource?sig=... Ctrl-C ends it.

    They are kept in the ledger; the installation sensor takes them in. Serve it over HTTPS by a reverse proxy.
    """
    from o365_pipeline.managed_app.installations.notification_endpoint import LOG, notification_app

    deployment = load()
    if deployment.offer is None:
        raise SettingsError("O365_OFFER is missing: it names the offer whose installations Azure tells of")
    if deployment.notification_signature is None:
        raise SettingsError("O365_NOTIFICATION_SIGNATURE is missing: `openssl rand -hex 32` prints one")
    LOG.setLevel(logging.INFO)
    LOG.addHandler(logging.StreamHandler())
    app = notification_app(
        deployment.database, deployment.notification_signature, deployment.offer, lambda: dt.datetime.now(dt.UTC)
    )
    public = urlsplit(deployment.offer.management.notification_endpoint).hostname or ""
    # Further in, gateways ask under names of their own; the signature alone opens it, and no browser has that.
    names = (public,) if host in LOCAL_NAMES else None
    web_server.serve(
        app,
        host,
        port,
        lambda address: click.echo(f"Notifications: {address}/resource (Ctrl-C ends it)"),
        names=names,
    )


@managed_app.command()
@click.option("--take-in", is_flag=True, help="First ask Azure, as sensor and schedule do, where none is at work.")
@answering()
def installations(take_in: bool, answer: Answer) -> None:
    """List all installations: version, state, the last extraction and error, runs, rows and cost so far."""
    from o365_pipeline.managed_app.installations.assets import InstallationRow, installation_rows

    deployment = load()
    if deployment.offer is None:
        raise SettingsError("O365_OFFER is missing: it names the offer whose installations are looked after")
    if take_in:
        _take_in(deployment, deployment.offer)
    lines = installation_rows(deployment.database, deployment.offer)
    names = [field.name for field in fields(InstallationRow)]
    answer.table("installations", "Installations", names, [line.cells for line in lines], line=_installation)
    answer.note(f"Installations: {len(lines)}")


def _installation(*cells: str) -> str:
    from o365_pipeline.managed_app.installations.assets import InstallationRow

    row = InstallationRow(*cells)
    return "\n".join(
        [
            f"{row.name}: {row.state}, {' '.join(filter(None, (row.sku, row.version)))}",
            f"  extracted: {row.last_extraction or 'never'}; runs: {row.runs}; rows: {row.rows}; {row.cost}",
            *([f"  last error: {row.last_error}"] if row.last_error else []),
        ]
    )


def _take_in(deployment: Deployment, offer: offers.Offer) -> None:
    """Take in what Azure told, and ask the factories."""
    from o365_pipeline.managed_app.installations.applications import Applications
    from o365_pipeline.managed_app.installations.confirmation import Confirmation
    from o365_pipeline.managed_app.installations.factory_activity import read_activity

    now, log = dt.datetime.now(dt.UTC), logging.getLogger("o365_pipeline.installations")
    while Confirmation(deployment.database, offer, Applications(deployment.cloud), now, log).run():
        pass
    read_activity(deployment.database, deployment.resources["data_factory"], now, log)


for command in (build, validate, rates, assumptions, estimate_command, publish):
    managed_app.add_command(command)
