"""The database of each customer's mart: the deployment's, or one of the customer's own.

What belongs here: the look-up alone. The ledger is always in the deployment's database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from o365_pipeline.database.database import Database


@dataclass(frozen=True)
class Marts:
    """The mart of each customer. It is not a configurable resource, since Dagster would show passwords.

    Args:
        default: the deployment's database, which holds the ledger and the marts of all other customers.
        own: the databases of customers with a mart of their own, by the customers' names.
    """

    default: Database
    own: Mapping[str, Database] = field(default_factory=dict)

    def __getitem__(self, customer: str) -> Database:
        """Returns the database of the customer's mart."""
        return self.own.get(customer) or self.default

    @property
    def ledger(self) -> Database:
        """The database of the ledger."""
        return self.default

    def has_own_mart(self, customer: str) -> bool:
        """Tells whether the customer's mart is in another database than the ledger."""
        return self[customer] != self.default
