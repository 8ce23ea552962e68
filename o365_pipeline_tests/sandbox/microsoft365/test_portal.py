"""Registration in the portal, and the admin center's table, by Microsoft's rules for single- and multi-tenant apps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from o365_pipeline.consent.approvals import State
from o365_pipeline.customers.data_request import as_toml
from o365_pipeline.errors import UsageError
from o365_pipeline.sandbox.azure.resources import ACCOUNT_TYPE, Resources
from o365_pipeline.sandbox.azure.subscriptions import Subscriptions
from o365_pipeline.sandbox.entra.tokens import ACTIVITY_FEED_READ, FEED
from o365_pipeline.sandbox.microsoft365.approver_page import approver_app
from o365_pipeline.sandbox.microsoft365.portal import Application, Portal
from o365_pipeline.sandbox.microsoft365.registrations import PublishType
from o365_pipeline.web.browser_guard import BrowserGuard
from o365_pipeline_tests.sandbox.conftest import APPROVER, GROUP_ID, PIPELINE, World

VAULT = "https://kv-vendor.vault.azure.net"
HOST = "127.0.0.1:3001"


@pytest.fixture
def site(strict: World) -> World:
    """A tenant with an application and a storage account, in which the feed may be read."""
    make_tenant(strict, "vendor")
    principal = strict.entra.directory.register(PIPELINE, "t1")
    strict.entra.directory.grant(principal, FEED, ACTIVITY_FEED_READ)
    strict.subscribe()
    return strict


def make_tenant(world: World, tenant_id: str) -> None:
    Subscriptions(world.factories.state).create("sub", tenant_id)
    Resources(world.factories.state).put(
        {"id": f"{GROUP_ID}/providers/{ACCOUNT_TYPE}/acc", "type": ACCOUNT_TYPE, "properties": {}}
    )
    world.entra.directory.register("app", tenant_id, is_multi_tenant=True)


@pytest.fixture
def portal(site: World) -> Portal:
    return Portal(site.factories.state, site.entra.directory, site.clock)


@pytest.fixture
def hosted(site: World) -> Application:
    """A vendor's, whose data moves into the vendor's tenant."""
    return Application("vendor", site.customer.data_request, site.customer.sink, PublishType.MULTI, VAULT)


def own(hosted: Application) -> Application:
    return replace(hosted, publish_type=PublishType.SINGLE, key_vault=None)


def listed(world: World) -> list[tuple[str, State]]:
    return [(entry.registration.tenant_id, entry.state) for entry in world.sandbox.data_requests()]


def records(world: World) -> list[tuple[str, str]]:
    world.clock.forward(seconds=1)
    return [(record["State"], record["DestinationTenantId"]) for record in world.records()]


def test_a_single_tenant_application_is_pending_in_its_own_tenant_at_once(
    site: World, portal: Portal, hosted: Application
) -> None:
    portal.register(own(hosted))

    assert listed(site) == [("vendor", State.PENDING)]


def test_a_multi_tenant_application_is_shown_to_nobody_who_has_not_decided_on_it(
    site: World, portal: Portal, hosted: Application
) -> None:
    portal.register(hosted)
    site.sandbox.enable_cross_tenant_migration("t1")
    found = site.sandbox.add("t1", "APP", "Vendor")
    before = (listed(site), records(site))

    site.sandbox.decide("t1", "app", State.APPROVED, APPROVER)

    assert found.registration.sinks == (site.customer.sink,)
    assert before == ([], [])
    assert listed(site) == [("t1", State.APPROVED)]
    assert records(site) == [("Approved", "vendor")]


def test_a_change_of_a_registration_asks_those_who_approved_it_for_an_update(
    site: World, portal: Portal, hosted: Application
) -> None:
    portal.register(hosted)
    for tenant in ("t1", "t2"):
        site.sandbox.enable_cross_tenant_migration(tenant)
        site.sandbox.add(tenant, "app", "vendor")
    site.sandbox.decide("t1", "app", State.APPROVED, APPROVER)

    portal.register(hosted)
    unchanged = listed(site)
    portal.register(replace(hosted, sink=f"{hosted.sink}/elsewhere"))

    assert unchanged == [("t1", State.APPROVED)]
    assert listed(site) == [("t1", State.UPDATE_AVAILABLE)]
    assert records(site) == [("Approved", "vendor"), ("UpdateAvailable", "vendor")]


@pytest.mark.parametrize(
    ("tenant", "application", "publisher", "enabled", "told"),
    [
        ("t1", "app", "vendor", False, "not enabled for cross-tenant data migration"),
        ("t1", "app", "t1", True, "no multi-tenant application app of the publisher t1"),
        ("t1", "another", "vendor", True, "no multi-tenant application another"),
    ],
)
def test_an_application_is_added_by_its_id_and_publisher_where_the_tenant_is_enabled(
    site: World,
    portal: Portal,
    hosted: Application,
    tenant: str,
    application: str,
    publisher: str,
    enabled: bool,
    told: str,
) -> None:
    portal.register(hosted)
    if enabled:
        site.sandbox.enable_cross_tenant_migration(tenant)

    with pytest.raises(UsageError, match=told):
        site.sandbox.add(tenant, application, publisher)


def test_a_single_tenant_application_cannot_be_added_elsewhere(
    site: World, portal: Portal, hosted: Application
) -> None:
    portal.register(own(hosted))
    site.sandbox.enable_cross_tenant_migration("t1")

    with pytest.raises(UsageError, match="no multi-tenant application"):
        site.sandbox.add("t1", "app", "vendor")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda app: replace(app, tenant_id="t1"), "is registered in its own, not in t1"),
        (lambda app: replace(app, sink="https://acc.dfs.core.windows.net"), "is no destination"),
        (lambda app: replace(app, sink="https://else.dfs.core.windows.net/lake"), "has a storage account else"),
        (lambda app: replace(app, key_vault=None), "needs a Key Vault"),
        (lambda app: renamed(app, "stranger"), "tenant vendor has no application stranger"),
        (lambda app: renamed(app, "single"), "for its own tenant alone"),
    ],
)
def test_the_portal_refuses_what_is_not_in_the_registering_tenant(
    site: World, portal: Portal, hosted: Application, change: Callable[[Application], Application], told: str
) -> None:
    site.entra.directory.register("single", "vendor")

    with pytest.raises(UsageError, match=told):
        portal.register(change(hosted))


def renamed(application: Application, application_id: str) -> Application:
    request = application.data_request.model_copy(update={"application_id": application_id})
    return replace(application, data_request=request)


def test_nobody_decides_on_what_nobody_registered(site: World) -> None:
    with pytest.raises(UsageError, match="register it first"):
        site.sandbox.decide("t1", "app", State.APPROVED, APPROVER)


def test_on_the_pages_a_developer_registers_and_an_administrator_adds_and_approves(
    site: World, portal: Portal, hosted: Application
) -> None:
    app = BrowserGuard(approver_app(site.sandbox, portal, lambda: own(hosted)), "127.0.0.1")
    page = TestClient(app, base_url=f"http://{HOST}", follow_redirects=False)
    form = {
        "tenant": "vendor",
        "publish_type": "multi-tenant",
        "sink": hosted.sink,
        "key_vault": VAULT,
        "data_request": as_toml(hosted.data_request),
    }
    add = {"tenant": "t1", "application": "app", "publisher": "vendor"}
    site.sandbox.enable_cross_tenant_migration("t1")

    suggested = page.get("/portal").text
    wrong = page.post("/portal", data={**form, "key_vault": "", "data_request": "<x"})
    nothing_to_add = page.post("/add", data=add)
    registered = page.post("/portal", data=form)
    added = page.post("/add", data=add)
    one = page.get(added.headers["Location"])
    decided = page.post(added.headers["Location"], data={"decision": "approve", "approver": APPROVER, "seen": ""})

    assert hosted.sink in suggested
    assert (wrong.status_code, "Nothing was registered" in wrong.text, "&lt;x" in wrong.text) == (422, True, True)
    assert nothing_to_add.status_code == 404
    assert "Insights is registered, multi-tenant" in registered.text
    assert (added.status_code, one.status_code, decided.status_code) == (303, 200, 303)
    assert "Another organization's tenant" in one.text
    assert listed(site) == [("t1", State.APPROVED)]
    assert page.post("/portal", data=form, headers={"Origin": "https://evil.example"}).status_code == 403
    assert page.post("/add", data=add, headers={"Origin": "https://evil.example"}).status_code == 403
