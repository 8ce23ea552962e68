"""The commands about the managed application: `o365-pipeline managed-app ...`.

What belongs here: reading arguments and printing answers. The work is `managed_app/`'s.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
from pathlib import Path

import click
import dagster as dg

from o365_pipeline import web_server
from o365_pipeline.cli_estimate import assumptions, estimate_command, rates
from o365_pipeline.cli_publish import publish
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.errors import O365PipelineError, SettingsError
from o365_pipeline.managed_app import offer as offers
from o365_pipeline.managed_app import package as packages
from o365_pipeline.managed_app.validation import validate as problems_of
from o365_pipeline.terminal import stdout, table


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
    from o365_pipeline.managed_app.notification_endpoint import LOG, notification_app

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
    from o365_pipeline.managed_app.installation_assets import COLUMNS, table_of

    deployment = load()
    if deployment.vendor is None:
        raise SettingsError("O365_OFFER is missing: it names the offer whose installations are looked after")
    if take_in:
        deployment.use_dagster_home()
        _take_in(deployment)
    lines = table_of(deployment.database, deployment.vendor, dt.datetime.now(dt.UTC))
    stdout().print(table("Installations", COLUMNS, [tuple(line.cells) for line in lines]))


def _take_in(deployment: Deployment) -> None:
    """Tick the installation sensor once, and execute the uninstallations that it asks for."""
    from o365_pipeline.headless import Headless

    with dg.DagsterInstance.get() as instance:
        headless = Headless(deployment, instance)
        for request in headless.tick("installation_sensor"):
            headless.execute(request)


@managed_app.command()
@click.argument("offer", type=click.Path(path_type=Path), required=False)
@click.option("--output", type=click.Path(path_type=Path), help="Folder to write to; default: in the home.")
def build(offer: Path | None, output: Path | None) -> None:
    """Write the package of an offer, the zip that Azure installs it from; default: the offer of O365_OFFER."""
    sold = _offer(offer)
    package = packages.build(sold)
    _refuse(package)
    path = packages.write(package, output or packages.folder(load().home, sold))
    click.echo(f"{path}\n{len(package.content)} bytes, sha256 {package.digest}")
    for name, content in package.files.items():
        click.echo(f"  {name}: {len(content)} bytes")


@managed_app.command()
@click.argument("package", type=click.Path(path_type=Path))
def validate(package: Path) -> None:
    """Say what Azure would refuse in a package, or should: one line for each problem."""
    _refuse(package)
    click.echo(f"{package} can be published")


def _offer(path: Path | None) -> offers.Offer:
    """The offer in the file, or of the deployment."""
    if path:
        return offers.read_offer(path)
    if sold := load().offer:
        return sold
    raise SettingsError("O365_OFFER is missing: name the offer's file there or on the command line")


def _refuse(package: packages.Package | Path) -> None:
    """Print what is wrong with a package; where something is, nothing else is done."""
    if problems := problems_of(package):
        for problem in problems:
            click.echo(str(problem))
        raise O365PipelineError(f"the package would be refused, problems: {len(problems)}")


for command in (rates, assumptions, estimate_command, publish):
    managed_app.add_command(command)
