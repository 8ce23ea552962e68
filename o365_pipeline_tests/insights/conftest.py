"""What the tests of the application share: people who sign in, and what they read on a page."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from o365_pipeline.customers.customer import Customers
from o365_pipeline.database.database import Database
from o365_pipeline.deployment import load
from o365_pipeline.insights.pages import insights_app
from o365_pipeline.insights.viewers import ContainerAppsSignIn
from o365_pipeline.mart.marts import Marts
from o365_pipeline.mart.tables import dim_customer
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline.web.browser_guard import BrowserGuard
from o365_pipeline_tests.finished_homes import FinishedHomes
from o365_pipeline_tests.mart.hand_made_mart import MONDAY, TUESDAY, add, fill

PATIENCE_SECONDS = 60
"""How long a page waits for its answers, where other tests keep the machine busy."""

ANALYSTS = "00000000-0000-4000-8000-0000000000aa"


def header(*claims: tuple[str, str]) -> str:
    """The header of Container Apps' sign-in with these claims."""
    told = {"auth_typ": "aad", "claims": [{"typ": name, "val": value} for name, value in claims]}
    return base64.b64encode(json.dumps(told).encode()).decode()


class Visitor:
    """Somebody who is signed in, or nobody, in front of the application."""

    def __init__(self, client: TestClient, headers: dict[str, str]) -> None:
        self.client, self.headers = client, headers

    def open(self, path: str) -> httpx2.Response:
        return self.client.get(path, headers=self.headers)

    def read(self, path: str) -> str:
        answer = self.open(path)
        assert answer.status_code == 200, (path, answer.status_code)
        return words(answer.text.partition("<main")[2])

    def everything(self) -> dict[str, str]:
        """What stands on every page and in every download to which links lead from the overview, by its address."""
        found: dict[str, str] = {}
        to_open = ["/"]
        while to_open:
            path = to_open.pop()
            answer = self.open(path)
            found[path] = answer.text
            links = {html.unescape(link) for link in re.findall(r'href="(/[^"#]*)"', answer.text)}
            to_open += [link for link in links if link not in {*found, *to_open} and not link.startswith("/static")]
        return found


def words(markup: str) -> str:
    """What is read, without markup."""
    without = re.sub(r"<style.*?</style>", " ", markup, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", without.replace("<wbr>", ""))).split())


SignIn = Callable[..., Visitor]


def sign_in_to(database: Database, customers: Customers, everybody_sees_relations: bool = False) -> SignIn:
    """sign_in("ann", analyst=True) is Ann in front of the application."""
    sign_in = ContainerAppsSignIn(customers, [ANALYSTS], everybody_sees_relations)
    app = insights_app(Marts(database), customers, sign_in, PATIENCE_SECONDS)
    client = TestClient(BrowserGuard(app, "0.0.0.0", None), follow_redirects=True)
    [customer] = customers

    def sign_in_as(person: str, analyst: bool = False, tenant: str = customer.tenant_id) -> Visitor:
        groups = [("groups", ANALYSTS)] if analyst else []
        return Visitor(client, {"X-MS-CLIENT-PRINCIPAL": header(("oid", person), ("tid", tenant), *groups)})

    return sign_in_as


@pytest.fixture(scope="session")
def customers(finished_homes: FinishedHomes) -> Customers:
    """The sandbox's customer, whose mart it is."""
    return load(home=finished_homes.folder / "of-no-use").customers


@pytest.fixture
def hand_made(tmp_path: Path, finished_homes: FinishedHomes) -> Database:
    """Sales, which are five people, and Legal, which are four; a site that is open; and no ledger."""
    finished_homes.copy("hand-made-mart", lambda home: _make(home, finished_homes), tmp_path)
    return mart_database(sa.URL.create("sqlite", database=str(tmp_path / "mart.db")))


def _make(home: Path, finished_homes: FinishedHomes) -> None:
    finished_homes.copy_empty_mart(home)
    database = mart_database(sa.URL.create("sqlite", database=str(home / "mart.db")))
    with database.begin() as connection:
        fill(connection)
        for day in (MONDAY, TUESDAY):
            add(connection, dim_customer, day=day)
    database.compact()
    database.engine.dispose()


@pytest.fixture
def sign_in(hand_made: Database, customers: Customers) -> SignIn:
    return sign_in_to(hand_made, customers)
