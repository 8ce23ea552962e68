"""The SQL servers of installations: whose token opens their databases."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import pytest
import sqlalchemy as sa
from azure.core.credentials import AccessToken

from o365_pipeline.database.database import Database
from o365_pipeline.sandbox.azure.resources import Resources
from o365_pipeline.sandbox.azure.subscriptions import Subscriptions
from o365_pipeline.sandbox.entra.tokens import ARM, SQL, Token
from o365_pipeline.sandbox.storage.sql_servers import SERVER_TYPE, SqlServers
from o365_pipeline_tests.sandbox.conftest import GROUP_ID, World

URL = sa.make_url("mssql+pyodbc://@server.database.windows.net/mart")
GOOD = Token("t1", SQL, "pipeline", "object", (), int(time.time()) + 3_600)


class Given:
    """A sign-in with one token."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **_options: object) -> AccessToken:
        self.scopes += scopes
        return AccessToken(self._text, 0)


def server(world: World, credential: Any, url: sa.URL = URL) -> Database | None:
    """A database of a server that the identity `pipeline` of the tenant t1 administers."""
    Subscriptions(world.factories.state).create("sub", "t1")
    administrators = {"sid": "pipeline", "tenantId": "t1"}
    there = {"id": f"{GROUP_ID}/providers/{SERVER_TYPE}/server", "name": "server", "type": SERVER_TYPE}
    Resources(world.factories.state).put({**there, "properties": {"administrators": administrators}})
    return SqlServers(world.factories.state, world.entra).database(url, credential, lambda _engine: None)


def opened(world: World, token: Token | str) -> None:
    """Open the database with a token, as the pipeline does."""
    text = token if isinstance(token, str) else world.entra.tokens.write(token)
    credential = Given(text)
    database = server(world, credential)
    assert database
    with database.begin() as connection:
        connection.execute(sa.select(1))
    assert credential.scopes == [f"{SQL}/.default"]


def test_the_token_of_the_administrator_opens_the_database(strict: World) -> None:
    opened(strict, GOOD)

    assert (strict.home / "sandbox" / "sql" / "server" / "mart.db").exists()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"tenant_id": "t2"}, "not currently configured to accept this token"),
        ({"audience": ARM}, "not currently configured to accept this token"),
        ({"application_id": "another"}, r"Login failed for user '<token-identified principal>'\.\n"),
        ({"expires_on": 1}, "expiry UTC time"),
    ],
)
def test_a_token_of_another_tenant_audience_or_identity_opens_nothing(
    strict: World, changes: dict[str, Any], told: str
) -> None:
    token = dataclasses.replace(GOOD, **changes)

    with pytest.raises(sa.exc.OperationalError, match=told):
        opened(strict, token)


def test_what_is_no_token_opens_nothing(strict: World) -> None:
    with pytest.raises(sa.exc.OperationalError, match="Login failed"):
        opened(strict, "no token")


@pytest.mark.parametrize(
    "url", ["sqlite://", "mssql+pyodbc://@another.database.windows.net/mart", "mssql+pyodbc://me:x@server.example/mart"]
)
def test_another_server_is_none_of_the_sandboxes(strict: World, url: str) -> None:
    assert server(strict, Given("x"), sa.make_url(url)) is None
