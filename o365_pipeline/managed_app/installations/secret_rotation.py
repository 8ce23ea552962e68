"""Rotates the application's secret: writes a new one to the Key Vault of every installation.

What belongs here: writing it again. Writing it for a new installation belongs to `onboarding.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from o365_pipeline.database.database import Database
from o365_pipeline.errors import InstallationError, UsageError
from o365_pipeline.managed_app.installations import installations
from o365_pipeline.managed_app.installations.applications import Applications
from o365_pipeline.managed_app.installations.vendor import Vendor


@dataclass(frozen=True)
class WrittenSecret:
    """Whether an installation's Key Vault accepted the secret."""

    customer: str
    error: str | None = None


def rewrite_secrets(
    database: Database, vendor: Vendor, applications: Applications, customer: str | None = None
) -> Iterator[WrittenSecret]:
    """Writes the vendor's present secret to the Key Vaults of all installed applications, or of one.

    Raises:
        UsageError: there is no such installation.
        SettingsError: the secret is not where the offer says.
    """
    chosen = [known for known in installations.all_of(database) if known.is_customer]
    if customer and customer not in (names := [known.customer for known in chosen]):
        raise UsageError(f"no installation has the customer {customer!r}; there are {', '.join(names) or 'none'}")
    secret = vendor.application_secret()
    for known in chosen:
        if customer not in (None, known.customer):
            continue
        assert known.resource_group
        assert known.key_vault
        assert known.secret_name
        vault = (known.resource_group, known.key_vault, known.secret_name)
        try:
            applications.write_secret(known.resource_id, *vault, secret)
        except InstallationError as error:
            yield WrittenSecret(known.customer, str(error))
        else:
            yield WrittenSecret(known.customer)
