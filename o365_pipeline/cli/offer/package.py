"""The commands about packages: `o365-pipeline managed-app build`, `managed-app validate`.

What belongs here: reading arguments and printing answers; `cli/managed_app.py` puts the commands under `managed-app`.
"""

from __future__ import annotations

from pathlib import Path

import click

from o365_pipeline.deployment import load
from o365_pipeline.errors import O365PipelineError, SettingsError
from o365_pipeline.managed_app.offer import Offer, read_offer
from o365_pipeline.managed_app.package import package as packages
from o365_pipeline.managed_app.package.validation import validate as problems_of


@click.command()
@click.argument("offer", type=click.Path(path_type=Path), required=False)
@click.option("--output", type=click.Path(path_type=Path), help="Folder to write to; default: in the home.")
def build(offer: Path | None, output: Path | None) -> None:
    """Write the package of an offer, the zip that Azure installs it from; default: the offer of O365_OFFER."""
    sold = offer_of(offer)
    package = packages.build(sold)
    _refuse(package)
    path = packages.write(package, output or packages.folder(load().home, sold))
    click.echo(f"{path}\n{len(package.content)} bytes, sha256 {package.digest}")
    for name, content in package.files.items():
        click.echo(f"  {name}: {len(content)} bytes")


@click.command()
@click.argument("package", type=click.Path(path_type=Path))
def validate(package: Path) -> None:
    """Say what Azure would refuse in a package, or should: one line for each problem."""
    _refuse(package)
    click.echo(f"{package} can be published")


def offer_of(path: Path | None) -> Offer:
    """Returns the offer in the file, or the deployment's."""
    if path:
        return read_offer(path)
    if sold := load().offer:
        return sold
    raise SettingsError("O365_OFFER is missing: name the offer's file there or on the command line")


def _refuse(package: packages.Package | Path) -> None:
    """Prints the problems of a package; if there are any, nothing else is done."""
    if problems := problems_of(package):
        for problem in problems:
            click.echo(str(problem))
        raise O365PipelineError(f"the package would be refused, problems: {len(problems)}")
