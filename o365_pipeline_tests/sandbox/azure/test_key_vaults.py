"""Key Vault's control plane in the sandbox, as the SDK's KeyVaultManagementClient meets it."""

from __future__ import annotations

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.keyvault import models as vaults

from o365_pipeline.sandbox.azure.resources import Resources
from o365_pipeline.sandbox.transport import sandbox_transport
from o365_pipeline_tests.sandbox.conftest import World

VAULT = "/subscriptions/sub/resourceGroups/mrg-fabrikam/providers/Microsoft.KeyVault/vaults/kv-fabrikam"
WHERE = ("mrg-fabrikam", "kv-fabrikam", "application-secret")
CANARY = "canary-of-the-secret"


@pytest.fixture
def client(world: World) -> KeyVaultManagementClient:
    Resources(world.factories.state).put(
        {"id": VAULT, "name": "kv-fabrikam", "type": "Microsoft.KeyVault/vaults", "location": "westeurope"}
    )
    return KeyVaultManagementClient(world.credential(), "sub", transport=sandbox_transport(world.app))


def secret(value: str | None) -> vaults.SecretCreateOrUpdateParameters:
    return vaults.SecretCreateOrUpdateParameters(properties=vaults.SecretProperties(value=value))


def test_a_secret_is_written_and_its_value_never_answered_nor_kept(
    world: World, client: KeyVaultManagementClient
) -> None:
    written = client.secrets.create_or_update(*WHERE, secret(CANARY))

    found = client.secrets.get(*WHERE)

    assert found.properties.secret_uri == "https://kv-fabrikam.vault.azure.net/secrets/application-secret"
    assert found.properties.secret_uri_with_version == written.properties.secret_uri_with_version
    assert written.properties.value is found.properties.value is None
    assert CANARY.encode() not in b"".join(path.read_bytes() for path in (world.home / "sandbox").glob("sandbox.db*"))


def test_writing_a_secret_again_makes_another_version(client: KeyVaultManagementClient) -> None:
    first = client.secrets.create_or_update(*WHERE, secret("one"))

    second = client.secrets.create_or_update(*WHERE, secret("two"))

    assert first.properties.secret_uri_with_version != second.properties.secret_uri_with_version


def test_a_secret_that_was_never_written_is_not_found(client: KeyVaultManagementClient) -> None:
    with pytest.raises(ResourceNotFoundError, match="ResourceNotFound"):
        client.secrets.get(*WHERE)


def test_a_vault_that_nothing_installed_takes_no_secret(client: KeyVaultManagementClient) -> None:
    with pytest.raises(ResourceNotFoundError, match="parent resource 'kv-other' could not be found"):
        client.secrets.create_or_update("mrg-fabrikam", "kv-other", "application-secret", secret("one"))


def test_a_secret_without_a_value_is_refused(client: KeyVaultManagementClient) -> None:
    with pytest.raises(HttpResponseError, match="'value' must be given"):
        client.secrets.create_or_update(*WHERE, secret(None))
