"""Every question of every page runs on PostgreSQL and is T-SQL, and none of them writes."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
import sqlglot
from sqlalchemy.dialects import mssql
from sqlglot import exp

from o365_pipeline.customers.customer import Customers
from o365_pipeline.database.database import Database
from o365_pipeline.insights.reader import reader_of
from o365_pipeline.insights.relationships import colleagues, insiders, organizations
from o365_pipeline.mart.tables import dim_customer
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline.mart.views import readers
from o365_pipeline_tests.insights.conftest import SignIn, sign_in_to, words
from o365_pipeline_tests.mart.hand_made_mart import MONDAY, TUESDAY, add, fill

ADDRESSES = (
    *("/", "/people?q=s", "/people/s1", "/organizations/fabrikam.com", "/me", "/oversharing", "/oversharing.csv"),
    *("/storage", "/about"),
)


@contextmanager
def asked() -> Iterator[list[sa.Executable]]:
    """What is asked while the block runs, of whatever database."""
    found: list[sa.Executable] = []

    def note(_connection: Any, statement: sa.Executable, *_: Any) -> None:
        found.append(statement)

    sa.event.listen(sa.Engine, "before_execute", note)
    try:
        yield found
    finally:
        sa.event.remove(sa.Engine, "before_execute", note)


def open_all(sign_in: SignIn) -> dict[str, str]:
    found = {}
    for analyst in (False, True):
        visitor = sign_in("s1", analyst)
        for path in ADDRESSES:
            answer = visitor.open(path)
            assert answer.status_code in ((200,) if analyst else (200, 403)), (path, answer.text)
            found[f"{path} {analyst}"] = words(answer.text)
    return found


def test_every_question_is_t_sql_and_only_reads_what_the_applications_role_may(
    sign_in: SignIn, hand_made: Database
) -> None:
    _ = hand_made.engine
    with reader_of(hand_made, "contoso"), asked() as statements:
        open_all(sign_in)

    assert len(statements) > 40
    read: set[str] = set()
    for statement in statements:
        compiled = statement.compile(dialect=mssql.dialect(), compile_kwargs={"render_postcompile": True})  # type: ignore[attr-defined]
        [parsed] = sqlglot.parse(str(compiled).replace("%(", ":").replace(")s", ""), dialect="tsql")
        assert isinstance(parsed, exp.Select | exp.SetOperation), str(compiled)
        # SQL Server takes 2,100 parameters in a statement.
        assert len(compiled.params) < 1_000
        assert not list(parsed.find_all(exp.Boolean))
        read |= {table.name for table in parsed.find_all(exp.Table)}
    assert read == set(readers.OF_INSIGHTS)


def test_every_page_says_the_same_on_postgresql(sign_in: SignIn, customers: Customers, postgres_url: str) -> None:
    database = mart_database(sa.make_url(postgres_url))
    with database.begin() as connection:
        fill(connection)
        for day in (MONDAY, TUESDAY):
            add(connection, dim_customer, day=day)

    assert open_all(sign_in_to(database, customers)) == open_all(sign_in)
    assert open_all(sign_in_to(as_the_application(database), customers)) == open_all(sign_in)


def as_the_application(database: Database) -> Database:
    """The same mart, as a user who may what the application's role may, and no more."""
    name = f"user_{uuid.uuid4().hex}"
    with database.begin() as connection:
        [role] = [role for role in readers.roles(connection) if role.startswith(readers.INSIGHTS_READER)]
        connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN PASSWORD 'of the test'")
        connection.exec_driver_sql(f"GRANT {role} TO {name}")
    return Database(database.url.set(username=name, password="of the test"))


@pytest.mark.parametrize("server", ["sqlite", "postgresql"])
def test_the_applications_connection_cannot_write(
    server: str, hand_made: Database, request: pytest.FixtureRequest
) -> None:
    database = hand_made
    if server == "postgresql":
        database = mart_database(sa.make_url(request.getfixturevalue("postgres_url")))

    with reader_of(database, "contoso") as reader, pytest.raises(sa.exc.DBAPIError):
        reader.connection.execute(sa.delete(dim_customer))
    with reader_of(database, "contoso") as reader, pytest.raises(sa.exc.DBAPIError):
        reader.connection.exec_driver_sql("CREATE TABLE mine (id INTEGER)")


@pytest.mark.parametrize(("ask", "key"), [(insiders, "fabrikam.com"), (colleagues, "s1"), (organizations, "s1")])
def test_sqlite_looks_pairs_up_by_either_side_though_it_knows_nothing_of_the_tables(
    hand_made: Database, ask: Callable[..., Any], key: str
) -> None:
    told: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        told.append((statement, parameters))

    with reader_of(hand_made, "contoso") as reader:
        sa.event.listen(reader.connection, "before_cursor_execute", note)
        assert ask(reader, key)
    with hand_made.engine.connect() as connection:
        plan = [
            line[3] for asked in told for line in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[0]}", asked[1])
        ]

    of_pairs = [line for line in plan if "agg_collaboration_day" in line]
    assert of_pairs
    assert [line for line in of_pairs if not re.search(r"day=\? AND (person_a|counterpart)=\?", line)] == []
