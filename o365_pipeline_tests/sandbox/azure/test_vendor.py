"""The vendor on a strict sandbox: what its own identity reaches of its catalog and its customers, and nobody else's."""

from __future__ import annotations

import datetime as dt
import logging
from pathlib import Path

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from pydantic import SecretStr

from o365_pipeline.deployment import Deployment, load
from o365_pipeline.errors import O365PipelineError, PublishError
from o365_pipeline.extraction.data_factory import DataFactory
from o365_pipeline.managed_app.installations.applications import Application, Applications, MissingApplication
from o365_pipeline.managed_app.installations.factory_activity import InstalledFactory
from o365_pipeline.managed_app.package.package import build
from o365_pipeline.managed_app.publishing.service_catalog import ServiceCatalog
from o365_pipeline.sandbox.administrators import Administrators
from o365_pipeline.sandbox.azure.installation import Installer
from o365_pipeline.sandbox.azure.purchases import Purchase, purchase, sold
from o365_pipeline.sandbox.azure.resources import Resources
from o365_pipeline.sandbox.cloud import SandboxCloud

SINCE = dt.datetime(2026, 11, 16, tzinfo=dt.UTC)
RIVAL, STRANGER = "00000000-0000-4000-8000-0000000000f9", "00000000-0000-4000-8000-0000000000e9"


@pytest.fixture
def vendor(tmp_path: Path) -> Deployment:
    """A vendor's deployment on a strict sandbox, to which nothing is granted yet."""
    return load(home=tmp_path / "home", sandbox_strict=True)


def publish(vendor: Deployment) -> None:
    assert vendor.offer
    ServiceCatalog(vendor.cloud, vendor.lakes, SecretStr("signature-of-the-vendor")).publish(
        vendor.offer, build(vendor.offer)
    )


def install(vendor: Deployment) -> tuple[Purchase, InstalledFactory]:
    """The published offer, as a customer has it, and its factory."""
    assert vendor.offer
    state = vendor.sandbox_cloud.state
    bought = purchase(vendor.offer, "adventure-works")
    installed = Installer(state, lambda _: True, logging.getLogger("test").info).install(
        sold(vendor.offer, Resources(state), vendor.lakes), bought
    )
    factory = installed["properties"]["outputs"]["factory"]["value"]
    return bought, InstalledFactory(bought.subscription_id, bought.target.resource_group, factory)


def other(vendor: Deployment, tenant_id: str, client_id: str) -> SandboxCloud:
    """The same sandbox, as an identity of a tenant sees it that has admitted it."""
    cloud = vendor.sandbox_cloud
    cloud.entra.directory.register(client_id, tenant_id)
    return SandboxCloud(home=cloud.home, lakes=vendor.lakes, strict=True, tenant_id=tenant_id, client_id=client_id)


def test_a_vendor_publishes_and_looks_after_installations_by_what_is_granted_to_it(vendor: Deployment) -> None:
    assert vendor.offer
    with pytest.raises((PublishError, ClientAuthenticationError), match="AADSTS700016"):
        publish(vendor)
    Administrators(vendor.sandbox_cloud).grant_vendor(vendor.offer)

    publish(vendor)
    bought, factory = install(vendor)

    assert isinstance(Applications(vendor.cloud).get(bought.application_id), Application)
    assert list(DataFactory(cloud=vendor.cloud).runs_since(factory, SINCE)) == []


@pytest.mark.parametrize(
    ("tenant_id", "is_certain", "told"),
    [(RIVAL, True, "InvalidAuthenticationTokenTenant"), (None, False, "AuthorizationFailed")],
)
def test_another_tenants_identity_and_one_outside_the_group_see_nothing(
    vendor: Deployment, tenant_id: str | None, is_certain: bool, told: str
) -> None:
    assert vendor.offer
    Administrators(vendor.sandbox_cloud).grant_vendor(vendor.offer)
    publish(vendor)
    bought, factory = install(vendor)
    stranger = other(vendor, tenant_id or vendor.offer.management.tenant_id, STRANGER)

    assert Applications(stranger).get(bought.application_id) == MissingApplication(is_certain)
    with pytest.raises(HttpResponseError, match=told):
        list(DataFactory(cloud=stranger).runs_since(factory, SINCE))
    with pytest.raises(O365PipelineError, match=f"{told}|does not have authorization"):
        ServiceCatalog(stranger, vendor.lakes, SecretStr("x" * 20)).publish(vendor.offer, build(vendor.offer))


def test_the_vendor_reaches_nothing_of_a_customer_beside_what_its_application_manages(vendor: Deployment) -> None:
    assert vendor.offer
    Administrators(vendor.sandbox_cloud).grant_vendor(vendor.offer)
    publish(vendor)
    bought, _ = install(vendor)
    elsewhere = InstalledFactory(bought.subscription_id, "rg-of-the-customer", "adf")

    with pytest.raises(HttpResponseError, match="AuthorizationFailed"):
        list(DataFactory(cloud=vendor.cloud).runs_since(elsewhere, SINCE))
    token = vendor.cloud.credential().get_token("https://database.windows.net/.default").token
    server = Resources(vendor.sandbox_cloud.state).of_type("Microsoft.Sql/servers")[0]["name"]
    with pytest.raises(Exception, match="not currently configured to accept this token"):
        vendor.sandbox_cloud.sql_servers.sign_in(server, token)
