"""Who looks at a page, and what they may see: a person, an analyst, the owner of a site.

What belongs here: finding out who it is, from the sign-in before the application or, in the sandbox, from a switch. A
person sees herself and what is told of groups; the owner of a site sees that site; an analyst sees all sites and, as
everybody may where the deployment says so, who works with whom. Nobody sees another person's time.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request

from o365_pipeline.customers.customer import Customers

PRINCIPAL = "x-ms-client-principal"
"""The header with the claims of who signed in; Container Apps takes away what a browser sends under that name."""

SCHEMA = "http://schemas.microsoft.com/identity/claims"
OBJECT_ID = ("oid", f"{SCHEMA}/objectidentifier")
TENANT_ID = ("tid", f"{SCHEMA}/tenantid")
NAME = ("name",)
GROUPS = ("groups",)

COOKIE = "viewer"


@dataclass(frozen=True)
class Viewer:
    customer: str
    name: str
    person_id: str | None
    """The Entra object id; None where the sandbox's viewer is nobody of the organization."""
    is_analyst: bool
    sees_relations: bool
    """Whether the viewer sees who works with whom, beyond whom she works with herself."""

    @property
    def site_owner(self) -> str | None:
        """Whose sites the viewer sees; None for those of everybody."""
        return None if self.is_analyst else self.person_id or ""


class SignIn(Protocol):
    """Tells who looks at a page."""

    def viewer(self, request: Request) -> Viewer:
        """Returns the viewer.

        Raises:
            HTTPException: nobody is signed in, or somebody of whom this deployment has no data.
        """


class ContainerAppsSignIn:
    """Takes the word of Container Apps' sign-in, which stands in front of the application."""

    def __init__(self, customers: Customers, analysts: Collection[str], everybody_sees_relations: bool) -> None:
        """Lets people in.

        Args:
            analysts: object ids of the groups of Entra whose members are analysts.
        """
        self._customers = [(customer.tenant_id.lower(), customer.name) for customer in customers]
        self._analysts = {group.lower() for group in analysts}
        self._everybody_sees_relations = everybody_sees_relations

    def viewer(self, request: Request) -> Viewer:
        claims = _claims(request.headers.getlist(PRINCIPAL))
        tenant, person = (_only(claims, names).lower() for names in (TENANT_ID, OBJECT_ID))
        customers = [name for tenant_id, name in self._customers if tenant_id == tenant]
        if len(customers) != 1:
            raise HTTPException(HTTPStatus.FORBIDDEN, "There is no data of your organization here.")
        is_analyst = bool(self._analysts & {group.lower() for group in _values(claims, GROUPS)})
        name = next(iter(_values(claims, NAME)), "") or person
        return Viewer(customers[0], name, person, is_analyst, is_analyst or self._everybody_sees_relations)


class SandboxSwitch:
    """Lets whoever sits at this machine choose who to be; where there is real data, somebody signs in."""

    def __init__(self, customers: Customers, everybody_sees_relations: bool) -> None:
        self._customers = [customer.name for customer in customers]
        self._everybody_sees_relations = everybody_sees_relations

    @property
    def customers(self) -> list[str]:
        return self._customers

    def viewer(self, request: Request) -> Viewer:
        chosen = dict(parse_qsl(request.cookies.get(COOKIE, "")))
        customer = chosen.get("customer", "")
        if customer not in self._customers:
            if not self._customers:
                raise HTTPException(HTTPStatus.NOT_FOUND, "This deployment has no customers.")
            customer, chosen = self._customers[0], {}
        person = chosen.get("person") or None
        is_analyst = person is None or "analyst" in chosen
        return Viewer(
            customer, person or "An analyst", person, is_analyst, is_analyst or self._everybody_sees_relations
        )

    def cookie(self, chosen: Mapping[str, Any]) -> str:
        """Returns the cookie's value for what the switch's form holds."""
        names = ("customer", "person", "analyst")
        return urlencode({name: str(chosen[name]) for name in names if chosen.get(name)})


def _claims(headers: list[str]) -> list[Mapping[str, str]]:
    """Returns the claims that the header holds.

    Raises:
        HTTPException: it is missing or cannot be read.
    """
    try:
        [header] = headers
        claims = json.loads(base64.b64decode(header, validate=True))["claims"]
        return [{"typ": str(claim["typ"]), "val": str(claim["val"])} for claim in claims]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise HTTPException(HTTPStatus.UNAUTHORIZED, "Nobody is signed in.") from None


def _values(claims: Iterable[Mapping[str, str]], names: Collection[str]) -> list[str]:
    return [claim["val"] for claim in claims if claim["typ"] in names]


def _only(claims: Iterable[Mapping[str, str]], names: Collection[str]) -> str:
    found = {*_values(claims, names)}
    if len(found) != 1 or not min(found):
        raise HTTPException(HTTPStatus.UNAUTHORIZED, "The sign-in does not say who you are.")
    return found.pop()
