"""The known installations, and the customers that they become.

What belongs here: reading and writing `ledger_installation`, and the look-up through which all stages see a customer as
soon as it is onboarded. Changing an installation belongs to `onboarding.py`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import time
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field, fields
from typing import Any

import sqlalchemy as sa

from o365_pipeline.customers.customer import NIGHTLY, Customer, KeyVaultSecret
from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import installation as table
from o365_pipeline.database.ledger import put
from o365_pipeline.errors import InstallationError
from o365_pipeline.managed_app.installations.notifications import DELETED, DELETING
from o365_pipeline.managed_app.offer import Offer
from o365_pipeline.managed_app.package.extract_groups import limited_to_groups

KEPT_SECONDS = 5.0
"""How long a process uses the customers that it has read before it reads them again."""

NAME_LENGTH = 63
"""The greatest length of a customer's name."""

CODE_LENGTHS = (6, 16, 32)
"""The length of the code that makes a customer's name unique; a longer one is used only if a shorter one does not
suffice.
"""


@dataclass(frozen=True)
class Installation:
    """One installation of the managed application, as far as Azure has confirmed it. Times are naive UTC."""

    application_id: str
    resource_id: str
    customer: str
    state: str
    event_at: dt.datetime
    definition: str | None = None
    version: str | None = None
    sku: str | None = None
    region: str | None = None
    tenant_id: str | None = None
    subscription_id: str | None = None
    resource_group: str | None = None
    factory: str | None = None
    storage_account: str | None = None
    container: str | None = None
    key_vault: str | None = None
    secret_name: str | None = None
    sql_server: str | None = None
    database: str | None = None
    extract_groups: str | None = None
    first_day: dt.date | None = None
    installed_at: dt.datetime | None = None
    secret_written_at: dt.datetime | None = None
    deleted_at: dt.datetime | None = None
    purged_at: dt.datetime | None = None
    error_code: str | None = None
    error_message: str | None = None

    @property
    def is_customer(self) -> bool:
        """Whether its data is extracted: it is installed, and its factory can sign in. This stays true during an
        update.
        """
        return self.was_customer and self.state not in (DELETING, DELETED)

    @property
    def was_customer(self) -> bool:
        """Whether there may be extracted data of it that is not purged."""
        return self.secret_written_at is not None and self.purged_at is None

    @property
    def is_to_be_purged(self) -> bool:
        return self.state == DELETED and self.was_customer


_FIELDS = [table.c[entry.name] for entry in fields(Installation)]


def customer_name(resource_id: str, code_length: int = CODE_LENGTHS[0]) -> str:
    """Returns the name of an application's customer: the application's own name, and a code that makes it unique."""
    code = hashlib.sha256(resource_id.lower().encode()).hexdigest()[:code_length]
    own = re.sub(r"[^a-z0-9]+", "-", resource_id.rsplit("/", 1)[-1].lower()).strip("-")
    return f"{own[: NAME_LENGTH - len(code) - 1] or 'application'}-{code}"


def free_name(database: Database, resource_id: str, configured: Container[str]) -> str:
    """Returns a name for a new application's customer. No other customer has it, so data of two customers never mixes.

    Args:
        configured: the names of customers that no application installed.

    Raises:
        InstallationError: all possible names are taken.
    """
    for length in CODE_LENGTHS:
        name = customer_name(resource_id, length)
        if name not in configured and of_customer(database, name) is None:
            return name
    raise InstallationError("NameTaken", f"another customer is called {name}: call the configured one something else")


def all_of(database: Database) -> list[Installation]:
    """Returns all installations there ever were, ordered by customer name."""
    return _select(database)


def of_customer(database: Database, customer: str) -> Installation | None:
    """Returns the installation of a customer."""
    return next(iter(_select(database, table.c.customer == customer)), None)


def of_application(database: Database, application_id: str) -> Installation | None:
    """Returns the installation of an application, whose id is in small letters."""
    return next(iter(_select(database, table.c.application_id == application_id)), None)


def save(database: Database, known: Installation) -> None:
    """Writes an installation; replaces what was known of it."""
    values = {column.name: getattr(known, column.name) for column in _FIELDS}
    database.run(lambda connection: put(connection, table, values))


def update(database: Database, application_id: str, **values: Any) -> None:
    """Changes some columns of an installation."""
    database.execute(table.update().where(table.c.application_id == application_id).values(**values))


def customer_of(known: Installation, offer: Offer) -> Customer:
    """Makes a customer of an installation.

    Raises:
        pydantic.ValidationError: what Azure reported about it does not make a valid customer.
    """
    first_day, installed_at = known.first_day, known.installed_at
    assert first_day
    assert installed_at
    skus = {sku.name: sku for sku in offer.skus}
    sku = skus.get(known.sku or "")
    return Customer.model_validate(
        {
            "name": known.customer,
            "tenant_id": known.tenant_id,
            "subscription_id": known.subscription_id,
            "resource_group": known.resource_group,
            "factory": known.factory,
            "region": known.region,
            "storage_account": known.storage_account,
            "container": known.container,
            "first_day": first_day,
            "initial_days": max((installed_at.date() - first_day).days, 1),
            # One that the offer no longer has is served nightly, as most are.
            "schedule": sku.schedule if sku else NIGHTLY,
            "application_secret": KeyVaultSecret(key_vault=f"{known.key_vault}/secrets/{known.secret_name}"),
            "data_request": limited_to_groups(offer.request, json.loads(known.extract_groups or "[]")),
            "installation": known.resource_id,
        }
    )


@dataclass
class InstalledCustomers:
    """The customers that installed an offer, read from the ledger and cached for some seconds.

    Args:
        open_mart: makes the database of an installation's mart.
    """

    ledger: Database
    offer: Offer
    open_mart: Callable[[Installation], Database]
    _known: dict[str, Installation] = field(default_factory=dict, repr=False)
    _until: float = field(default=0.0, repr=False)
    _marts: dict[tuple[str | None, ...], Database] = field(default_factory=dict, repr=False)

    def present(self) -> Iterable[Customer]:
        """Returns the customers whose data is extracted now."""
        if time.monotonic() >= self._until:
            self._read()
        return [customer_of(known, self.offer) for known in self._known.values() if known.is_customer]

    def find(self, name: str) -> Customer | None:
        """Returns the customer of that name; also one that has left, until its data is deleted."""
        known = self._find(name)
        return customer_of(known, self.offer) if known else None

    def mart(self, name: str) -> Database | None:
        """Returns the database of a customer's mart; None if the customer did not install the offer."""
        known = self._find(name)
        if known is None:
            return None
        key = (known.application_id, known.sql_server, known.database, known.tenant_id)
        if key not in self._marts:
            # A database that is made anew would have connections anew.
            self._marts[key] = self.open_mart(known)
        return self._marts[key]

    def refresh(self) -> None:
        """Makes the next look-up read the ledger again."""
        self._until = 0.0

    def _find(self, name: str) -> Installation | None:
        # Also in a process that asks for this one alone, as a command does: data of it may have been deleted since.
        if name not in self._known or time.monotonic() >= self._until:
            self._read()
        return self._known.get(name)

    def _read(self) -> None:
        self._known = {known.customer: known for known in all_of(self.ledger) if known.was_customer}
        self._until = time.monotonic() + KEPT_SECONDS


def _select(database: Database, *conditions: sa.ColumnElement[bool]) -> list[Installation]:
    query = sa.select(*_FIELDS).where(*conditions).order_by(table.c.customer)
    with database.begin() as connection:
        return [Installation(**row) for row in connection.execute(query).mappings()]
