"""Whose an address is."""

from __future__ import annotations

import datetime as dt

import pytest

from o365_pipeline.customers.customer import Customer
from o365_pipeline.deployment import Deployment
from o365_pipeline.errors import UsageError
from o365_pipeline.mart.person_lookup import person_of
from o365_pipeline.mart.tables import dim_person

MONDAY, TUESDAY, WEDNESDAY = (dt.date(2026, 11, day) for day in (16, 17, 18))


@pytest.fixture
def people(deployment: Deployment) -> Deployment:
    rows = [
        ("contoso", MONDAY, "ann", "a@contoso.com", "ann@contoso.com"),
        ("contoso", TUESDAY, "amy", "A@contoso.com", "amy@contoso.com"),
        ("contoso", WEDNESDAY, "amy", None, None),
        ("fabrikam", WEDNESDAY, "abe", "a@contoso.com", "abe@fabrikam.com"),
    ]
    names = ("customer", "day", "person_id", "mail", "user_principal_name")
    with deployment.database.begin() as connection:
        for row in rows:
            connection.execute(dim_person.insert().values(extraction_id="x", **dict(zip(names, row, strict=True))))
    return deployment


@pytest.mark.parametrize(
    ("person", "expected"),
    [
        ("a@contoso.com", "amy"),
        ("AMY@contoso.com", "amy"),
        ("ann@contoso.com", "ann"),
        ("an-object-id", "an-object-id"),
    ],
)
def test_an_address_is_whose_it_was_on_the_newest_day_that_knows_it(
    people: Deployment, customer: Customer, person: str, expected: str
) -> None:
    assert person_of(people.database, customer, person) == expected


def test_an_address_of_another_customer_is_nobodys(people: Deployment, customer: Customer) -> None:
    with pytest.raises(UsageError, match="nobody of contoso has the address abe@fabrikam"):
        person_of(people.database, customer, "abe@fabrikam.com")
