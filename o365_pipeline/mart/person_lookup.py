"""Finds the person of an address in the mart.

What belongs here: the look-up alone, for commands that accept an address in place of an object id.
"""

from __future__ import annotations

import sqlalchemy as sa

from o365_pipeline.customers.customer import Customer
from o365_pipeline.database.database import Database
from o365_pipeline.errors import UsageError
from o365_pipeline.mart.tables import dim_person


def person_of(database: Database, customer: Customer, person: str) -> str:
    """Returns the Entra object id for a mail address or sign-in name, from the newest day that has it; an id is
    returned as it is.

    Raises:
        UsageError: nobody of the customer has the address.
    """
    if "@" not in person:
        return person
    address = person.lower()
    names = (dim_person.c.mail, dim_person.c.user_principal_name)
    query = (
        sa.select(dim_person.c.person_id)
        .where(dim_person.c.customer == customer.name, sa.or_(*(sa.func.lower(name) == address for name in names)))
        .order_by(dim_person.c.day.desc(), dim_person.c.person_id)
        .limit(1)
    )
    with database.begin() as connection:
        found = connection.scalar(query)
    if found is None:
        raise UsageError(f"nobody of {customer.name} has the address {person} in the mart: give the Entra object id")
    return str(found)
