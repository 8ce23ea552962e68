"""The commands that play a customer of the offer in the sandbox: `o365-pipeline sandbox install ...` and the like.

What belongs here: reading arguments and printing answers. The work belongs to `sandbox/`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import click

from o365_pipeline.azure.policies import policies
from o365_pipeline.deployment import SANDBOX_SIGNATURE, Deployment, load, outside_environment
from o365_pipeline.errors import O365PipelineError, UsageError
from o365_pipeline.managed_app.installations.notification_endpoint import notification_app
from o365_pipeline.managed_app.offer import Offer
from o365_pipeline.managed_app.template.storage import CONTAINER
from o365_pipeline.sandbox.azure.compliance import Compliance
from o365_pipeline.sandbox.azure.installation import Installer, added_by_azure, environment_of, found
from o365_pipeline.sandbox.azure.notification_sender import NotificationSender
from o365_pipeline.sandbox.azure.purchases import published_endpoint, purchase, sold
from o365_pipeline.sandbox.azure.resources import Resource, Resources
from o365_pipeline.sandbox.clock import utc_now
from o365_pipeline.sandbox.storage.storage_accounts import container_folder

IN_PROCESS = "https://in-process.example/notifications"

OFFER = click.argument("offer", required=False, type=click.Path(path_type=Path))
NOTIFY = click.option(
    "--notify", metavar="URL", help="The vendor's endpoint, as `managed-app listen` serves it. Default: this process."
)
APPLICATION = click.option("--application", required=True, help="The installed application, by name or id.")


@click.command()
@OFFER
@click.option("--name", required=True, help="The application's name.")
@click.option("--sku", help="The size. Default: the offer's first.")
@click.option("--region", help="Where it lies. Default: the offer's first.")
@click.option("--group", "groups", multiple=True, metavar="ID", help="A group whose members' data is extracted.")
@click.option("--tenant", metavar="GUID", help="The customer's tenant. Default: one of the name's own.")
@click.option("--subscription", metavar="GUID", help="The customer's subscription. Default: one of the name's own.")
@click.option("--marketplace", is_flag=True, help="Buy at the marketplace, not from the service catalog.")
@click.option("--no-secret", is_flag=True, help="Leave the application's secret out; it is put into the vault later.")
@click.option("--fail", "fails", is_flag=True, help="Let Azure fail to provision it.")
@NOTIFY
def install(
    offer: Path | None,
    name: str,
    sku: str | None,
    region: str | None,
    groups: tuple[str, ...],
    tenant: str | None,
    subscription: str | None,
    marketplace: bool,
    no_secret: bool,
    fails: bool,
    notify: str | None,
) -> None:
    """Install the OFFER as a customer of its own: as it is published, else as its file says; the vendor is told."""
    deployment, sells = _deployed(offer)
    secret = {"secret": ""} if no_secret else {}
    buys = purchase(
        sells, name, sku=sku, region=region, groups=groups, tenant_id=tenant, subscription_id=subscription, **secret
    )
    bought = sold(sells, _resources(deployment), deployment.lakes, plan=buys.sku if marketplace else None)
    sender = _sender(deployment, sells, notify)
    application = _installer(deployment, sender).install(bought, buys, fails=fails)
    sender.check()
    if application["properties"]["provisioningState"] == "Failed" and not fails:
        raise O365PipelineError(f"{name} was not installed; the reason stands above")


@click.command()
@click.argument("name")
@OFFER
@NOTIFY
def uninstall(name: str, offer: Path | None, notify: str | None) -> None:
    """Remove the application NAME with all that it installed; the vendor is told."""
    deployment, sells = _deployed(offer)
    sender = _sender(deployment, sells, notify)
    own_home = _own_home(deployment, found(_resources(deployment), name))
    _installer(deployment, sender).uninstall(name)
    shutil.rmtree(own_home, ignore_errors=True)
    sender.check()


@click.command("exec", context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(name: str, command: tuple[str, ...]) -> None:
    """Run `o365-pipeline COMMAND` in the container of the installed application NAME, as `az containerapp exec` does.

    Its environment is the one that the template gives to the container; beneath it is the sandbox. A folder of the
    installation's own is in place of Dagster's database.
    """
    deployment = load()
    state = deployment.sandbox_cloud.factories.state
    installed = found(_resources(deployment), name)
    outputs = {key: entry["value"] for key, entry in installed["properties"].get("outputs", {}).items()}
    given = {**environment_of(_resources(deployment), installed), **added_by_azure(state, installed)}
    beneath = {
        "O365_DEPLOYMENT": "sandbox",
        "O365_HOME": str(_own_home(deployment, installed)),
        "O365_SANDBOX_HOME": str(state.home.resolve()),
        "O365_LAKE_URL": container_folder(state, outputs["storageAccount"], CONTAINER).as_uri(),
        "DAGSTER_HOME": "",
    }
    program = [sys.executable, "-m", "o365_pipeline", *command]
    ended = subprocess.run(program, env={**outside_environment(), **given, **beneath}, check=False)  # noqa: S603 - ours
    if ended.returncode:
        raise click.exceptions.Exit(ended.returncode)


def _own_home(deployment: Deployment, installed: Resource) -> Path:
    """Returns the folder that an installation keeps Dagster's runs in, in place of its PostgreSQL."""
    return deployment.home / "installations" / str(installed["name"])


