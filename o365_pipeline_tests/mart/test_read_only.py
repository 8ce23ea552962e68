"""A question to the mart changes nothing and reaches nothing else, whatever it says and whatever the server."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from o365_pipeline.database.database import Database
from o365_pipeline.errors import UsageError
from o365_pipeline.mart.read_only import rows_of

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
    "SELECT 1; COMMIT; DELETE FROM things",
]


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


def test_postgresql_reads_alone_and_answers(postgres_url: str) -> None:
    database = filled(postgres_url)

    answers(database)
    for sql in [*CHANGES, *OF_POSTGRESQL]:
        refused(database, sql)


def test_an_error_is_one_line(sqlite: Database) -> None:
    with pytest.raises(UsageError, match=r"the query failed: no such column: nobody$"):
        rows_of(sqlite, "SELECT nobody FROM things")
