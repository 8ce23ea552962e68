"""The marts: the database that holds each customer's mart, the deployment's or one of the customer's own.

What belongs here: the look-up alone. The ledger is in the deployment's database, whoever's mart lies elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from o365_pipeline.database.database import Database


@dataclass(frozen=True)
class Marts:
    """The mart of each customer; no configurable resource, since Dagster would show passwords.

    Args:
        default: the deployment's database, which holds the ledger and the marts of all others.
        own: the databases of customers whose mart lies elsewhere, by the customers' names.
        joining: gives that of a customer that came while the deployment runs, by its name; None where it has none.
    """

    default: Database
    own: Mapping[str, Database] = field(default_factory=dict)
    joining: Callable[[str], Database | None] | None = field(default=None, repr=False, compare=False)

    def __getitem__(self, customer: str) -> Database:
        """The database of the customer's mart."""
        joined = self.joining(customer) if self.joining else None
        return self.own.get(customer) or joined or self.default

    @property
    def ledger(self) -> Database:
        """The database of the ledger."""
        return self.default

    def lies_apart(self, customer: str) -> bool:
        """Whether the customer's mart is in another database than the ledger."""
        return self[customer] != self.default
