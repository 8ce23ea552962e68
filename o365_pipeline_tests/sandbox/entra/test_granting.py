"""How an administrator admits an application and grants it the feed: the consent link, and Microsoft Graph."""

from __future__ import annotations

import html
import re
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient

from o365_pipeline.sandbox.app import served_app
from o365_pipeline.sandbox.entra.directory import Principal
from o365_pipeline.sandbox.entra.graph_routes import MANAGEMENT_API
from o365_pipeline.sandbox.entra.sign_in import SandboxCredential
from o365_pipeline.sandbox.entra.tokens import ACTIVITY_FEED_READ, FEED, GRAPH, MAY_GRANT
from o365_pipeline.web.browser_guard import BrowserGuard
from o365_pipeline_tests.sandbox.conftest import World

ADDRESS = "https://localhost:3443"
PRINCIPALS = "/graph/v1.0/servicePrincipals"


@pytest.fixture
def client(strict: World) -> TestClient:
    return TestClient(served_app(strict.factories, strict.entra), base_url=ADDRESS, follow_redirects=False)


@pytest.fixture
def identity(strict: World) -> Principal:
    """The managed identity to which the feed is to be granted."""
    return strict.entra.directory.add_managed_identity("identity", "t1")


def signed_in(world: World, *roles: str, tenant_id: str = "t1") -> dict[str, str]:
    """The header of an administrator with permissions of Graph."""
    directory = world.entra.directory
    administrator = directory.register(f"administrator of {tenant_id}", tenant_id)
    for role in roles:
        directory.grant(administrator, GRAPH, role)
    token = SandboxCredential(world.entra, tenant_id, administrator.application_id).get_token(f"{GRAPH}/.default").token
    return {"Authorization": f"Bearer {token}"}


def grant(client: TestClient, headers: dict[str, str], identity: Principal, **changes: str) -> httpx2.Response:
    """Does what docs/azure.md says: looks the API and its role up, then assigns it."""
    wanted = f"servicePrincipalNames/any(c:c eq '{MANAGEMENT_API}')"
    [api] = client.get(PRINCIPALS, params={"$filter": wanted}, headers=headers).json()["value"]
    [role] = [role["id"] for role in api["appRoles"] if role["value"] == ACTIVITY_FEED_READ]
    body = {"principalId": identity.object_id, "resourceId": api["id"], "appRoleId": role, **changes}
    return client.post(f"{PRINCIPALS}/{identity.object_id}/appRoleAssignments", json=body, headers=headers)


def test_an_administrator_grants_the_feed_to_an_identity(
    strict: World, client: TestClient, identity: Principal
) -> None:
    headers = signed_in(strict, MAY_GRANT)

    granted = grant(client, headers, identity)

    assert granted.status_code == 201
    assert strict.entra.directory.app_roles(identity, FEED) == (ACTIVITY_FEED_READ,)
    assignments = client.get(f"{PRINCIPALS}/{identity.object_id}/appRoleAssignments", headers=headers).json()["value"]
    assert assignments == [granted.json()]
    assert client.get(f"{PRINCIPALS}/{identity.object_id}", headers=headers).json()["appId"] == "identity"


@pytest.mark.parametrize(
    ("roles", "tenant", "changes", "status"),
    [
        ((), "t1", {}, 403),
        ((MAY_GRANT,), "t2", {}, 404),
        ((MAY_GRANT,), "t1", {"appRoleId": "00000000-0000-4000-8000-000000000000"}, 400),
        ((MAY_GRANT,), "t1", {"principalId": "another"}, 400),
        ((MAY_GRANT,), "t1", {"resourceId": "another"}, 400),
    ],
)
def test_nobody_else_and_nothing_else_is_granted(
    strict: World,
    client: TestClient,
    identity: Principal,
    roles: tuple[str, ...],
    tenant: str,
    changes: dict[str, str],
    status: int,
) -> None:
    headers = signed_in(strict, *roles, tenant_id=tenant)

    assert grant(client, headers, identity, **changes).status_code == status
    assert strict.entra.directory.app_roles(identity, FEED) == ()


def test_graph_wants_a_token_of_its_own(strict: World, client: TestClient) -> None:
    assert client.get(PRINCIPALS).status_code == 401
    strict.entra.directory.register("app", "t1")
    token = SandboxCredential(strict.entra, "t1", "app").get_token(f"{FEED}/.default").token
    assert client.get(PRINCIPALS, headers={"Authorization": f"Bearer {token}"}).status_code == 401


def consent(client: TestClient, headers: dict[str, str] | None = None, **changes: str) -> httpx2.Response:
    asked: dict[str, Any] = {
        "client_id": "vendors",
        "scope": f"{FEED}/.default",
        "redirect_uri": "https://vendor.example/consented",
    }
    return client.post("/t1/v2.0/adminconsent", params={**asked, **changes}, headers=headers)


def test_the_consent_link_admits_a_multi_tenant_application_with_its_permission(
    strict: World, client: TestClient
) -> None:
    strict.entra.directory.register("vendors", "vendor", is_multi_tenant=True)

    consented = consent(client)

    assert consented.status_code == 303
    assert consented.headers["Location"].startswith("https://vendor.example/consented?admin_consent=True&tenant=t1")
    admitted = strict.entra.directory.find("t1", "vendors")
    assert admitted
    assert strict.entra.directory.app_roles(admitted, FEED) == (ACTIVITY_FEED_READ,)


def test_a_link_grants_nothing_and_its_page_asks_for_what_the_link_says(strict: World, client: TestClient) -> None:
    strict.entra.directory.register("vendors", "vendor", is_multi_tenant=True)
    link = '/t1/v2.0/adminconsent?client_id=vendors&redirect_uri=https://vendor.example/"><b>'

    page = client.get(link)

    assert (page.status_code, strict.entra.directory.in_tenant("t1")) == (200, [])
    [action] = re.findall(r'<form method="post" action="([^"]*)">', page.text)
    assert "<b>" not in page.text
    assert client.post(html.unescape(action)).status_code == 303
    assert strict.entra.directory.find("t1", "vendors")


def test_another_sites_form_grants_nothing(strict: World) -> None:
    strict.entra.directory.register("vendors", "vendor", is_multi_tenant=True)
    app = BrowserGuard(served_app(strict.factories, strict.entra), "localhost")
    client = TestClient(app, base_url=ADDRESS, follow_redirects=False)

    assert consent(client, {"Origin": "https://evil.example"}).status_code == 403
    assert consent(client, {"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert strict.entra.directory.in_tenant("t1") == []
    assert consent(client, {"Origin": ADDRESS}).status_code == 303


@pytest.mark.parametrize("change", [{"client_id": "single"}, {"client_id": "stranger"}, {"redirect_uri": ""}])
def test_the_consent_link_admits_nothing_else(strict: World, client: TestClient, change: dict[str, str]) -> None:
    strict.entra.directory.register("vendors", "vendor", is_multi_tenant=True)
    strict.entra.directory.register("single", "vendor")

    assert consent(client, None, **change).status_code == 400
    assert strict.entra.directory.in_tenant("t1") == []
