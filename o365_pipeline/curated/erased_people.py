"""Erased people, whom curation keeps out from then on: the ledger knows them as salted hashes alone.

What belongs here: reading and adding to the list. Erasing what is there belongs to `purge/`; what it means to be denied
belongs to `privacy.py`.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

import sqlalchemy as sa

from o365_pipeline.curated.privacy import ErasedPeople, identity_digest
from o365_pipeline.database.database import Database
from o365_pipeline.database.deletion_ledger import erased_person, erasure_salt
from o365_pipeline.database.ledger import insert_new

SALT_BYTES = 32


def erased_people(database: Database, customer: str) -> ErasedPeople | None:
    """Returns the customer's erased people; None if there are none."""
    with database.begin() as connection:
        salt = connection.scalar(sa.select(erasure_salt.c.salt).where(erasure_salt.c.customer == customer))
        query = sa.select(erased_person.c.digest).where(erased_person.c.customer == customer)
        digests = frozenset(connection.scalars(query)) if salt else frozenset()
    return ErasedPeople(bytes.fromhex(salt), digests) if salt and digests else None


def salt_of(connection: sa.Connection, customer: str) -> bytes:
    """Returns what the customer's identities are hashed with; makes it where there is none."""
    insert_new(connection, erasure_salt, [{"customer": customer, "salt": secrets.token_hex(SALT_BYTES)}])
    salt = connection.scalar(sa.select(erasure_salt.c.salt).where(erasure_salt.c.customer == customer))
    return bytes.fromhex(str(salt))


def keep_out(connection: sa.Connection, customer: str, identities: Iterable[str]) -> None:
    """Lets curation keep out whoever has one of these ids and addresses in lower case."""
    salt = salt_of(connection, customer)
    rows = [{"customer": customer, "digest": identity_digest(salt, identity)} for identity in sorted(set(identities))]
    insert_new(connection, erased_person, rows)
