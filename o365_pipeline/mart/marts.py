"""The database of each customer's mart: the deployment's, or one of the customer's own.

What belongs here: the look-up alone. The ledger is always in the deployment's database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from o365_pipeline.database.database import Database


@dataclass(frozen=True)
class Marts:
    """The mart of each customer. It is not a configurable resource, since Dagster would show passwords.

    Args:
        default: the deployment's database, which holds the ledger and the marts of all other customers.
        own: the databases of customers with a mart of their own, by the customers' names.
        joining: finds the mart of a customer that came while the deployment runs; None if it has none of its own.
    """

    default: Database
    own: Mapping[str, Database] = field(default_factory=dict)
    installed_mart: Callable[[str], Database | None] | None = field(default=None, repr=False, compare=False)

    def __getitem__(self, customer: str) -> Database:
        """Returns the database of the customer's mart."""
        joined = self.installed_mart(customer) if self.installed_mart else None
        return self.own.get(customer) or joined or self.default

    @property
    def ledger(self) -> Database:
        """The database of the ledger."""
        return self.default

    def has_own_mart(self, customer: str) -> bool:
        """Tells whether the customer's mart is in another database than the ledger."""
        return self[customer] != self.default
