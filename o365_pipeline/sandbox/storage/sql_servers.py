"""Azure SQL in the sandbox: each database that a template installs is a file, behind its server's sign-in.

What belongs here: where the file lies, and whose token opens it. The pipeline's side of the sign-in is its own, of
`database/sql_server.py`; SQL itself is SQLite's here. Source: Microsoft, Microsoft Entra authentication for Azure SQL.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from azure.core.credentials import TokenCredential

from o365_pipeline.database.database import Database
from o365_pipeline.database.sql_server import ACCESS_TOKEN_ATTRIBUTE, sign_in_with
from o365_pipeline.sandbox.azure.resources import Resources, named
from o365_pipeline.sandbox.azure.subscriptions import Subscriptions
from o365_pipeline.sandbox.entra.sign_in import Entra
from o365_pipeline.sandbox.entra.tokens import SQL, TokenError
from o365_pipeline.sandbox.state import State

SERVER_TYPE = "Microsoft.Sql/servers"
HOSTS = ".database.windows.net"
REFUSED = "Login failed for user '<token-identified principal>'."
NOT_ACCEPTED = f"{REFUSED} The server is not currently configured to accept this token."


@dataclass(frozen=True)
class SqlServers:
    """The SQL servers that templates installed in a sandbox."""

    state: State
    entra: Entra = field(compare=False)

    def database(
        self, url: sa.URL, credential: TokenCredential, prepare: Callable[[sa.Engine], None]
    ) -> Database | None:
        """Returns the database that a URL names, to be opened with a credential's tokens; None if no server of that
        name was installed.
        """
        server = (url.host or "").removesuffix(HOSTS)
        if url.get_backend_name() != "mssql" or Resources(self.state).named(SERVER_TYPE, server) is None:
            return None
        file = self.state.home.resolve() / "sql" / server / f"{url.database}.db"

        def check(_dialect: object, _record: object, _arguments: object, options: MutableMapping[str, Any]) -> None:
            token = options.pop("attrs_before")[ACCESS_TOKEN_ATTRIBUTE]
            self.sign_in(server, token[4:].decode("utf-16-le"))

        def prepared(engine: sa.Engine) -> None:
            sa.event.listen(engine, "do_connect", sign_in_with(credential))
            sa.event.listen(engine, "do_connect", check)
            prepare(engine)

        return Database(sa.URL.create("sqlite", database=str(file)), prepare=prepared)

    def sign_in(self, server: str, text: str) -> None:
        """Checks an access token as a server does, whose only principal is its administrator.

        Raises:
            sqlite3.OperationalError: the token does not open it.
        """
        found = Resources(self.state).named(SERVER_TYPE, server)
        assert found, "a database is of a server"
        try:
            token = self.entra.tokens.read(text)
        except TokenError as error:
            raise sqlite3.OperationalError(f"{REFUSED} {error}") from error
        administrator = found["properties"]["administrators"]
        tenant_id = Subscriptions(self.state).tenant_of(found["id"].split("/")[2])
        if token.audience != SQL or {token.tenant_id} != {tenant_id, administrator["tenantId"]}:
            raise sqlite3.OperationalError(NOT_ACCEPTED)
        # SQL knows an application by its client id.
        if not self.entra.directory.grants_unasked and administrator["sid"] != token.application_id:
            raise sqlite3.OperationalError(REFUSED)


def delete_databases(state: State, group_id: str) -> None:
    """Deletes the databases of a resource group, as Azure does with the group."""
    for server in Resources(state).of_type(SERVER_TYPE, group_id):
        shutil.rmtree(state.home / "sql" / named(server["id"]), ignore_errors=True)
