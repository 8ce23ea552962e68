"""Resolves the people in a customer's settings: ids and addresses of denied people, and the customer's own domains.

What belongs here: looking them up in the newest landed rows of users and of groups' members, in the raw files, since
curated files no longer contain denied people. Applying the rules to rows belongs to `privacy.py` and `value_sql.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import AzureError
from azure.keyvault.secrets import SecretClient

from o365_pipeline.azure.cloud import Cloud
from o365_pipeline.curated.curation import typed_rows
from o365_pipeline.curated.erased_people import erased_people
from o365_pipeline.curated.privacy import NOBODY, PREFIX, People, is_address, one_drive_name
from o365_pipeline.customers.customer import Customer, KeyVaultSecret
from o365_pipeline.customers.secret_strength import WEAK, is_weak
from o365_pipeline.database.database import Database
from o365_pipeline.datasets import Dataset, catalogue
from o365_pipeline.errors import LandingError, SettingsError
from o365_pipeline.raw.lake import Lake
from o365_pipeline.raw.manifest import newest_landing

USERS, GROUP_MEMBERS = "user", "group_members"


@dataclass(frozen=True)
class User:
    """A user of the organization: ids and addresses in lower case, the object id among them, and names."""

    object_id: str
    identities: frozenset[str]
    is_guest: bool
    names: frozenset[str] = frozenset()

    @property
    def addresses(self) -> frozenset[str]:
        return frozenset(identity for identity in self.identities if "@" in identity)


def people_of(database: Database, lake: Lake, customer: Customer, cloud: Cloud | None) -> People:
    """Resolves the customer's settings with the landed rows.

    Args:
        cloud: signs in to a Key Vault if the salt is in one.

    Raises:
        LandingError: the needed rows have not landed, so denied people could not be recognized.
        SettingsError: the salt cannot be read.
    """
    erased = erased_people(database, customer.name)
    if not (customer.keeps_people_out or erased):
        return NOBODY
    try:
        users = landed_users(database, lake, customer)
    except LandingError:
        if customer.keeps_people_out:
            raise
        users = []
    denied = {*customer.deny_people, *_members(database, lake, customer)}
    for person in users:
        if person.identities & denied or (erased and any(identity in erased for identity in person.identities)):
            denied |= person.identities
    salt = _salt(customer, cloud) if customer.hash_outside_addresses else None
    domains = frozenset(customer.own_domains or _domains(users))
    if salt is not None and not domains:
        raise LandingError(f"{customer.name}: no user has an address, so own_domains has to say which domains are own")
    folders = {one_drive_name(identity) for identity in denied if "@" in identity}
    return People(frozenset({*denied, *folders}), domains, salt, erased)


def datasets_about_people() -> tuple[Dataset, ...]:
    """Returns the datasets that must land before rows are curated, if a customer denies people."""
    return (catalogue()[USERS], catalogue()[GROUP_MEMBERS])


def _members(database: Database, lake: Lake, customer: Customer) -> set[str]:
    if not customer.deny_groups:
        return set()
    rows = _landed(database, lake, customer, GROUP_MEMBERS)
    members = [row for row in rows if str(row["p_object_id"]).lower() in customer.deny_groups]
    return {identity for row in members for identity in user_of(row).identities}


def _landed(database: Database, lake: Lake, customer: Customer, asset_name: str) -> list[dict[str, Any]]:
    """Returns the rows of the newest landing, of the newest version that landed.

    Raises:
        LandingError: there is none.
    """
    for dataset in catalogue().versions(catalogue()[asset_name]):
        if landed := newest_landing(database, lake, customer.name, dataset):
            with typed_rows(lake, dataset, landed.manifest, landed.manifest.columns) as typed:
                found = typed.connection.execute("SELECT * FROM kept WHERE NOT is_user_row")
                names = [column[0] for column in found.description]
                return [dict(zip(names, values, strict=True)) for values in found.fetchall()]
    raise LandingError(
        f"{customer.name}: whom the settings keep out is told by {catalogue()[asset_name].name}, of which "
        f"nothing landed; request it, and materialize raw/{asset_name} first"
    )


def landed_users(database: Database, lake: Lake, customer: Customer) -> list[User]:
    """Returns the users of the newest landing.

    Raises:
        LandingError: there is none.
    """
    return [user_of(row) for row in _landed(database, lake, customer, USERS)]


def user_of(row: dict[str, Any]) -> User:
    """Returns the user whom a curated row describes."""
    identities, names = set(), {str(row.get("display_name") or "")}
    for name, value in row.items():
        if name in ("puser", "id") or is_address(name):
            texts = [value] if isinstance(value, str) else value or []
            identities |= {PREFIX.sub("", text).lower() for text in texts if isinstance(text, str)}
    if row.get("given_name") and row.get("surname"):
        names |= {f"{row['given_name']} {row['surname']}", f"{row['surname']}, {row['given_name']}"}
    upn = row.get("user_principal_name") or ""
    object_id = str(row.get("puser") or row.get("id") or "").lower()
    return User(
        object_id,
        frozenset(identities - {""}),
        row.get("user_type") == "Guest" or "#ext#" in upn,
        frozenset(names - {""}),
    )


def _domains(users: Iterable[User]) -> set[str]:
    members = (person for person in users if not person.is_guest)
    return {address.rpartition("@")[2] for person in members for address in person.addresses}


def _salt(customer: Customer, cloud: Cloud | None) -> str:
    secret = customer.address_salt
    assert secret is not None
    if not isinstance(secret, KeyVaultSecret):
        return secret.get_secret_value()
    assert cloud is not None
    vault = SecretClient(secret.vault_url, cloud.credential(customer.azure_tenant_id), transport=cloud.transport())
    try:
        salt = vault.get_secret(secret.name).value
    except AzureError as error:
        raise SettingsError(
            f"{customer.name}: address_salt cannot be read from {secret.key_vault}: give the pipeline's identity the "
            f"role Key Vault Secrets User ({type(error).__name__})"
        ) from error
    if not salt or is_weak(salt):
        raise SettingsError(f"{customer.name}: address_salt {secret.key_vault}: {WEAK}")
    return salt
