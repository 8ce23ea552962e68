"""The person who asks for what is held about her, or for its erasure: her ids, addresses and names.

What belongs here: finding all of them from the one that is given. What of a row is hers is decided in `person_rows.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field

from o365_pipeline.azure.cloud import Cloud
from o365_pipeline.curated.day_files import CURATED, parts_below, rows_in, table_folder
from o365_pipeline.curated.people import USERS, User, landed_users, people_of, user_of
from o365_pipeline.curated.privacy import ENTRA_ID, is_address, one_drive_name
from o365_pipeline.customers.customer import Customer
from o365_pipeline.datasets import catalogue
from o365_pipeline.errors import LandingError, UsageError
from o365_pipeline.mart.marts import Marts
from o365_pipeline.mart.tables import dim_person
from o365_pipeline.raw.duckdb_session import duckdb_session
from o365_pipeline.raw.lake import Lake

OF_A_USER = ("puser", "id", "display_name", "given_name", "surname", "user_type")
"""What of a user's row tells who it is, beside the addresses."""

ROWS_AT_ONCE = 10_000

LEAST_NAME = 5
"""A shorter name, or one of a single word, stands for too many people to be looked for in texts."""


class Person(BaseModel):
    """Whom a request is about."""

    model_config = ConfigDict(frozen=True)

    identities: tuple[str, ...] = Field(description="Ids and addresses in lower case.")
    names: tuple[str, ...] = Field(description="Full names, as they are looked for in texts.")


def find_person(
    marts: Marts, lake: Lake, customer: Customer, asked: str, names: Iterable[str] = (), cloud: Cloud | None = None
) -> Person:
    """Finds a person's other ids, addresses and names in the users that landed last, in those of every day that is
    kept, and in the mart. Of somebody from outside what is given is all that is known.

    An address or a name that somebody else has, or had, is not taken for hers.

    Args:
        asked: an Entra object id, or an address.
        names: more names to look for in texts.

    Raises:
        UsageError: what is asked for is neither an id nor an address, or an address of several people.
    """
    identity = asked.strip().lower()
    if not (ENTRA_ID.fullmatch(identity) or ("@" in identity.strip("@") and " " not in identity)):
        raise UsageError("a person is told by an Entra object id or an address, such as ann@contoso.com")
    known = set(_users(marts, lake, customer))
    ids = {user.object_id for user in known if identity in user.identities}
    object_ids = ids if identity not in ids else {identity}
    if len(object_ids) > 1:
        raise UsageError(f"{len(object_ids)} people have or had that address: give the Entra object id of one of them")
    others = [user for user in known if user.object_id not in object_ids]
    identities, found = {identity}, set(names)
    for user in known.difference(others):
        identities |= user.identities
        found |= user.names
    # What others have as well stays theirs: an address that was given to somebody else, the name of a namesake.
    identities -= {one for user in others for one in user.identities if one != identity}
    found -= {name for user in others for name in user.names if name not in names}
    addresses = {one for one in identities if "@" in one}
    if customer.hash_outside_addresses:
        rules = people_of(marts.ledger, lake, customer, cloud)
        identities |= {rules.pseudonym_if_outside(address) for address in addresses}
    identities |= {one_drive_name(address) for address in addresses}
    return Person(identities=tuple(sorted(identities)), names=tuple(sorted(filter(_is_telling, found))))


def _is_telling(name: str) -> bool:
    return len(name) >= LEAST_NAME and len(name.split()) > 1


def _users(marts: Marts, lake: Lake, customer: Customer) -> Iterator[User]:
    """Returns the users of the newest landing, of the curated days, and of the mart."""
    with suppress(LandingError):
        yield from landed_users(marts.ledger, lake, customer)
    yield from _curated_users(lake, customer)
    query = sa.select(
        dim_person.c.person_id, dim_person.c.mail, dim_person.c.user_principal_name, dim_person.c.display_name
    ).where(dim_person.c.customer == customer.name)
    with marts[customer.name].begin() as connection:
        for person_id, mail, sign_in_name, name in connection.execute(query.distinct()):
            identities = frozenset(str(one).lower() for one in (person_id, mail, sign_in_name) if one)
            yield User(str(person_id).lower(), identities, is_guest=False, names=frozenset({name} if name else ()))


def _curated_users(lake: Lake, customer: Customer) -> Collection[User]:
    dataset, found = catalogue()[USERS], set()
    names = [name for name in dataset.curated_schema if name in OF_A_USER or is_address(name)]
    columns = ", ".join(names)
    with duckdb_session() as (connection, _):
        connection.execute(f"CREATE TABLE known AS SELECT {columns} FROM ({rows_in(dataset, [])})")
        for _, file in lake.staged_in_turn(parts_below(lake, table_folder(CURATED, dataset.asset_name, customer.name))):
            # The same people stand in each day: what differs is few.
            connection.execute(
                f"INSERT INTO known SELECT {columns} FROM ({rows_in(dataset, [file])}) EXCEPT SELECT * FROM known"
            )
        rows = connection.execute("FROM known")
        while some := rows.fetchmany(ROWS_AT_ONCE):
            found |= {user_of(dict(zip(names, values, strict=True))) for values in some}
    return found
