"""Those who set a strict sandbox up: developers who register, and administrators who add, create and grant.

What belongs here: what they do for a customer, as docs/azure.md and docs/hosting.md tell them, and for a vendor, as
docs/managed-app.md does. What each act means belongs to the services.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from o365_pipeline.customers.customer import Customer
from o365_pipeline.errors import UsageError
from o365_pipeline.managed_app.offer import Offer
from o365_pipeline.sandbox.azure.resources import ACCOUNT_TYPE, Resources
from o365_pipeline.sandbox.azure.roles import BLOB_CONTRIBUTOR, CONTRIBUTOR, FACTORY_CONTRIBUTOR, RoleAssignments
from o365_pipeline.sandbox.azure.subscriptions import Subscriptions
from o365_pipeline.sandbox.cloud import SandboxCloud
from o365_pipeline.sandbox.entra.directory import Principal
from o365_pipeline.sandbox.entra.tokens import ACTIVITY_FEED_READ, FEED
from o365_pipeline.sandbox.microsoft365.admin_center import Sandbox
from o365_pipeline.sandbox.microsoft365.portal import Application, Portal
from o365_pipeline.sandbox.microsoft365.registrations import PublishType

UNASKED_VAULT = "https://kv-sandbox.vault.azure.net"
"""The Key Vault of multi-tenant applications that are registered unasked."""


def application_of(customer: Customer) -> Application:
    """Returns what is registered for a customer, as a single-tenant application."""
    request = customer.data_request
    return Application(request.application_tenant_id, request, customer.sink)


@dataclass(frozen=True)
class Administrators:
    """The people behind the customers of one sandbox."""

    cloud: SandboxCloud

    @property
    def portal(self) -> Portal:
        return Portal(self.cloud.state, self.cloud.entra.directory)

    def register_unasked(self, customer: Customer) -> None:
        """Does what comes before a decision: registers the data request, and adds it where it is another tenant's."""
        Subscriptions(self.cloud.state).create(customer.subscription_id, customer.azure_tenant_id)
        if customer.azure_tenant_id == customer.tenant_id:
            sandbox = Sandbox(Path(self.cloud.home))
            sandbox.register(customer.tenant_id, customer.data_request, [customer.sink])
        else:
            self.portal.register(
                replace(application_of(customer), publish_type=PublishType.MULTI, key_vault=UNASKED_VAULT)
            )
            self.add(customer)

    def add(self, customer: Customer) -> None:
        """Adds a multi-tenant application to a customer's tenant.

        Raises:
            UsageError: there is none.
        """
        sandbox, request = Sandbox(Path(self.cloud.home)), customer.data_request
        sandbox.enable_cross_tenant_migration(customer.tenant_id)
        sandbox.add(customer.tenant_id, request.application_id, request.application_tenant_id)

    def grant_feed(self, customer: Customer) -> None:
        """Lets the pipeline's identity read the activity feed of a customer's tenant.

        Raises:
            UsageError: it is a managed identity of another tenant.
        """
        self.cloud.entra.directory.grant(self._pipeline_in(customer.tenant_id), FEED, ACTIVITY_FEED_READ)

    def grant_azure(self, customer: Customer) -> None:
        """Creates a customer's subscription and storage account, with the roles of the pipeline and the application.

        Raises:
            UsageError: the pipeline's is a managed identity of another tenant.
        """
        request, tenant_id, directory = customer.data_request, customer.azure_tenant_id, self.cloud.entra.directory
        resources = Resources(self.cloud.state)
        group = f"/subscriptions/{customer.subscription_id}/resourceGroups/{customer.resource_group}"
        account = f"{group}/providers/{ACCOUNT_TYPE}/{customer.storage_account}"
        Subscriptions(self.cloud.state).create(customer.subscription_id, tenant_id)
        if resources.find(account) is None:
            resources.put({"id": account, "name": customer.storage_account, "type": ACCOUNT_TYPE, "properties": {}})
        if directory.application(request.application_id) is None:
            directory.register(request.application_id, request.application_tenant_id, is_multi_tenant=True)
        pipeline, assignments = self._pipeline_in(tenant_id), RoleAssignments(resources)
        application = directory.admit(tenant_id, request.application_id)
        assignments.assign(group, FACTORY_CONTRIBUTOR, pipeline.object_id)
        for principal in (pipeline, application):
            assignments.assign(account, BLOB_CONTRIBUTOR, principal.object_id)

    def grant_vendor(self, offer: Offer) -> None:
        """Creates the subscription of an offer's vendor, and grants the vendor's deployment what publishing and looking
        after installations take.

        Raises:
            UsageError: that deployment's is a managed identity of another tenant.
        """
        management, resources = offer.management, Resources(self.cloud.state)
        vendor, assignments = self._pipeline_in(management.tenant_id), RoleAssignments(resources)
        group = f"/subscriptions/{management.subscription_id}/resourceGroups/{management.resource_group}"
        account = f"{group}/providers/{ACCOUNT_TYPE}/{management.package_storage_account}"
        Subscriptions(self.cloud.state).create(management.subscription_id, management.tenant_id)
        resources.put(
            {"id": account, "name": management.package_storage_account, "type": ACCOUNT_TYPE, "properties": {}}
        )
        assignments.assign(group, CONTRIBUTOR, vendor.object_id)
        assignments.assign(account, BLOB_CONTRIBUTOR, vendor.object_id)
        self.cloud.entra.directory.add_to_group(management.principal_id, vendor)

    def _pipeline_in(self, tenant_id: str) -> Principal:
        """Returns the pipeline's own identity in a tenant, which admits it if it is an application.

        Raises:
            UsageError: it is a managed identity of another tenant.
        """
        cloud, directory = self.cloud, self.cloud.entra.directory
        if cloud.is_managed_identity:
            identity = directory.add_managed_identity(cloud.client_id, cloud.tenant_id)
            if identity.tenant_id != tenant_id:
                raise UsageError(
                    f"the pipeline's managed identity is of tenant {identity.tenant_id}, not of {tenant_id}"
                )
            return identity
        if directory.application(cloud.client_id) is None:
            directory.register(cloud.client_id, cloud.tenant_id, is_multi_tenant=True)
        return directory.admit(tenant_id, cloud.client_id)
