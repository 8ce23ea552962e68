"""The schema: what is made is what the tables say, however often and by however many it is started."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Iterator
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.dialects import mssql

import o365_pipeline.database.deletion_ledger
import o365_pipeline.database.ledger
import o365_pipeline.database.news_ledger  # noqa: F401 - their tables are part of the metadata
from o365_pipeline.database.database import Database, _engine, metadata
from o365_pipeline.errors import DatabaseError, SettingsError
from o365_pipeline.mart import upgrade
from o365_pipeline.mart.dictionary import data_dictionary, dictionary_rows
from o365_pipeline.mart.tables import MART_TABLES
from o365_pipeline.mart.upgrade import mart_database, migrations
from o365_pipeline.mart.views import VIEWS
from o365_pipeline_tests.mart.conftest import sqlite_only

pytestmark = pytest.mark.makes_its_schema

OF_THE_SCHEMA = ("data_dictionary", "mart_setting", "minimum_group_size")
"""Tables and views that describe the schema itself, so a fresh mart has rows of them."""

NAMES = (*metadata.tables, "alembic_version")


def start(url: sa.URL, barrier: Barrier, outcomes: Queue) -> None:
    try:
        barrier.wait()
        inspector = sa.inspect(mart_database(url).engine)
        outcomes.put([name for name in NAMES if not inspector.has_table(name)])
    except Exception as error:
        outcomes.put(repr(error))


def key_bytes(kind: sa.types.TypeEngine) -> int:
    if isinstance(kind, sa.String):
        assert kind.length
        return kind.length * (2 if isinstance(kind, sa.Unicode | mssql.NVARCHAR) else 1)
    return 3


def statements_of(table: sa.Table) -> Iterator[sa.schema.ExecutableDDLElement]:
    yield sa.schema.CreateTable(table)
    yield from map(sa.schema.CreateIndex, table.indexes)


def tables_of(url: sa.URL) -> set[str]:
    engine = sa.create_engine(url)
    names = set(sa.inspect(engine).get_table_names())
    engine.dispose()
    return names


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Connection]:
    """A database that was just made, of the kinds that can be had here."""
    if request.param == "sqlite":
        url = sa.URL.create("sqlite", database=str(tmp_path / "fresh.db"))
    else:
        url = sa.make_url(request.getfixturevalue("postgres_url"))
    with mart_database(url).begin() as connection:
        yield connection


def test_every_table_and_view_that_is_named_can_be_read(database: Database) -> None:
    with database.begin() as connection:
        for table in metadata.tables.values():
            found = connection.execute(sa.select(table).limit(1)).all()
            assert bool(found) == (table.name in OF_THE_SCHEMA)
        for name in VIEWS:
            found = connection.execute(sa.text(f"SELECT * FROM {name}")).all()
            assert bool(found) == (name in OF_THE_SCHEMA)


def test_a_fresh_database_has_the_tables_columns_types_and_keys_of_the_code(fresh: sa.Connection) -> None:
    assert compare_metadata(MigrationContext.configure(fresh), metadata) == []
    assert set(sa.inspect(fresh).get_view_names()) == set(VIEWS)


def test_a_fresh_database_has_the_indexes_of_the_code(fresh: sa.Connection) -> None:
    inspector = sa.inspect(fresh)
    for table in metadata.tables.values():
        found = {one["name"]: (one["column_names"], bool(one["unique"])) for one in inspector.get_indexes(table.name)}
        wanted = {one.name: (one.columns.keys(), one.unique) for one in table.indexes}
        assert found == wanted, table.name
        assert inspector.get_pk_constraint(table.name)["constrained_columns"] == table.primary_key.columns.keys()


def test_a_fresh_database_says_of_its_tables_views_and_columns_what_the_code_says(fresh: sa.Connection) -> None:
    rows = {tuple(row) for row in fresh.execute(sa.select(data_dictionary))}
    assert rows == {tuple(row.values()) for row in dictionary_rows()}
    if not fresh.dialect.supports_comments:
        return
    inspector = sa.inspect(fresh)
    for table in metadata.tables.values():
        assert inspector.get_table_comment(table.name)["text"] == table.comment
        comments = {column["name"]: column["comment"] for column in inspector.get_columns(table.name)}
        assert comments == {column.name: column.comment for column in table.columns}, table.name
    for view in VIEWS.values():
        assert inspector.get_table_comment(view.name)["text"] == view.description
        comments = {column["name"]: column["comment"] for column in inspector.get_columns(view.name)}
        assert comments == view.comments, view.name


def test_every_table_and_every_mart_column_says_what_it_holds() -> None:
    assert [table.name for table in metadata.tables.values() if not table.comment] == []
    assert [str(column) for table in MART_TABLES for column in table.columns if not column.comment] == []


def test_a_second_start_finds_the_schema_and_a_second_database_of_the_url_the_engine(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert database.engine is mart_database(database.url).engine

    _engine.cache_clear()
    monkeypatch.setattr(upgrade, "_make", lambda *_: pytest.fail("the schema is made again"))
    _ = mart_database(database.url).engine


@pytest.mark.parametrize("revision", ["0006", "baseline_0123456789ab"])
def test_a_database_of_another_version_is_refused_in_one_line_that_says_what_to_do(
    database: Database, revision: str
) -> None:
    with database.begin() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")
    _engine.cache_clear()

    with pytest.raises(DatabaseError) as caught:
        _ = database.engine

    assert f"another version of o365-pipeline (revision {revision}) and cannot be upgraded" in str(caught.value)
    assert "start with an empty database, by another O365_MART_URL" in str(caught.value) and "\n" not in str(
        caught.value
    )


def test_the_revision_changes_with_a_column_and_not_with_a_comment(monkeypatch: pytest.MonkeyPatch) -> None:
    def revision() -> str | None:
        return upgrade.ScriptDirectory.from_config(migrations()).get_current_head()

    before, dim_person = revision(), metadata.tables["dim_person"]
    with monkeypatch.context() as patch:
        patch.setattr(dim_person.c.city, "comment", "Another")
        assert revision() == before
        patch.setattr(dim_person.c.city, "type", sa.Unicode(257))
        assert revision() != before
    assert revision() == before


def test_processes_that_start_together_make_the_schema_once(tmp_path: Path, mart_url: sa.URL) -> None:
    context = multiprocessing.get_context("fork")
    barrier, outcomes = context.Barrier(3), context.Queue()
    if mart_url.get_backend_name() == "sqlite":
        mart_url = mart_url.set(database=str(tmp_path / "fresh" / "mart.db"))
    processes = [context.Process(target=start, args=(mart_url, barrier, outcomes)) for _ in range(3)]

    for process in processes:
        process.start()
    found = [outcomes.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()

    assert found == [[]] * 3


@sqlite_only
def test_an_upgrade_that_fails_leaves_no_half_schema(mart_url: sa.URL, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(upgrade, "write_dictionary", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            _ = mart_database(mart_url).engine

    assert tables_of(mart_url) == set()
    _ = mart_database(mart_url).engine
    assert tables_of(mart_url) == set(NAMES)


def test_upgrading_leaves_the_logging_of_the_process_alone(database: Database) -> None:
    root = logging.getLogger()
    mine = logging.getLogger("mine")
    before = (root.level, list(root.handlers), mine.disabled)

    _ = database.engine

    assert (root.level, list(root.handlers), mine.disabled) == before


def test_on_sql_server_keys_compare_exactly_and_fit_an_index_and_times_keep_microseconds() -> None:
    script = "".join(
        str(statement.compile(dialect=mssql.dialect()))
        for table in metadata.tables.values()
        for statement in statements_of(table)
    )

    assert "message_id NVARCHAR(400) COLLATE Latin1_General_100_BIN2 NOT NULL" in script
    assert "sent_at DATETIME2(6) NULL" in script
    assert "PRIMARY KEY NONCLUSTERED (customer, day, message_id, kind, recipient_address)" in script
    assert "(factory_run_id) WHERE factory_run_id IS NOT NULL" in script
    for table in MART_TABLES:
        size = sum(key_bytes(column.type.dialect_impl(mssql.dialect())) for column in table.primary_key)
        assert size <= 1700, f"the key of {table.name} may take {size} bytes"


def test_alembic_without_a_database_says_how_to_name_one() -> None:
    with pytest.raises(SettingsError, match="-x url="):
        command.upgrade(migrations(), "head")
