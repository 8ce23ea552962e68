"""The command that publishes an offer: `o365-pipeline managed-app publish`.

What belongs here: reading arguments and printing what differs and what was done. The work belongs to `managed_app/`.
"""

from __future__ import annotations

from pathlib import Path

import click

from o365_pipeline.deployment import Deployment, load
from o365_pipeline.errors import PublishError, SettingsError, UsageError
from o365_pipeline.managed_app.offer import Offer
from o365_pipeline.managed_app.package import package as packages
from o365_pipeline.managed_app.package.package import Package
from o365_pipeline.managed_app.package.validation import validate
from o365_pipeline.managed_app.publishing.marketplace import FOLDER, payload
from o365_pipeline.managed_app.publishing.partner_center import PartnerCenter
from o365_pipeline.managed_app.publishing.service_catalog import definition_id, package_path


@click.command()
@click.argument("offer", required=False, type=click.Path(path_type=Path))
@click.option(
    "--to",
    type=click.Choice(["service-catalog", "marketplace"]),
    default="service-catalog",
    show_default=True,
    help="Where purchasers find it.",
)
@click.option("--submit", is_flag=True, help="Marketplace: fill the offer's draft in Partner Center.")
@click.option("--dry-run", is_flag=True, help="Tell what would change, and write nothing.")
def publish(offer: Path | None, to: str, submit: bool, dry_run: bool) -> None:
    """Publish an offer, O365_OFFER's or OFFER, where it differs from what is published.

    The service catalog's definition is compared field by field and written. What Partner Center is told is written to
    files; its draft is filled when --submit asks for it, and a person publishes it.
    """
    if submit and (dry_run or to != "marketplace"):
        raise UsageError("--submit fills the draft in Partner Center: it goes with --to marketplace, without --dry-run")
    deployment = load(offer=offer)
    if to == "marketplace":
        _publish_to_marketplace(deployment, submit, dry_run)
    else:
        _publish_to_service_catalog(deployment, dry_run)


def _publish_to_service_catalog(deployment: Deployment, dry_run: bool) -> None:
    offer, catalog = _offered(deployment), deployment.service_catalog
    package = _package(deployment, offer)
    changes = catalog.changes(offer, package)
    click.echo(f"{offer.name} {offer.version}, package {package.digest[:12]}: {definition_id(offer)}")
    for change in changes:
        click.echo("\n".join(change.lines))
    if dry_run or not changes:
        click.echo("nothing was written" if changes else "nothing differs")
        return
    catalog.publish(offer, package)
    click.echo(f"written, with the package at {package_path(offer, package)}")


def _publish_to_marketplace(deployment: Deployment, submit: bool, dry_run: bool) -> None:
    offer = _offered(deployment)
    if submit and deployment.is_sandbox:
        raise SettingsError("the sandbox has no Partner Center: --submit needs O365_DEPLOYMENT=azure")
    plans = packages.build_plans(offer)
    for plan in plans.values():
        _check(deployment, plan)
    submission = payload(offer, plans)
    folder = packages.folder(deployment.home, offer) / FOLDER
    for name in submission.differences(folder):
        click.echo(
            f"{'-' if name not in submission.files else '~' if (folder / name).exists() else '+'} {folder / name}"
        )
    for finding in submission.findings:
        click.echo(f"Partner Center would refuse {finding}")
    if dry_run:
        click.echo("nothing was written")
        return
    for plan in plans.values():
        packages.write(plan, folder)
    different = submission.write(folder)
    click.echo(f"written: {len(different)} files" if different else "nothing differs")
    if submit:
        click.echo(
            f"the draft is filled, job {PartnerCenter(deployment.cloud).submit(submission)}; nothing is published yet"
        )
    click.echo("\n".join(["left to a person:", *(f"- {step}" for step in submission.by_hand)]))


def _package(deployment: Deployment, offer: Offer) -> Package:
    """Returns the offer's package if Azure would accept it."""
    package = packages.build(offer)
    _check(deployment, package)
    return package


def _check(deployment: Deployment, package: Package) -> None:
    """Stops at a package that Azure would refuse."""
    signature = deployment.notification_signature
    if problems := validate(package, [signature] if signature and not deployment.is_sandbox else []):
        more = f", and {len(problems) - 1} more: `managed-app validate` names them" if len(problems) > 1 else ""
        raise PublishError(f"Azure would refuse the package: {problems[0]}{more}")


def _offered(deployment: Deployment) -> Offer:
    if deployment.offer is None:
        raise SettingsError("O365_OFFER is missing: name the file of the offer, as `managed-app example` prints one")
    return deployment.offer
