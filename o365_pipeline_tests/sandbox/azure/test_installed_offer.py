"""The shipped offer, installed in the sandbox: extracted from by the real pipeline, while it keeps to its policies."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import pytest
from azure.mgmt.keyvault import KeyVaultManagementClient
from pydantic import SecretStr

from o365_pipeline.azure.policies import policies
from o365_pipeline.consent.approvals import State
from o365_pipeline.customers.configuration import read_customers
from o365_pipeline.customers.customer import Customer, KeyVaultSecret
from o365_pipeline.deployment import Deployment, load
from o365_pipeline.errors import PolicyViolationError
from o365_pipeline.extraction.data_factory import DataFactory
from o365_pipeline.extraction.submission import Submitter
from o365_pipeline.managed_app.package.package import build
from o365_pipeline.managed_app.publishing.service_catalog import ServiceCatalog
from o365_pipeline.sandbox.azure.compliance import Compliance
from o365_pipeline.sandbox.azure.installation import Installer, environment_of
from o365_pipeline.sandbox.azure.purchases import published_endpoint, purchase, sold
from o365_pipeline.sandbox.azure.resources import Resources
from o365_pipeline.sandbox.storage.storage_accounts import container_folder
from o365_pipeline_tests.conftest import DAY, read_decisions

LOG = logging.getLogger("test")


@dataclass(frozen=True)
class Installed:
    """The offer as one customer has it."""

    deployment: Deployment
    customer: Customer
    group_id: str

    @property
    def factory(self) -> DataFactory:
        factory = self.deployment.resources["data_factory"]
        assert isinstance(factory, DataFactory)
        return factory

    def approve(self) -> None:
        sandbox, request = self.deployment.sandbox, self.customer.data_request
        sandbox.register(self.customer.tenant_id, request, [self.customer.sink])
        sandbox.decide(self.customer.tenant_id, request.application_id, State.APPROVED, "approver@contoso.example")
        read_decisions(self.deployment, self.customer)

    def write_secret(self) -> None:
        """Give the installation the application's secret, as its purchaser does by the ReadMe's command."""
        customer, cloud = self.customer, self.deployment.cloud
        secret = customer.application_secret
        assert isinstance(secret, KeyVaultSecret)
        vault = secret.vault_url.removeprefix("https://").split(".")[0]
        client = KeyVaultManagementClient(cloud.credential(), customer.subscription_id, transport=cloud.transport())
        client.secrets.create_or_update(customer.resource_group, vault, secret.name, {"properties": {"value": "x"}})

    def submit(self) -> str:
        """Ask for a day of messages; the id of the factory run."""
        requested = self.customer.data_request.requested("Message_v1")
        assert requested
        submitter = Submitter(self.deployment.database, self.factory, "run-a", "extraction")
        [entry] = submitter.submit_days(self.customer, requested, [DAY]).extractions
        assert entry.factory_run_id
        return entry.factory_run_id

    def violate(self, key: str = "infrastructure-encryption") -> None:
        Compliance(self.deployment.sandbox_cloud.factories.state).violate(self.group_id, policies()[key])


def customer_of(resources: Resources, application: dict[str, Any]) -> Customer:
    """The customer that the containers of the installation are told, with the first day of these tests."""
    [customer] = read_customers(environment_of(resources, application)["O365_CUSTOMERS"], {}).customers
    return customer.model_copy(update={"first_day": DAY})


@pytest.fixture
def installed(deployment: Deployment) -> Installed:
    return install(deployment, "adventure-works")


def install(deployment: Deployment, name: str, secret: str = "") -> Installed:
    state, offer = deployment.sandbox_cloud.factories.state, deployment.offer
    assert offer
    installer, resources = Installer(state, lambda _: True, LOG.info), Resources(state)
    bought = sold(offer, resources, deployment.lakes)
    application = installer.install(bought, purchase(offer, name, secret=secret))
    assert application["properties"]["provisioningState"] == "Succeeded"
    group_id = application["properties"]["managedResourceGroupId"]
    return Installed(deployment, customer_of(resources, application), group_id)


def test_a_published_offer_is_what_is_installed_and_publishing_it_again_changes_nothing(deployment: Deployment) -> None:
    offer, resources = deployment.offer, Resources(deployment.sandbox_cloud.factories.state)
    assert offer
    catalog = ServiceCatalog(deployment.cloud, deployment.lakes, SecretStr("signature-of-the-vendor"))
    package = build(offer)

    published = catalog.publish(offer, package)

    assert published.changes
    assert catalog.publish(offer, package).changes == ()
    bought = sold(offer, resources, deployment.lakes)
    assert bought.definition_id == published.definition_id
    granted = {one["principalId"] for one in bought.authorizations}
    assert granted == {offer.management.principal_id, offer.management.installer_principal_id}
    assert (published_endpoint(offer, resources) or "").endswith("?sig=signature-of-the-vendor")
    assert install(deployment, "adventure-works").customer.factory


def test_the_pipeline_finds_nothing_to_change_in_the_factory_that_was_installed(installed: Installed) -> None:
    changes = [
        change
        for requested in installed.customer.data_request.datasets
        for change in installed.factory.deploy(installed.customer, requested)
    ]

    assert [change.diff for change in changes] == []


def test_an_approved_installation_is_extracted_from(installed: Installed) -> None:
    installed.write_secret()
    installed.approve()

    run = installed.factory.run(installed.customer, installed.submit())

    assert installed.factory.run(installed.customer, run.run_id).status == "Succeeded"
    rows = installed.factory.copy_outcome(installed.customer, run).rows
    assert rows is not None
    assert rows > 0


def test_without_the_applications_secret_a_run_fails_and_says_so(installed: Installed) -> None:
    installed.approve()

    run = installed.factory.run(installed.customer, installed.submit())

    ended = installed.factory.run(installed.customer, run.run_id)
    assert ended.status == "Failed"
    reason = installed.factory.copy_outcome(installed.customer, ended).error or ""
    assert "the factory could not read the application's secret in the Key Vault" in reason


def test_a_secret_that_the_purchaser_gave_goes_to_the_vault_and_is_shown_nowhere(deployment: Deployment) -> None:
    given = install(deployment, "adventure-works", secret="hunter2")
    given.approve()

    run = given.factory.run(given.customer, given.submit())

    assert given.factory.run(given.customer, run.run_id).status == "Succeeded"
    assert "hunter2" not in str(Resources(deployment.sandbox_cloud.factories.state).all())


def test_what_lay_in_an_installations_account_is_gone_with_it(installed: Installed) -> None:
    installed.write_secret()
    installed.approve()
    installed.factory.run(installed.customer, installed.submit())
    state = installed.deployment.sandbox_cloud.factories.state
    folder = container_folder(state, installed.customer.storage_account, installed.customer.container)
    assert list(folder.rglob("part-*.json"))

    Installer(state, lambda _: True, LOG.info).uninstall("adventure-works")

    assert not folder.exists()


def test_a_violation_is_told_before_a_factory_run_is_paid_for(installed: Installed) -> None:
    installed.approve()
    installed.violate()

    with pytest.raises(
        PolicyViolationError, match=f"infrastructure encryption' by {installed.customer.storage_account}"
    ):
        installed.submit()

    assert installed.deployment.sandbox.factory_runs() == []


def test_a_violation_of_one_customer_does_not_hold_up_another(installed: Installed) -> None:
    other = install(installed.deployment, "wide-world-importers")
    other.write_secret()
    other.approve()
    installed.violate()

    assert other.submit()


def test_data_connect_refuses_what_began_before_the_violation_was_noticed(installed: Installed) -> None:
    deployment = load(home=installed.deployment.home, sandbox_seconds=60, sandbox_users=12, initial_days=1)
    slow = Installed(deployment, installed.customer, installed.group_id)
    slow.write_secret()
    slow.approve()
    run_id = slow.submit()
    slow.violate("sql-encryption")

    state = deployment.sandbox_cloud.factories.state
    with state.writing() as connection:
        connection.execute("UPDATE run SET starts_at = created_at")

    run = slow.factory.run(slow.customer, run_id)
    assert run.status == "Failed"
    reason = slow.factory.copy_outcome(slow.customer, run).error or ""
    assert "an Azure policy is violated: bring the resources" in reason
