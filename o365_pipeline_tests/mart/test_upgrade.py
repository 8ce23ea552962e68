"""The schema: what the migrations make is what the tables say, however often and by however many it is started."""

import logging
import multiprocessing
from argparse import Namespace

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.dialects import mssql

import o365_pipeline.database.ledger  # noqa: F401 - its tables are part of the metadata
from o365_pipeline.database.database import Database, metadata, migrations
from o365_pipeline.errors import SettingsError
from o365_pipeline.mart.tables import MART_TABLES
from o365_pipeline.mart.views import VIEWS
from o365_pipeline_tests.mart.conftest import sqlite_only

OF_THE_SCHEMA = ("data_dictionary", "mart_setting")
"""Tables that describe the schema itself, so a fresh mart has rows of them."""

NAMES = (*metadata.tables, "alembic_version")


def start(url, barrier, outcomes):
    try:
        barrier.wait()
        inspector = sa.inspect(Database(url=url).engine)
        outcomes.put([name for name in NAMES if not inspector.has_table(name)])
    except Exception as error:
        outcomes.put(repr(error))


def key_bytes(kind):
    if isinstance(kind, sa.String):
        return kind.length * (2 if isinstance(kind, sa.Unicode | mssql.NVARCHAR) else 1)
    return 3


def tables_of(url):
    engine = sa.create_engine(url)
    names = set(sa.inspect(engine).get_table_names())
    engine.dispose()
    return names


def test_every_table_and_view_that_is_named_can_be_read(database):
    with database.begin() as connection:
        for table in metadata.tables.values():
            found = connection.execute(sa.select(table).limit(1)).all()
            assert bool(found) == (table.name in OF_THE_SCHEMA)
        for name in VIEWS:
            assert connection.execute(sa.text(f"SELECT * FROM {name}")).all() == []
        assert connection.execute(sa.text("SELECT * FROM ledger_row_provenance")).all() == []


@sqlite_only
def test_the_migrated_schema_is_what_the_tables_say(database):
    with database.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_every_table_and_every_mart_column_says_what_it_holds():
    assert [table.name for table in metadata.tables.values() if not table.comment] == []
    assert [str(column) for table in MART_TABLES for column in table.columns if not column.comment] == []


@sqlite_only
def test_a_second_start_finds_the_schema_and_downgrades_remove_it(database, tmp_path):
    url = f"sqlite:///{tmp_path / 'mart.db'}"
    assert database.engine is Database(url=sa.make_url(url)).engine
    config = migrations()
    config.cmd_opts = Namespace(x=[f"url={url}"])

    command.upgrade(config, "head")
    assert tables_of(url) == {*metadata.tables, "alembic_version"}
    command.downgrade(config, "base")
    assert tables_of(url) == {"alembic_version"}


def test_processes_that_start_together_make_the_schema_once(tmp_path, mart_url):
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


def test_a_migration_that_fails_leaves_no_half_schema(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path / 'mart.db'}"
    with monkeypatch.context() as patch:
        patch.setattr("alembic.operations.ops.CreateIndexOp.to_index", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            _ = Database(url=sa.make_url(url)).engine

    assert tables_of(url) == set()
    _ = Database(url=sa.make_url(url)).engine


def test_migrating_leaves_the_logging_of_the_process_alone(database):
    root = logging.getLogger()
    mine = logging.getLogger("mine")
    before = (root.level, list(root.handlers), mine.disabled)

    _ = database.engine

    assert (root.level, list(root.handlers), mine.disabled) == before


def test_on_sql_server_keys_compare_exactly_and_fit_an_index_and_times_keep_microseconds():
    script = "".join(
        str(statement.compile(dialect=mssql.dialect()))
        for table in metadata.tables.values()
        for statement in (sa.schema.CreateTable(table), *map(sa.schema.CreateIndex, table.indexes))
    )

    assert "message_id NVARCHAR(400) COLLATE Latin1_General_100_BIN2 NOT NULL" in script
    assert "sent_at DATETIME2(6) NULL" in script
    assert "PRIMARY KEY NONCLUSTERED (customer, day, message_id, kind, recipient_address)" in script
    assert "(factory_run_id) WHERE factory_run_id IS NOT NULL" in script
    for table in MART_TABLES:
        size = sum(key_bytes(column.type.dialect_impl(mssql.dialect())) for column in table.primary_key)
        assert size <= 1700, f"the key of {table.name} may take {size} bytes"


def test_alembic_without_a_database_says_how_to_name_one():
    with pytest.raises(SettingsError, match="-x url="):
        command.upgrade(migrations(), "head")
