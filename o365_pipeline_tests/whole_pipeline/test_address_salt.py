"""The salt that addresses from outside are hashed with, read from a Key Vault by the Azure SDK."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable

import dagster as dg
import pytest
import sqlalchemy as sa
from azure.core.pipeline.transport import RequestsTransport
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Host, Route, Router

from o365_pipeline.curated.people import people_of
from o365_pipeline.customers.customer import Customer, Customers, KeyVaultSecret
from o365_pipeline.datasets import catalogue
from o365_pipeline.deployment import Deployment
from o365_pipeline.errors import SettingsError
from o365_pipeline.raw.assets import raw_key
from o365_pipeline.sandbox.cloud import SandboxCloud
from o365_pipeline.sandbox.entra import tokens as entra_tokens
from o365_pipeline.sandbox.entra.tokens import TokenError
from o365_pipeline.sandbox.transport import sandbox_transport
from o365_pipeline_tests.runner import Runner, lake_of

VAULT = "kv-contoso.vault.azure.net"
CHALLENGE = 'Bearer authorization="https://login.windows.net/t1", resource="https://vault.azure.net"'
SALT = "pepper-from-the-vault-of-contoso-2026"


class CloudWithVault(SandboxCloud):
    """The sandbox's sign-in, and a Key Vault alone behind it, which tells its secrets to whoever signs in."""

    secrets: dict[str, str]

    def transport(self) -> RequestsTransport:
        vault = Router([Route("/secrets/{name}/{version:path}", self.secret)])
        return sandbox_transport(Starlette(routes=[Host(VAULT, vault)]))

    def secret(self, request: Request) -> Response:
        try:
            token = self.entra.tokens.of(request)
        except TokenError:
            return Response(status_code=401, headers={"WWW-Authenticate": CHALLENGE})
        assert token.audience == entra_tokens.VAULT
        name = request.path_params["name"]
        if name not in self.secrets:
            told = {"code": "Forbidden", "message": "Caller is not authorized to perform action on resource."}
            return JSONResponse({"error": told}, 403)
        return JSONResponse({"value": self.secrets[name], "id": f"https://{VAULT}/secrets/{name}/1"})


def with_vault(deployment: Deployment, customer: Customer, **secrets: str) -> Deployment:
    """The deployment beside a Key Vault that holds these secrets; the customer's salt is in it."""
    salt = KeyVaultSecret(key_vault=f"https://{VAULT}/secrets/salt")
    hashing = customer.model_copy(update={"hash_outside_addresses": True, "address_salt": salt})
    sandbox = deployment.sandbox_cloud
    cloud = CloudWithVault(
        home=sandbox.home, lakes=deployment.lakes, queued_seconds=0, run_seconds=0, users=sandbox.users, secrets=secrets
    )
    return dataclasses.replace(deployment, cloud=cloud, customers=Customers([hashing]))


def test_addresses_from_outside_are_hashed_with_the_salt_of_the_key_vault(
    moved: Runner,
    deployment: Deployment,
    customer: Customer,
    instance: dg.DagsterInstance,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    with deployment.database.begin() as connection:
        addresses = "SELECT DISTINCT recipient_address FROM bridge_message_recipient"
        before = set(connection.scalars(sa.text(addresses)))
    hashing = with_vault(deployment, customer, salt=SALT)
    runner = Runner(hashing, instance)

    for group in ("curated", "mart"):
        assert runner.execute_day("landing_job", runner.keys(group)).success

    [changed] = hashing.customers
    people = people_of(hashing.database, lake_of(hashing), changed, hashing.cloud)
    with deployment.database.begin() as connection:
        after = set(connection.scalars(sa.text(addresses)))
    outside = {address for address in before if address.rpartition("@")[2] not in people.own_domains}
    assert outside
    assert after == (before - outside) | {
        f"{hashlib.sha256(f'{SALT}{address}'.encode()).hexdigest()[:16]}@{address.rpartition('@')[2]}"
        for address in outside
    }
    kept = [
        f"{entry.user_message} {entry.dagster_event}"
        for run in instance.get_runs()
        for entry in instance.all_logs(run.run_id)
    ]
    assert SALT not in "\n".join([caplog.text, *kept])


@pytest.mark.parametrize(
    ("secrets", "told"),
    [
        ({"other": SALT}, r"cannot be read from https://kv.*: give .* Key Vault Secrets User \(HttpResponseError\)$"),
        ({"salt": ""}, r"https://kv-contoso.vault.azure.net/secrets/salt: at least 32 characters are needed"),
        ({"salt": "pepper"}, r"https://kv-contoso.vault.azure.net/secrets/salt: at least 32 characters are needed"),
    ],
)
def test_a_salt_that_the_key_vault_does_not_give_is_one_line_that_says_what_to_do(
    deployment: Deployment,
    customer: Customer,
    instance: dg.DagsterInstance,
    decide: Callable[..., None],
    secrets: dict[str, str],
    told: str,
) -> None:
    decide()
    assert Runner(deployment, instance).execute_day("landing_job", [raw_key(catalogue()["User_v1"])]).success
    hashing = with_vault(deployment, customer, **secrets)
    [changed] = hashing.customers

    with pytest.raises(SettingsError, match=told) as caught:
        people_of(hashing.database, lake_of(hashing), changed, hashing.cloud)

    assert "\n" not in str(caught.value)
