"""Who is let in, and as whom: the sign-in's word is taken as it is given, and no other."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from o365_pipeline.customers.customer import Customer, Customers
from o365_pipeline.insights.viewers import SCHEMA, ContainerAppsSignIn, SandboxSwitch, Viewer
from o365_pipeline_tests.insights.conftest import ANALYSTS, header

TENANT = "72f988bf-0000-4000-8000-2d7cd011db47"


def customers(*tenants: str) -> Customers:
    known: list[dict[str, Any]] = [
        {"name": f"customer-{number}", "tenant_id": tenant} for number, tenant in enumerate(tenants)
    ]
    return Customers(Customer.model_construct(**fields) for fields in known)


def request(*headers: str, cookie: str = "") -> Request:
    told = [(b"x-ms-client-principal", text.encode()) for text in headers]
    return Request({"type": "http", "headers": [*told, (b"cookie", cookie.encode())]})


def viewer(*claims: tuple[str, str], tenants: tuple[str, ...] = (TENANT,)) -> Viewer:
    return ContainerAppsSignIn(customers(*tenants), [ANALYSTS], False).viewer(request(header(*claims)))


def status(*headers: str, tenants: tuple[str, ...] = (TENANT,)) -> int:
    with pytest.raises(HTTPException) as refused:
        ContainerAppsSignIn(customers(*tenants), [ANALYSTS], False).viewer(request(*headers))
    return refused.value.status_code


def test_a_person_is_whom_the_sign_in_names_by_either_spelling_of_the_claims() -> None:
    short = viewer(("oid", "ann"), ("tid", TENANT), ("name", "Ann"))

    assert short == Viewer("customer-0", "Ann", "ann", is_analyst=False, sees_relations=False)
    assert short == viewer((f"{SCHEMA}/objectidentifier", "ann"), (f"{SCHEMA}/tenantid", TENANT), ("name", "Ann"))


def test_an_analyst_is_a_member_of_the_group_and_nobody_who_is_called_so() -> None:
    ann = (("oid", "ann"), ("tid", TENANT))

    assert viewer(*ann, ("groups", "other"), ("groups", ANALYSTS.upper())).is_analyst
    assert not viewer(*ann, ("groups", "other")).is_analyst
    assert not viewer(*ann, ("name", ANALYSTS), ("roles", ANALYSTS)).is_analyst


def test_the_tenant_decides_whose_mart_it_is() -> None:
    other = "11111111-0000-4000-8000-000000000001"

    assert viewer(("oid", "a"), ("tid", other.upper()), tenants=(TENANT, other)).customer == "customer-1"
    assert status(header(("oid", "a"), ("tid", "33333333-0000-4000-8000-000000000003")), tenants=(TENANT, other)) == 403


def test_where_two_customers_are_of_one_tenant_nobody_guesses() -> None:
    assert status(header(("oid", "a"), ("tid", TENANT)), tenants=(TENANT, TENANT)) == 403


@pytest.mark.parametrize(
    "headers",
    [
        (),
        ("",),
        ("not base64",),
        (base64.b64encode(b"not json").decode(),),
        (base64.b64encode(b"[]").decode(),),
        (base64.b64encode(b'{"claims": [1]}').decode(),),
        (base64.b64encode(b"[" * 100_000).decode(),),
        (header(("tid", TENANT)),),
        (header(("oid", "ann")),),
        (header(("oid", ""), ("tid", TENANT)),),
        (header(("oid", "ann"), ("oid", "bob"), ("tid", TENANT)),),
        (header(("oid", "ann"), (f"{SCHEMA}/objectidentifier", "bob"), ("tid", TENANT)),),
        (header(("oid", "ann"), ("tid", TENANT)), header(("oid", "bob"), ("tid", TENANT))),
        (json.dumps({"claims": []}),),
    ],
)
def test_a_sign_in_that_does_not_say_who_it_is_lets_nobody_in(headers: tuple[str, ...]) -> None:
    assert status(*headers) == 401


def test_the_sandboxs_switch_is_nobody_of_the_organization_until_somebody_is_chosen() -> None:
    switch = SandboxSwitch(customers(TENANT), everybody_sees_relations=False)
    chosen = switch.cookie({"customer": "customer-0", "person": "ann", "other": "x"})

    assert switch.viewer(request()) == Viewer("customer-0", "An analyst", None, True, True)
    assert switch.viewer(request(cookie=f'viewer="{chosen}"')) == Viewer("customer-0", "ann", "ann", False, False)
    assert switch.viewer(request(cookie="viewer=customer=nobody&person=ann")).person_id is None
