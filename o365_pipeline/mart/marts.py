"""The marts: the database that holds each customer's mart, the deployment's or one of the customer's own.

What belongs here: the look-up alone. The ledger is in the deployment's database, whoever's mart lies elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from o365_pipeline.database import Database


@dataclass(frozen=True)
class Marts:
    """The mart of each customer; no configurable resource, since Dagster would show passwords.

    Args:
        default: the deployment's database, which holds the ledger and the marts of all others.
        own: the databases of customers whose mart lies elsewhere, by the customers' names.
    """

    default: Database
    own: Mapping[str, Database] = field(default_factory=dict)

    def __getitem__(self, customer: str) -> Database:
        """The database of the customer's mart."""
        return self.own.get(customer, self.default)

    @property
    def ledger(self) -> Database:
        """The database of the ledger."""
        return self.default

    def lies_apart(self, customer: str) -> bool:
        """Whether the customer's mart is in another database than the ledger."""
        return self[customer] != self.default
