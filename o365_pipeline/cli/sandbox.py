"""The commands that play the people of the sandbox: `o365-pipeline sandbox approve` and its like.

What belongs here: reading arguments and printing answers for the parts of approvers, developers and administrators, and
serving the sandbox's pages and APIs. The purchaser's part belongs to `cli/offer/purchaser.py`; the work belongs to
`sandbox/`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
from starlette.applications import Starlette

from o365_pipeline.cli.offer.purchaser import comply, execute, install, uninstall, violate
from o365_pipeline.consent.approvals import State
from o365_pipeline.customers.customer import Customer
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.sandbox.administrators import Administrators, application_of
from o365_pipeline.sandbox.app import MAX_BYTES
from o365_pipeline.sandbox.microsoft365 import admin_center
from o365_pipeline.sandbox.microsoft365.approver_page import approver_app
from o365_pipeline.sandbox.microsoft365.portal import Application
from o365_pipeline.sandbox.microsoft365.registrations import PublishType
from o365_pipeline.web import server as web_server


@click.group()
def sandbox() -> None:
    """Play the people of the sandbox: the approver at the Microsoft 365 admin center, the offer's purchasers.

    Where O365_SANDBOX_STRICT is set, also those who register, add and grant, which is else done by itself.
    """


def _decide(state: State, approver: str, reason: str | None, customer_name: str | None) -> None:
    deployment = load()
    deployment.register_data_requests()
    for customer in _chosen(deployment, customer_name):
        deployment.sandbox.decide(customer.tenant_id, customer.data_request.application_id, state, approver, reason)
        click.echo(f"{customer.name}: {state} by {approver}")


APPROVER = click.option("--approver", default=admin_center.APPROVER, show_default=True, help="Who decides.")
REASON = click.option("--reason", help="Why.")
WHOSE = click.option("--customer", "customer_name", help="Whose approver decides. Default: that of every customer.")


@sandbox.command()
@click.option("--port", type=click.IntRange(0, 65535), default=3001, show_default=True, help="Where the page listens.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address the page listens on.")
def serve(port: int, host: str) -> None:
    """Serve the approver's page: see what is asked for, approve, decline, revoke. Ctrl-C ends it."""
    deployment = load()
    deployment.register_data_requests()
    app = pages_of(deployment)
    web_server.serve(app, host, port, lambda address: click.echo(f"The approver's page: {address} (Ctrl-C ends it)"))


@sandbox.command()
@click.option("--port", type=click.IntRange(0, 65535), default=3443, show_default=True, help="Where it listens.")
@click.option("--host", default="localhost", show_default=True, help="The address it listens on.")
@click.option("--certificate", type=click.Path(path_type=Path, exists=True), required=True, help="PEM file for HTTPS.")
@click.option("--key", type=click.Path(path_type=Path, exists=True), required=True, help="PEM file of its key.")
def azure(port: int, host: str, certificate: Path, key: Path) -> None:
    """Serve the sandbox's Azure over HTTPS, to rehearse a deployment as on Azure. Ctrl-C ends it.

    Resource Manager, the activity feed, Graph and Entra's sign-in answer at one address, a machine's managed identity
    at /msi/token, and storage accounts at /blob/{account}, to whoever has a token; docs/azure.md shows the settings.
    """
    deployment = load()
    deployment.register_data_requests()
    files = web_server.Certificate(certificate, key)
    web_server.serve(
        deployment.sandbox_cloud.served,
        host,
        port,
        lambda address: click.echo(f"Azure's APIs: {address}"),
        files,
        max_bytes=MAX_BYTES,
    )


@sandbox.command()
@APPROVER
@REASON
@WHOSE
def approve(approver: str, reason: str | None, customer_name: str | None) -> None:
    """Approve the data request for 180 days."""
    _decide(State.APPROVED, approver, reason, customer_name)


@sandbox.command()
@APPROVER
@REASON
@WHOSE
def deny(approver: str, reason: str | None, customer_name: str | None) -> None:
    """Deny the data request."""
    _decide(State.DENIED, approver, reason, customer_name)


@sandbox.command()
@APPROVER
@REASON
@WHOSE
def revoke(approver: str, reason: str | None, customer_name: str | None) -> None:
    """Take an approval back: to Data Connect that is a denial after the approval."""
    _decide(State.DENIED, approver, reason, customer_name)


@sandbox.command()
@WHOSE
@click.option("--key-vault", metavar="URL", help="Of a multi-tenant application; without it, it is single-tenant.")
def register(customer_name: str | None, key_vault: str | None) -> None:
    """Register the data request's application in the portal, as a developer does."""
    deployment = load()
    publish_type = PublishType.MULTI if key_vault else PublishType.SINGLE
    for customer in _chosen(deployment, customer_name):
        application = replace(application_of(customer), publish_type=publish_type, key_vault=key_vault)
        Administrators(deployment.sandbox_cloud).portal.register(application)
        click.echo(f"{customer.name}: {application.data_request.application_name} is registered, {publish_type}")


@sandbox.command()
@WHOSE
def add(customer_name: str | None) -> None:
    """Add the multi-tenant application to a customer's tenant, as its administrator does, to be decided on."""
    deployment = load()
    for customer in _chosen(deployment, customer_name):
        Administrators(deployment.sandbox_cloud).add(customer)
        click.echo(f"{customer.name}: {customer.data_request.application_name} was added; `sandbox approve` decides")


@sandbox.command()
@WHOSE
@click.option("--without", type=click.Choice(["azure", "feed"]), multiple=True, help="What is not granted.")
@click.option(
    "--vendor", is_flag=True, help="Grant the offer's vendor, in its own tenant, what docs/managed-app.md lists."
)
def grant(customer_name: str | None, without: tuple[str, ...], vendor: bool) -> None:
    """Create and grant in a customer's tenant what docs/azure.md lists: subscription, roles, ActivityFeed.Read."""
    deployment = load()
    administrators = Administrators(deployment.sandbox_cloud)
    if vendor:
        assert deployment.offer, "a sandbox has an offer, were it the example"
        administrators.grant_vendor(deployment.offer)
        click.echo(f"{deployment.offer.publisher}: granted its subscription, roles and group")
        return
    acts = {"azure": administrators.grant_azure, "feed": administrators.grant_feed}
    granted = [what for what in acts if what not in without]
    for customer in _chosen(deployment, customer_name):
        for what in granted:
            acts[what](customer)
        click.echo(f"{customer.name}: granted {', '.join(granted) or 'nothing'}")


def _chosen(deployment: Deployment, customer_name: str | None) -> list[Customer]:
    return [deployment.customers[customer_name]] if customer_name else list(deployment.customers)


def pages_of(deployment: Deployment) -> Starlette:
    """Builds the sandbox's pages: the approver's, and the portal's with the first customer's application filled in."""

    def suggested() -> Application | None:
        customer = next(iter(deployment.customers), None)
        return application_of(customer) if customer else None

    return approver_app(deployment.sandbox, Administrators(deployment.sandbox_cloud).portal, suggested)


for command in (install, execute, uninstall, violate, comply):
    sandbox.add_command(command)
