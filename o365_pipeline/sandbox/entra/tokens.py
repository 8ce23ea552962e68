"""Access tokens: bound to a tenant, an audience, an identity and its app roles; signed, and good for an hour.

What belongs here: writing and reading them as JSON Web Tokens, and the audiences that there are. Who gets one belongs
to `sign_in.py`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from starlette.requests import Request

from o365_pipeline.errors import O365PipelineError
from o365_pipeline.sandbox.state import State

TOKEN_SECONDS = 3_600
ARM, FEED, STORAGE = "https://management.azure.com", "https://manage.office.com", "https://storage.azure.com"
GRAPH, SQL, VAULT = "https://graph.microsoft.com", "https://database.windows.net", "https://vault.azure.net"
AUDIENCES = {name: name for name in (ARM, FEED, STORAGE, GRAPH, SQL, VAULT)} | {
    "https://management.core.windows.net": ARM,
    **dict.fromkeys(
        ("https://manage-gcc.office.com", "https://manage.office365.us", "https://manage.protection.apps.mil"), FEED
    ),
}
"""What a client may ask a token for, and the audience of that token."""

ACTIVITY_FEED_READ = "ActivityFeed.Read"
MAY_GRANT = "AppRoleAssignment.ReadWrite.All"
"""The permission of Microsoft Graph that whoever assigns app roles has."""

HEADER = {"typ": "JWT", "alg": "HS256"}


class TokenError(O365PipelineError):
    """A request without a token that this sandbox issued and that is still good."""


@dataclass(frozen=True)
class Token:
    """What an access token says."""

    tenant_id: str
    audience: str
    application_id: str
    object_id: str
    roles: tuple[str, ...]
    expires_on: int

    @property
    def issuer(self) -> str:
        return f"https://sts.windows.net/{self.tenant_id}/"


class Tokens:
    """Writes and reads the tokens of one sandbox, whose key its state keeps."""

    def __init__(self, state: State) -> None:
        self._state = state

    def write(self, token: Token) -> str:
        """Signs a token."""
        claims = {
            "aud": token.audience,
            "iss": token.issuer,
            "iat": token.expires_on - TOKEN_SECONDS,
            "nbf": token.expires_on - TOKEN_SECONDS,
            "exp": token.expires_on,
            "appid": token.application_id,
            "oid": token.object_id,
            "sub": token.object_id,
            "tid": token.tenant_id,
            "idtyp": "app",
            "ver": "1.0",
            **({"roles": list(token.roles)} if token.roles else {}),
        }
        signed = f"{_encoded(HEADER)}.{_encoded(claims)}"
        return f"{signed}.{self._signature(signed)}"

    def read(self, text: str) -> Token:
        """Reads a token.

        Raises:
            TokenError: it is not one of this sandbox's, or it has expired.
        """
        signed, _, signature = text.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(signed).encode()):
            raise TokenError("The access token is invalid.")
        claims: dict[str, Any] = json.loads(_decoded(signed.partition(".")[2]))
        if claims["exp"] <= time.time():
            raise TokenError("The access token expiry UTC time is earlier than current UTC time.")
        return Token(
            claims["tid"], claims["aud"], claims["appid"], claims["oid"], tuple(claims.get("roles", ())), claims["exp"]
        )

    def of(self, request: Request) -> Token:
        """Reads the token that a request carries.

        Raises:
            TokenError: it carries none that is good.
        """
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not text:
            raise TokenError("Authentication failed. The 'Authorization' header is missing.")
        return self.read(text.strip())

    def _signature(self, signed: str) -> str:
        return _base64(hmac.digest(self._key, signed.encode(), hashlib.sha256))

    @cached_property
    def _key(self) -> bytes:
        with self._state.writing() as connection:
            connection.execute("INSERT OR IGNORE INTO signing_key (number, key) VALUES (1, ?)", (secrets.token_hex(),))
            (key,) = connection.execute("SELECT key FROM signing_key WHERE number = 1").fetchone()
        return bytes.fromhex(key)


def audience_of(resource: str) -> str | None:
    """Returns the audience of a token for a resource, or for a scope of its `.default` form; None if there is none."""
    return AUDIENCES.get(resource.removesuffix("/.default").rstrip("/"))


def _encoded(part: object) -> str:
    return _base64(json.dumps(part, separators=(",", ":")).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