@click.command()
@click.argument("policy", metavar="POLICY-KEY", type=click.Choice(list(policies())))
@APPLICATION
def violate(policy: str, application: str) -> None:
    """Let an installation violate a policy that its offer carries: nothing more is extracted from it."""
    deployment = load()
    installed = found(_resources(deployment), application)
    chosen = policies()[policy]
    Compliance(deployment.sandbox_cloud.factories.state).violate(_managed_group(installed), chosen)
    click.echo(f"{installed['name']}: '{chosen.display_name}' is violated; `sandbox comply` ends it")


@click.command()
@APPLICATION
def comply(application: str) -> None:
    """Let an installation comply with all policies again."""
    deployment = load()
    installed = found(_resources(deployment), application)
    Compliance(deployment.sandbox_cloud.factories.state).comply(_managed_group(installed))
    click.echo(f"{installed['name']}: complies")


def _deployed(path: Path | None) -> tuple[Deployment, Offer]:
    """Returns the sandbox's deployment, and the offer that it sells."""
    deployment = load(offer=path)
    assert deployment.offer, "a sandbox has an offer, were it the example"
    return deployment, deployment.offer


def _resources(deployment: Deployment) -> Resources:
    return Resources(deployment.sandbox_cloud.factories.state)


def _managed_group(application: Resource) -> str:
    return str(application["properties"]["managedResourceGroupId"])


def _installer(deployment: Deployment, sender: NotificationSender) -> Installer:
    return Installer(deployment.sandbox_cloud.factories.state, sender.send, click.echo)


def _sender(deployment: Deployment, offer: Offer, notify: str | None) -> NotificationSender:
    """Returns what notifies the vendor, with the signature in the published offer, or else the deployment's.

    Raises:
        UsageError: notifications cannot be sent there.
    """
    if notify and urlsplit(notify).scheme not in ("http", "https"):
        raise UsageError(f"--notify {notify}: an address such as http://127.0.0.1:3002 is needed")
    expected = deployment.notification_signature or SANDBOX_SIGNATURE
    published = published_endpoint(offer, _resources(deployment))
    signature = urlsplit(published).query if published else urlencode({"sig": expected.get_secret_value()})
    endpoint = notify or IN_PROCESS
    app = None if notify else notification_app(deployment.database, expected, offer, utc_now)
    return NotificationSender(endpoint if urlsplit(endpoint).query else f"{endpoint}?{signature}", app)
