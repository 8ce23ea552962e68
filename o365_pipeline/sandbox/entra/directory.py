"""Microsoft Entra's directory: applications, their service principals in tenants, managed identities, and app roles.

What belongs here: storing and finding them. Tokens belong to `sign_in.py`; roles on Azure's resources belong to
`azure/roles.py`.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass

from o365_pipeline.sandbox.state import State

MANAGED, APPLICATION = "ManagedIdentity", "Application"


@dataclass(frozen=True)
class Application:
    """An app registration, in its home tenant."""

    application_id: str
    tenant_id: str
    is_multi_tenant: bool
    secret_digest: str | None

    def takes(self, secret: str | None) -> bool:
        """Tells whether a client secret is right; an application that was given none takes any."""
        return self.secret_digest is None or self.secret_digest == _digest(secret or "")


@dataclass(frozen=True)
class Principal:
    """An application or a managed identity in one tenant: what roles are assigned to."""

    tenant_id: str
    application_id: str
    object_id: str
    is_managed: bool
    header: str | None = None
    """What a machine says in order to get tokens of a managed identity that is assigned to it alone."""


class Directory:
    """The tenants of one sandbox.

    Args:
        grants_unasked: whether each tenant has an administrator who admits every application and grants whatever it
            asks for. Where it is False, nothing is there that nobody registered, admitted or granted.
    """

    def __init__(self, state: State, *, grants_unasked: bool = True) -> None:
        self._state = state
        self.grants_unasked = grants_unasked

    def register(
        self, application_id: str, tenant_id: str, *, is_multi_tenant: bool = False, secret: str | None = None
    ) -> Principal:
        """Registers an application in its home tenant, with its service principal there; replaces an existing one."""
        with self._state.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO application (application, tenant, is_multi_tenant, secret_digest) "
                "VALUES (?, ?, ?, ?)",
                (application_id.lower(), tenant_id.lower(), is_multi_tenant, _digest(secret) if secret else None),
            )
        return self._make_principal(tenant_id, application_id, APPLICATION)

    def add_managed_identity(
        self, client_id: str, tenant_id: str, object_id: str | None = None, header: str | None = None
    ) -> Principal:
        """Adds a managed identity to the one tenant that it ever gets tokens of.

        Args:
            header: what the machines say that the identity is assigned to; None: every machine has it.
        """
        return self._make_principal(tenant_id, client_id, MANAGED, object_id, header)

    def delete(self, object_id: str) -> None:
        """Deletes a principal, with all that was granted to it."""
        with self._state.writing() as connection:
            for table in ("app_role", "group_member", "principal"):
                connection.execute(f"DELETE FROM {table} WHERE object_id = ?", (object_id.lower(),))

    def application(self, application_id: str) -> Application | None:
        with self._state.reading() as connection:
            query = "SELECT * FROM application WHERE application = ?"
            row = connection.execute(query, (application_id.lower(),)).fetchone()
        if row is None:
            return None
        return Application(row["application"], row["tenant"], bool(row["is_multi_tenant"]), row["secret_digest"])

    def admit(self, tenant_id: str, application_id: str) -> Principal:
        """Makes an application's service principal in a tenant, as an administrator's consent does."""
        return self.find(tenant_id, application_id) or self._make_principal(tenant_id, application_id, APPLICATION)

    def find(self, tenant_id: str, application_id: str) -> Principal | None:
        """Returns the principal of an application or a managed identity in a tenant."""
        found = self._principals("tenant = ? AND application = ?", tenant_id, application_id)
        return found[0] if found else None

    def by_object_id(self, object_id: str) -> Principal | None:
        found = self._principals("object_id = ?", object_id)
        return found[0] if found else None

    def managed_identity(self, client_id: str) -> Principal | None:
        """Returns the managed identity of that client id, in whichever tenant it lives."""
        found = self._principals("application = ? AND kind = ?", client_id, MANAGED.lower())
        return found[0] if found else None

    def in_tenant(self, tenant_id: str) -> list[Principal]:
        """Returns a tenant's principals, by client id."""
        return self._principals("tenant = ?", tenant_id)

    def add_to_group(self, group_id: str, principal: Principal) -> None:
        """Makes a principal a member of a group of its tenant."""
        with self._state.writing() as connection:
            query = "INSERT OR IGNORE INTO group_member (group_id, object_id) VALUES (?, ?)"
            connection.execute(query, (group_id.lower(), principal.object_id))

    def ids_of(self, object_id: str) -> set[str]:
        """Returns what a principal is granted things as: its own object id, and those of its groups."""
        with self._state.reading() as connection:
            query = "SELECT group_id FROM group_member WHERE object_id = ?"
            return {object_id, *(row["group_id"] for row in connection.execute(query, (object_id,)))}

    def grant(self, principal: Principal, audience: str, role: str) -> None:
        """Assigns an app role of a service, such as the activity feed's, to a principal."""
        with self._state.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO app_role (object_id, audience, role) VALUES (?, ?, ?)",
                (principal.object_id, audience, role),
            )

    def withdraw(self, principal: Principal, audience: str, role: str) -> None:
        """Takes an app role away; tokens that carry it hold until they expire."""
        with self._state.writing() as connection:
            connection.execute(
                "DELETE FROM app_role WHERE object_id = ? AND audience = ? AND role = ?",
                (principal.object_id, audience, role),
            )

    def app_roles(self, principal: Principal, audience: str) -> tuple[str, ...]:
        """Returns the app roles of a service that a principal has."""
        with self._state.reading() as connection:
            query = "SELECT role FROM app_role WHERE object_id = ? AND audience = ? ORDER BY role"
            return tuple(row["role"] for row in connection.execute(query, (principal.object_id, audience)))

    def _make_principal(
        self,
        tenant_id: str,
        application_id: str,
        kind: str,
        object_id: str | None = None,
        header: str | None = None,
    ) -> Principal:
        derived = uuid.uuid5(uuid.NAMESPACE_URL, f"{application_id.lower()} in {tenant_id.lower()}")
        with self._state.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO principal (tenant, application, object_id, kind, header) VALUES (?, ?, ?, ?, ?)",
                (tenant_id.lower(), application_id.lower(), (object_id or str(derived)).lower(), kind.lower(), header),
            )
        found = self.find(tenant_id, application_id)
        assert found is not None, "it was just made"
        return found

    def _principals(self, where: str, *values: str) -> list[Principal]:
        with self._state.reading() as connection:
            query = f"SELECT * FROM principal WHERE {where} ORDER BY application"
            rows = connection.execute(query, [value.lower() for value in values]).fetchall()
        return [
            Principal(
                row["tenant"], row["application"], row["object_id"], row["kind"] == MANAGED.lower(), row["header"]
            )
            for row in rows
        ]


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
