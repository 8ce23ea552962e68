"""A PostgreSQL server that goes away in the middle of the work, and comes back or does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from o365_pipeline.database import transient
from o365_pipeline.database.database import Database
from o365_pipeline.errors import DatabaseUnavailableError

NOTES = sa.table("notes", sa.column("text"))


@contextmanager
def administrator(url: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(sa.make_url(url).set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def end_sessions(url: str, admits: bool) -> None:
    """End all sessions of the database, as a server's restart does, and let nobody in until it is over."""
    name = sa.make_url(url).database
    with administrator(url) as connection:
        connection.exec_driver_sql(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {admits}')
        connection.execute(
            sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": name}
        )


@pytest.fixture
def database(postgres_url: str) -> Database:
    database = Database(sa.make_url(postgres_url))
    with database.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE notes (text text)")
    return database


@pytest.mark.parametrize("comes_back", [True, False])
def test_work_on_a_server_that_restarts_is_repeated_whole_and_ends_in_one_line_if_it_stays_away(
    database: Database, postgres_url: str, monkeypatch: pytest.MonkeyPatch, comes_back: bool
) -> None:
    tries: list[int] = []
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if comes_back and len(pauses) == 2:
            end_sessions(postgres_url, admits=True)

    def work(connection: sa.Connection) -> None:
        tries.append(1)
        connection.execute(sa.insert(NOTES).values(text="first"))
        if len(tries) == 1:
            end_sessions(postgres_url, admits=False)
        connection.execute(sa.insert(NOTES).values(text="second"))

    monkeypatch.setattr(transient.time, "sleep", pause)
    if comes_back:
        database.run(work)
    else:
        with pytest.raises(DatabaseUnavailableError, match=r"failed 5 times .* nothing of the work is done"):
            database.run(work)
        end_sessions(postgres_url, admits=True)

    with database.begin() as connection:
        written = list(connection.scalars(sa.select(NOTES.c.text)))
    assert written == (["first", "second"] if comes_back else [])


def test_a_server_that_was_never_reached_is_not_waited_for(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transient.time, "sleep", lambda _seconds: pytest.fail("it waits"))
    nobody = Database(sa.make_url(postgres_url).set(password="wrong"))

    with pytest.raises(sa.exc.OperationalError):
        nobody.run(lambda connection: connection.scalar(sa.select(1)))
