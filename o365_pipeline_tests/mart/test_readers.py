"""Who is let in to the views of groups sees these and nothing else, on a PostgreSQL server that many share."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from o365_pipeline.cli.main import cli
from o365_pipeline.database.database import Database, _engine, metadata
from o365_pipeline.errors import OptionRefusedError
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline.mart.views import VIEWS, readers, schema
from o365_pipeline_tests.mart.hand_made_mart import fill


@pytest.fixture
def mart(postgres_url: str) -> Iterator[Database]:
    yield mart_database(sa.make_url(postgres_url))
    _engine.cache_clear()


def user(database: Database, *, member_of: str | None = None) -> sa.URL:
    """A new user of the server, as whom to sign in to that database."""
    name = f"user_{uuid.uuid4().hex}"
    with database.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN PASSWORD 'of the test'")
        if member_of:
            connection.exec_driver_sql(f"GRANT {member_of} TO {name}")
    return database.url.set(username=name, password="of the test")


def readable(url: sa.URL) -> set[str]:
    """The tables and views that can be read."""
    engine, found = sa.create_engine(url), set()
    with engine.connect() as connection:
        for name in (*metadata.tables, *VIEWS, "alembic_version"):
            try:
                connection.exec_driver_sql(f"SELECT * FROM {name}").all()
            except sa.exc.ProgrammingError as error:
                if "permission denied" not in str(error):
                    raise
            else:
                found.add(name)
            connection.rollback()
    engine.dispose()
    return found


def role_of(database: Database) -> str:
    with database.begin() as connection:
        [role] = [name for name in readers.roles(connection) if name.startswith(readers.GROUP_READER)]
    return role


def test_a_member_of_the_role_reads_the_views_of_groups_and_nothing_else(mart: Database) -> None:
    with mart.begin() as connection:
        fill(connection)
    url = user(mart, member_of=role_of(mart))

    assert readable(url) == {"department_week", "response_week", "department_collaboration_week", "group_week"}
    assert readable(user(mart)) == set()

    with mart.begin() as connection:
        schema.drop(connection)
        schema.create(connection)
        readers.serve(connection)
    assert len(readable(url)) == 4


def test_no_function_of_a_readers_own_is_shown_small_groups(mart: Database) -> None:
    with mart.begin() as connection:
        fill(connection)
    engine = sa.create_engine(user(mart, member_of=role_of(mart)))
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION pg_temp.looks(people bigint) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS "
            "$$BEGIN IF people < 5 THEN RAISE EXCEPTION 'seen'; END IF; RETURN true; END$$"
        )
        found = connection.exec_driver_sql("SELECT department FROM department_week WHERE pg_temp.looks(people)").all()
    engine.dispose()

    assert [row.department for row in found] == ["Sales"]


def test_readers_of_one_deployment_are_none_of_another_on_the_same_server(mart: Database, postgres_url: str) -> None:
    other = sa.make_url(postgres_url).set(database=f"test_{uuid.uuid4().hex}")
    with mart.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {other.database}")
    second = mart_database(other)

    assert role_of(second) != role_of(mart)
    url = user(mart, member_of=role_of(mart))
    assert readable(url.set(database=other.database)) == set()


def test_a_user_who_may_not_make_roles_upgrades_the_schema_and_is_told(
    mart: Database, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = user(mart).set(database=f"test_{uuid.uuid4().hex}")
    with mart.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {plain.database} OWNER {plain.username}")
    theirs = mart_database(plain)
    with theirs.begin() as connection:
        statements = "; ".join(f"CREATE ROLE {name} NOLOGIN" for name in readers.roles(connection))

    [line] = [record.getMessage() for record in caplog.records if "roles" in record.getMessage()]
    assert f"`{statements}`" in line
    with theirs.begin() as connection, pytest.raises(OptionRefusedError, match="may not make roles"):
        readers.serve(connection)

    with mart.begin() as connection:
        connection.exec_driver_sql(statements)
    monkeypatch.setenv("O365_MART_URL", plain.render_as_string(hide_password=False))
    result = CliRunner().invoke(cli, ["mart", "readers"])
    role = role_of(theirs)
    assert f"\n{role} may read department_week, " in result.output
    assert len(readable(user(mart, member_of=role).set(database=plain.database))) == 4


def test_where_there_are_no_roles_it_is_said(database: Database) -> None:
    with database.begin() as connection, pytest.raises(OptionRefusedError, match="has no roles"):
        readers.serve(connection)
