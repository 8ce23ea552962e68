"""Azure Resource Manager's routes of Key Vault: writing secrets without access to the vault's own API.

What belongs here: the routes, and whether a factory finds the secrets that it refers to. A secret's value is never
returned and never stored, since nothing in the sandbox signs in with it. Source: Azure/azure-rest-api-specs,
specification/keyvault.
"""

from __future__ import annotations

import re
import uuid
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from o365_pipeline.sandbox.azure.arm_endpoints import field, refuse_content
from o365_pipeline.sandbox.azure.documents import Documents
from o365_pipeline.sandbox.azure.resources import Resources, group_of, named
from o365_pipeline.sandbox.azure.roles import SECRET_READ, RoleAssignments
from o365_pipeline.sandbox.endpoints import Body, endpoint
from o365_pipeline.sandbox.wire_errors import ServiceError

VAULT_TYPE = "Microsoft.KeyVault/vaults"
VAULT = f"/subscriptions/{{subscription}}/resourceGroups/{{group}}/providers/{VAULT_TYPE}/{{vault}}"
VAULT_ID = f"{{group}}/providers/{VAULT_TYPE}/{{vault}}"
SECRET_NAME = re.compile(r"[A-Za-z0-9-]{1,127}")
VERSION = re.compile(r"\d{4}-\d{2}-\d{2}")


def key_vault_routes(resources: Resources) -> list[Route]:
    """Builds the routes of secrets in existing vaults, as the SDK's KeyVaultManagementClient calls them."""

    def put_secret(request: Request, body: Body) -> Response:
        path = request.url.path
        vault = _vault(resources, request)
        properties = field(body, "properties", dict)
        value = field(properties, "value", str)
        if not value or not SECRET_NAME.fullmatch(named(path)):
            raise refuse_content("a secret has a value, and a name of letters, digits and hyphens")
        there = resources.find(path) is not None
        uri = f"https://{vault}.vault.azure.net/secrets/{named(path)}"
        secret = {
            "id": path,
            "name": named(path),
            "type": f"{VAULT_TYPE}/secrets",
            "location": resources.get(path.rpartition("/secrets/")[0]).get("location"),
            "tags": body.get("tags") or {},
            "properties": {
                "attributes": {"enabled": True},
                "secretUri": uri,
                "secretUriWithVersion": f"{uri}/{uuid.uuid4().hex}",
                **({"contentType": properties["contentType"]} if properties.get("contentType") else {}),
            },
        }
        resources.put(secret)
        return JSONResponse(secret, 200 if there else 201)

    def get_secret(request: Request, _: Body) -> Response:
        _vault(resources, request)
        return JSONResponse(resources.get(request.url.path))

    def get_vault(request: Request, _: Body) -> Response:
        return JSONResponse(resources.get(request.url.path))

    secret = f"{VAULT}/secrets/{{secret}}"
    return [
        Route(VAULT, endpoint(get_vault), methods=["GET"]),
        Route(secret, endpoint(put_secret), methods=["PUT"]),
        Route(secret, endpoint(get_secret), methods=["GET"]),
    ]


def missing_secret(resources: Resources, documents: Documents, factory_id: str, *, strict: bool) -> str | None:
    """Says why a factory cannot read a secret of a vault in its resource group; None if it can read all.

    Vaults in other groups are not in the sandbox; they are assumed to have the secret.

    Args:
        strict: whether the identity of a factory that a template installed needs a role on the vault.
    """
    group_id, factory = group_of(factory_id), resources.find(factory_id)
    identity = (factory or {}).get("identity", {}).get("principalId")
    for service in documents.all("linkedservices"):
        for part in service.properties.get("typeProperties", {}).values():
            if not (isinstance(part, dict) and part.get("type") == "AzureKeyVaultSecret"):
                continue
            store = documents.get("linkedservices", part["store"]["referenceName"]).properties
            url, name = store["typeProperties"]["baseUrl"], part["secretName"]
            vault = VAULT_ID.format(group=group_id, vault=(urlsplit(url).hostname or "").split(".")[0])
            if resources.find(vault) and not resources.find(f"{vault}/secrets/{name}"):
                return (
                    f"Failed to get the secret from key vault, secretName: {name}, vaultBaseUrl: {url}: SecretNotFound."
                )
            if strict and identity and resources.find(vault) and not _may_read(resources, identity, vault):
                return (
                    f"Failed to get the secret from key vault, secretName: {name}, vaultBaseUrl: {url}: Caller is not "
                    "authorized to perform action on resource: ForbiddenByRbac."
                )
    return None


def _may_read(resources: Resources, identity: str, vault: str) -> bool:
    return RoleAssignments(resources).allows(identity, SECRET_READ, vault)


def _vault(resources: Resources, request: Request) -> str:
    """Returns the name of the vault that a request is about.

    Raises:
        ServiceError: there is no such vault, or the api-version is invalid; Key Vault's versions answer alike.
    """
    if not VERSION.match(request.query_params.get("api-version", "")):
        raise ServiceError(
            400, "MissingApiVersionParameter", "The api-version query parameter (?api-version=) is required."
        )
    vault = request.path_params["vault"]
    if resources.find(request.url.path.rpartition("/secrets/")[0]) is None:
        raise ServiceError(
            404,
            "ParentResourceNotFound",
            "Failed to perform 'write' on resource(s) of type 'vaults/secrets', because the parent resource "
            f"'{vault}' could not be found.",
        )
    return str(vault)
