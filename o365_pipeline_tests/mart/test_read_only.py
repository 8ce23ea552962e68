"""A question to the mart changes nothing and reaches nothing else, whatever it says and whatever the server."""

from __future__ import annotations

import uuid
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa

from o365_pipeline.database.database import Database
from o365_pipeline.errors import UsageError
from o365_pipeline.mart.read_only import rows_of
from o365_pipeline_tests.deploy.services import Postgres

CHANGES = [
    "DELETE FROM things",
    "INSERT INTO things VALUES (3, 'c')",
    "WITH gone AS (SELECT 1) UPDATE things SET name = 'x'",
    "DROP TABLE things",
    "CREATE TABLE others (id INTEGER)",
    "SELECT 1; DELETE FROM things",
]
OF_SQLITE = ["ATTACH DATABASE 'other.db' AS other", "PRAGMA query_only = OFF", "VACUUM INTO 'copy.db'", "COMMIT"]
OF_POSTGRESQL = [
    "DELETE FROM things RETURNING id",
    "COPY things TO '/tmp/things'",
    "COPY things TO STDOUT",
    "SELECT 1; COMMIT; DELETE FROM things",
    "COMMIT; BEGIN TRANSACTION READ WRITE; DELETE FROM things; COMMIT; SELECT 1",
    "SELECT 1) AS x; COMMIT; BEGIN READ WRITE; DELETE FROM things; COMMIT; SELECT (1",
    "SELECT '$$'; ROLLBACK; SET default_transaction_read_only = off; DELETE FROM things; SELECT '$$'",
    "DO $$ BEGIN DELETE FROM things; END $$",
    "SELECT query_to_xml('DELETE FROM things RETURNING id', true, true, '')",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "WITH gone AS (DELETE FROM things RETURNING id) SELECT * FROM gone",
    "EXPLAIN ANALYZE DELETE FROM things",
    "SELECT '\0'",
    "",
]
OF_A_SUPERUSER = ["SELECT pg_read_file('/etc/passwd')", "COPY (SELECT 1) TO PROGRAM 'touch {path}'", "SELECT 1"]


def filled(url: str) -> Database:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE things (id INTEGER, name VARCHAR(20))")
        connection.execute(sa.text("INSERT INTO things VALUES (1, 'a'), (2, :name)"), {"name": "50% of b:c"})
    return Database(sa.make_url(url))


@pytest.fixture
def sqlite(tmp_path: Path) -> Database:
    return filled(f"sqlite:///{tmp_path / 'things.db'}")


def refused(database: Database, sql: str) -> None:
    with pytest.raises(UsageError):
        rows_of(database, sql)
    with database.begin() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM things").scalar() == 2
        connection.exec_driver_sql("UPDATE things SET name = name")


def answers(database: Database) -> None:
    sql = "SELECT id, name FROM things WHERE name LIKE '50%' ORDER BY id;"
    assert rows_of(database, sql) == (["id", "name"], [(2, "50% of b:c")])


@pytest.mark.parametrize("sql", [*CHANGES, *OF_SQLITE])
def test_sqlite_reads_alone(sqlite: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str) -> None:
    monkeypatch.chdir(tmp_path)

    refused(sqlite, sql)

    assert {path.name for path in tmp_path.iterdir()} <= {"things.db", "things.db-wal", "things.db-shm"}


def test_sqlite_answers(sqlite: Database) -> None:
    answers(sqlite)


def test_postgresql_reads_alone_and_answers(postgres: Postgres) -> None:
    database = of_somebody(postgres)

    answers(database)
    assert rows_of(database, "SELECT 'a'::bytea AS a, 1.5 AS b") == (["a", "b"], [("61", Decimal("1.5"))])
    for sql in [*CHANGES, *OF_POSTGRESQL]:
        refused(database, sql)


def test_nobody_asks_as_a_user_who_reaches_the_machine_of_postgresql(postgres_url: str, tmp_path: Path) -> None:
    database = filled(postgres_url)

    for sql in OF_A_SUPERUSER:
        with pytest.raises(UsageError, match="let O365_MART_URL name one who may not"):
            rows_of(database, sql.format(path=tmp_path / "made"))

    assert list(tmp_path.iterdir()) == []


def of_somebody(server: Postgres) -> Database:
    """A database of somebody who is no superuser."""
    name = f"somebody_{uuid.uuid4().hex}"
    with sa.create_engine(server.create(name)).begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN PASSWORD '{name}'")
        connection.exec_driver_sql(f"ALTER DATABASE {name} OWNER TO {name}")
        connection.exec_driver_sql(f"GRANT ALL ON SCHEMA public TO {name}")
    url = sa.make_url(server.url(name)).set(username=name, password=name)
    return filled(url.render_as_string(hide_password=False))


def test_an_error_is_one_line(sqlite: Database) -> None:
    with pytest.raises(UsageError, match=r"the query failed: no such column: nobody$"):
        rows_of(sqlite, "SELECT nobody FROM things")
