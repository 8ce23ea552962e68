"""Azure's subscriptions: each trusts one tenant, whose tokens alone it takes.

What belongs here: which subscription belongs to which tenant. What an identity may do there belongs to `roles.py`.
"""

from __future__ import annotations

from o365_pipeline.sandbox.state import State


class Subscriptions:
    """The subscriptions of all tenants."""

    def __init__(self, state: State) -> None:
        self._state = state

    def create(self, subscription_id: str, tenant_id: str) -> None:
        """Creates a subscription in a tenant; one that is there stays where it is."""
        with self._state.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO azure_subscription (subscription, tenant) VALUES (?, ?)",
                (subscription_id.lower(), tenant_id.lower()),
            )

    def tenant_of(self, subscription_id: str) -> str | None:
        """Returns the tenant of a subscription; None if there is no such subscription."""
        with self._state.reading() as connection:
            query = "SELECT tenant FROM azure_subscription WHERE subscription = ?"
            row = connection.execute(query, (subscription_id.lower(),)).fetchone()
        return row["tenant"] if row else None

    def of_tenant(self, tenant_id: str) -> list[str]:
        """Returns the ids of a tenant's subscriptions."""
        with self._state.reading() as connection:
            query = "SELECT subscription FROM azure_subscription WHERE tenant = ? ORDER BY subscription"
            return [row["subscription"] for row in connection.execute(query, (tenant_id.lower(),))]
