"""The commands about the managed application: `o365-pipeline managed-app ...`.

What belongs here: reading arguments and printing answers. The work is `managed_app/`'s.
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from o365_pipeline.deployment import load
from o365_pipeline.errors import O365PipelineError, SettingsError
from o365_pipeline.managed_app import offer as offers
from o365_pipeline.managed_app import package as packages
from o365_pipeline.managed_app.validation import validate as problems_of


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
@click.argument("offer", type=click.Path(path_type=Path), required=False)
@click.option("--output", type=click.Path(path_type=Path), help="Folder to write to; default: in the home.")
def build(offer: Path | None, output: Path | None) -> None:
    """Write the package of an offer, the zip that Azure installs it from; default: the offer of O365_OFFER."""
    sold = _offer(offer)
    package = packages.build(sold)
    _refuse(package)
    path = (output or packages.folder(load().home, sold)) / packages.file_name(sold)
    packages.write(package, path)
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
