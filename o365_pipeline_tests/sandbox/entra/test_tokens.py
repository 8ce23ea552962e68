"""Microsoft Entra in the sandbox: who gets which token, and which of them open the activity feed."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.core.rest import HttpRequest, HttpResponse
from azure.identity import ClientSecretCredential, ManagedIdentityCredential

from o365_pipeline.sandbox.app import served_app
from o365_pipeline.sandbox.entra.sign_in import SandboxCredential
from o365_pipeline.sandbox.entra.tokens import ACTIVITY_FEED_READ, ARM, FEED, Token
from o365_pipeline.sandbox.tenant.synthetic_tenant import SyntheticTenant
from o365_pipeline.sandbox.transport import sandbox_transport
from o365_pipeline_tests.sandbox.conftest import PIPELINE, World

ADDRESS = "https://localhost:3443"


@pytest.fixture
def identity(strict: World, monkeypatch: pytest.MonkeyPatch) -> ManagedIdentityCredential:
    """The identity of a container, as Container Apps give it; it lives in the tenant t1."""
    strict.entra.directory.add_managed_identity("identity", "t1")
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{ADDRESS}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "any")
    return ManagedIdentityCredential(client_id="identity", transport=served(strict))


def served(world: World) -> Any:
    return sandbox_transport(served_app(world.factories, world.entra))


def claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def listed(world: World, *credentials: SandboxCredential) -> HttpResponse:
    """What the feed of the tenant t1 answers."""
    request = HttpRequest("GET", f"{FEED}/api/v1.0/t1/activity/feed/subscriptions/list")
    return world.feed_client(*credentials).send_request(request)


def refusal(answer: HttpResponse) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_an_application_that_a_tenant_has_not_admitted_gets_no_token_of_it(strict: World) -> None:
    strict.entra.directory.register(PIPELINE, "vendor", is_multi_tenant=True)

    with pytest.raises(ClientAuthenticationError, match=r"AADSTS700016.*was not found in the directory 't1'"):
        strict.credential("t1").get_token(f"{FEED}/.default")

    strict.entra.directory.admit("t1", PIPELINE)
    assert claims(strict.credential("t1").get_token(f"{FEED}/.default").token)["tid"] == "t1"


def test_the_feed_wants_its_permission_granted_in_its_own_tenant(strict: World) -> None:
    directory = strict.entra.directory
    at_home = directory.register(PIPELINE, "vendor", is_multi_tenant=True)
    directory.grant(at_home, FEED, ACTIVITY_FEED_READ)
    in_t1 = directory.admit("t1", PIPELINE)

    without = listed(strict, strict.credential("t1"))
    of_another_tenant = listed(strict, strict.credential("vendor"))
    directory.grant(in_t1, FEED, ACTIVITY_FEED_READ)

    assert refusal(without) == (401, "AF10001")
    assert refusal(of_another_tenant) == (401, "AF20010")
    assert listed(strict, strict.credential("t1")).status_code == 200


def test_a_token_keeps_the_roles_of_the_moment_when_it_was_issued(strict: World) -> None:
    directory = strict.entra.directory
    principal = directory.register(PIPELINE, "t1")
    before = strict.credential().get_token(f"{FEED}/.default").token
    directory.grant(principal, FEED, ACTIVITY_FEED_READ)

    after = strict.credential().get_token(f"{FEED}/.default").token

    assert "roles" not in claims(before)
    assert claims(after)["roles"] == [ACTIVITY_FEED_READ]
    directory.withdraw(principal, FEED, ACTIVITY_FEED_READ)
    assert "roles" not in claims(strict.credential().get_token(f"{FEED}/.default").token)


def for_resource_manager(good: Token) -> Token:
    return Token(good.tenant_id, ARM, good.application_id, good.object_id, good.roles, good.expires_on)


def expired(good: Token) -> Token:
    return Token(good.tenant_id, good.audience, good.application_id, good.object_id, good.roles, int(time.time()) - 1)


@pytest.mark.parametrize("change", [for_resource_manager, expired])
def test_the_feed_refuses_a_token_for_another_service_and_one_that_has_expired(
    world: World, change: Callable[[Token], Token]
) -> None:
    good = world.entra.tokens.read(world.credential().get_token(f"{FEED}/.default").token)

    assert with_header(world, f"Bearer {world.entra.tokens.write(good)}").status_code == 200
    assert with_header(world, f"Bearer {world.entra.tokens.write(change(good))}").status_code == 401


def test_the_feed_refuses_what_is_no_token_of_this_sandbox(world: World, tmp_path: Path) -> None:
    good = world.credential().get_token(f"{FEED}/.default").token
    head, _, signature = good.split(".")
    forged = base64.urlsafe_b64encode(json.dumps({**claims(good), "tid": "t1", "exp": 9e9}).encode()).rstrip(b"=")
    elsewhere = World(tmp_path / "elsewhere", SyntheticTenant(users=2)).credential().get_token(f"{FEED}/.default").token

    for text in ("", "sandbox", f"{head}.{forged.decode()}.{signature}", elsewhere, f"{good}x", ".."):
        assert with_header(world, f"Bearer {text}").status_code == 401, text
    assert refusal(listed(world)) == (401, "AF10000")


def with_header(world: World, authorization: str) -> HttpResponse:
    url = f"{FEED}/api/v1.0/t1/activity/feed/subscriptions/list"
    return world.feed_client().send_request(HttpRequest("GET", url, headers={"Authorization": authorization}))


def test_a_managed_identity_gets_tokens_of_its_own_tenant_whichever_is_asked_for(
    strict: World, identity: ManagedIdentityCredential
) -> None:
    token = identity.get_token(f"{FEED}/.default", tenant_id="another")
    played = SandboxCredential(strict.entra, "another", "identity", is_managed=True).get_token(f"{FEED}/.default")

    assert [claims(issued.token)["tid"] for issued in (token, played)] == ["t1", "t1"]


@pytest.mark.usefixtures("identity")
def test_a_managed_identity_that_does_not_exist_gets_no_token(strict: World) -> None:
    stranger = ManagedIdentityCredential(client_id="stranger", transport=served(strict))
    with pytest.raises(ClientAuthenticationError):
        stranger.get_token(f"{FEED}/.default")


@pytest.mark.usefixtures("identity")
def test_an_identity_serves_the_machines_alone_that_it_is_assigned_to(
    strict: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict.entra.directory.add_managed_identity("of another", "t2", header="of another's machines")

    def asked(header: str) -> list[Any]:
        monkeypatch.setenv("IDENTITY_HEADER", header)
        return [
            ManagedIdentityCredential(client_id="of another", transport=served(strict)),
            SandboxCredential(strict.entra, "t2", "of another", is_managed=True, header=header),
        ]

    for refused in asked("of my own machine"):
        with pytest.raises(ClientAuthenticationError):
            refused.get_token(f"{FEED}/.default")
    for given in asked("of another's machines"):
        assert claims(given.get_token(f"{FEED}/.default").token)["tid"] == "t2"


def test_azures_own_sign_in_is_refused_with_a_wrong_secret_or_for_an_unknown_service(strict: World) -> None:
    strict.entra.directory.register(PIPELINE, "t1", secret="right")

    def sign_in(secret: str, scope: str = f"{FEED}/.default") -> dict[str, Any]:
        application = ClientSecretCredential(
            "t1", PIPELINE, secret, authority=ADDRESS, disable_instance_discovery=True, transport=served(strict)
        )
        return claims(application.get_token(scope).token)

    assert sign_in("right")["appid"] == PIPELINE
    assert sign_in("right", f"{ADDRESS}/.default")["aud"] == ARM
    with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        sign_in("wrong")
    with pytest.raises(ClientAuthenticationError, match="AADSTS500011"):
        sign_in("right", "https://nowhere.example/.default")
