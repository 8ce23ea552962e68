"""The commands about the managed application: `o365-pipeline managed-app ...`.

What belongs here: reading arguments and printing answers. The work belongs to `managed_app/`.
"""

from __future__ import annotations

import datetime as dt
import json
import logging

import click
import dagster as dg

from o365_pipeline.cli.estimate import assumptions, estimate_command, rates
from o365_pipeline.cli.package import build, validate
from o365_pipeline.cli.publish import publish
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.errors import O365PipelineError, SettingsError
from o365_pipeline.managed_app import offer as offers
from o365_pipeline.managed_app.installations.vendor import Vendor
from o365_pipeline.web import server as web_server


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
    web_server.serve(app, host, port, lambda address: click.echo(f"Notifications: {address}/resource (Ctrl-C ends it)"))


@managed_app.command()
@click.option("--take-in", is_flag=True, help="First do what the installation sensor does, where none is at work.")
def installations(take_in: bool) -> None:
    """List all installations: state, consent, the last extraction and error, rows and cost so far."""
    from o365_pipeline.managed_app.installations.assets import installation_rows

    deployment = load()
    vendor = _vendor(deployment)
    if take_in:
        deployment.use_dagster_home()
        _onboard(deployment)
    lines = installation_rows(deployment.database, vendor, dt.datetime.now(dt.UTC))
    for line in lines:
        click.echo(f"{line.customer}: {line.state}, {' '.join(filter(None, (line.sku, line.version)))}")
        click.echo(f"  consent: {line.consent or 'none'}")
        click.echo(f"  extracted: {line.last_extraction or 'never'}; rows: {line.rows}; cost: {line.cost or 'none'}")
        if line.last_error:
            click.echo(f"  last error: {line.last_error}")
    click.echo(f"Installations: {len(lines)}")


@managed_app.command("write-secret")
@click.option("--customer", "customer_name", help="One installation's customer. Default: all of them.")
def write_secret(customer_name: str | None) -> None:
    """Write the application's secret to the installations' Key Vaults again, after it was rotated.

    First give the application a second secret in Entra and put it where the offer says; when this has ended well,
    delete the first.
    """
    from o365_pipeline.managed_app.installations.applications import Applications
    from o365_pipeline.managed_app.installations.secret_rotation import rewrite_secrets

    deployment = load()
    vendor, failed = _vendor(deployment), 0
    for written in rewrite_secrets(deployment.database, vendor, Applications(deployment.cloud), customer_name):
        failed += written.error is not None
        click.echo(f"{written.customer}: {written.error or 'written'}")
    if failed:
        raise O365PipelineError(f"{failed} installations go on with the secret before; run it again")


def _vendor(deployment: Deployment) -> Vendor:
    if deployment.vendor is None:
        raise SettingsError("O365_OFFER is missing: it names the offer whose installations are looked after")
    return deployment.vendor


def _onboard(deployment: Deployment) -> None:
    """Tick the installation sensor once, and execute the uninstallations that it asks for."""
    from o365_pipeline.cli.headless import Headless

    with dg.DagsterInstance.get() as instance:
        headless = Headless(deployment, instance)
        for request in headless.tick("installation_sensor"):
            headless.execute(request)


for command in (build, validate, rates, assumptions, estimate_command, publish):
    managed_app.add_command(command)
