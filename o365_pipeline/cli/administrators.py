"""The commands that play those who set a strict sandbox up: `o365-pipeline sandbox register`, `grant`, `add`.

What belongs here: reading arguments, and the order of the acts. The acts themselves belong to `sandbox/`.
"""

from __future__ import annotations

from dataclasses import replace

import click
from starlette.applications import Starlette

from o365_pipeline.customers.customer import Customer
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.errors import UsageError
from o365_pipeline.sandbox.azure.blob_access import ACCOUNT_TYPE
from o365_pipeline.sandbox.azure.resources import Resources
from o365_pipeline.sandbox.azure.roles import BLOB_CONTRIBUTOR, FACTORY_CONTRIBUTOR, RoleAssignments
from o365_pipeline.sandbox.azure.subscriptions import Subscriptions
from o365_pipeline.sandbox.entra.directory import Principal
from o365_pipeline.sandbox.entra.tokens import ACTIVITY_FEED_READ, FEED
from o365_pipeline.sandbox.microsoft365.approver_page import approver_app
from o365_pipeline.sandbox.microsoft365.portal import Application, Portal
from o365_pipeline.sandbox.microsoft365.registrations import PublishType

CUSTOMER = click.option("--customer", "customer_name", help="Whose. Default: every customer's.")


def pages_of(deployment: Deployment) -> Starlette:
    """Builds the sandbox's pages: the approver's, and the portal's with the first customer's application filled in."""

    def suggested() -> Application | None:
        customer = next(iter(deployment.customers), None)
        return application_of(customer) if customer else None

    return approver_app(deployment.sandbox, _portal(deployment), suggested)


def application_of(customer: Customer) -> Application:
    """Returns what is registered for a customer, as a single-tenant application."""
    request = customer.data_request
    return Application(request.application_tenant_id, request, customer.sink)


def _portal(deployment: Deployment) -> Portal:
    return Portal(deployment.sandbox_cloud.state, deployment.sandbox_cloud.entra.directory)


def _chosen(deployment: Deployment, name: str | None) -> list[Customer]:
    return [deployment.customers[name]] if name else list(deployment.customers)


@click.command()
@CUSTOMER
@click.option("--key-vault", metavar="URL", help="Of a multi-tenant application; without it, it is single-tenant.")
def register(customer_name: str | None, key_vault: str | None) -> None:
    """Register the data request's application in the portal, as a developer does."""
    deployment = load()
    publish_type = PublishType.MULTI if key_vault else PublishType.SINGLE
    for customer in _chosen(deployment, customer_name):
        application = replace(application_of(customer), publish_type=publish_type, key_vault=key_vault)
        _portal(deployment).register(application)
        click.echo(f"{customer.name}: {application.data_request.application_name} is registered, {publish_type}")


@click.command()
@CUSTOMER
def add(customer_name: str | None) -> None:
    """Add the multi-tenant application to a customer's tenant, as its administrator does, to be decided on."""
    deployment = load()
    for customer in _chosen(deployment, customer_name):
        request = customer.data_request
        deployment.sandbox.enable_cross_tenant_migration(customer.tenant_id)
        deployment.sandbox.add(customer.tenant_id, request.application_id, request.application_tenant_id)
        click.echo(f"{customer.name}: {request.application_name} was added; `sandbox approve` decides")


@click.command()
@CUSTOMER
@click.option("--without", type=click.Choice(["feed", "azure"]), multiple=True, help="What is not granted.")
def grant(customer_name: str | None, without: tuple[str, ...]) -> None:
    """Create and grant in a customer's tenant what docs/azure.md lists: subscription, roles, ActivityFeed.Read."""
    deployment = load()
    for customer in _chosen(deployment, customer_name):
        if "azure" not in without:
            _grant_azure(deployment, customer)
        if "feed" not in without:
            directory = deployment.sandbox_cloud.entra.directory
            directory.grant(_pipeline_in(deployment, customer.tenant_id), FEED, ACTIVITY_FEED_READ)
        granted = [what for what in ("azure", "feed") if what not in without]
        click.echo(f"{customer.name}: granted {', '.join(granted) or 'nothing'}")


def _grant_azure(deployment: Deployment, customer: Customer) -> None:
    cloud, request, tenant_id = deployment.sandbox_cloud, customer.data_request, customer.tenant_id
    resources = Resources(cloud.state)
    group = f"/subscriptions/{customer.subscription_id}/resourceGroups/{customer.resource_group}"
    account = f"{group}/providers/{ACCOUNT_TYPE}/{customer.storage_account}"
    Subscriptions(cloud.state).create(customer.subscription_id, tenant_id)
    if resources.find(account) is None:
        resources.put({"id": account, "name": customer.storage_account, "type": ACCOUNT_TYPE, "properties": {}})
    pipeline, assignments = _pipeline_in(deployment, tenant_id), RoleAssignments(resources)
    directory = cloud.entra.directory
    if directory.application(request.application_id) is None:
        directory.register(request.application_id, request.application_tenant_id, is_multi_tenant=True)
    application = directory.admit(tenant_id, request.application_id)
    assignments.assign(group, FACTORY_CONTRIBUTOR, pipeline.object_id)
    for principal in (pipeline, application):
        assignments.assign(account, BLOB_CONTRIBUTOR, principal.object_id)


def _pipeline_in(deployment: Deployment, tenant_id: str) -> Principal:
    """Returns the pipeline's own identity in a tenant, which admits it if it is an application.

    Raises:
        UsageError: it is a managed identity of another tenant.
    """
    cloud = deployment.sandbox_cloud
    directory = cloud.entra.directory
    if cloud.is_managed_identity:
        identity = directory.add_managed_identity(cloud.client_id, cloud.tenant_id)
        if identity.tenant_id != tenant_id:
            raise UsageError(f"the pipeline's managed identity is of tenant {identity.tenant_id}, not of {tenant_id}")
        return identity
    if directory.application(cloud.client_id) is None:
        directory.register(cloud.client_id, cloud.tenant_id, is_multi_tenant=True)
    return directory.admit(tenant_id, cloud.client_id)
