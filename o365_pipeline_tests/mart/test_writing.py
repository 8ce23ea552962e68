"""How each database takes rows: whatever they hold, it has what SQLAlchemy would have written one by one."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from o365_pipeline.database.database import Database
from o365_pipeline.errors import DatabaseError
from o365_pipeline.mart.build import rows_of
from o365_pipeline.mart.loading import delete_partition, load_partition
from o365_pipeline.mart.references import PARTITION, own_key
from o365_pipeline.mart.tables import agg_site_storage, dim_person, dim_site
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline.mart.writing import ANY_DATABASE, writer_for
from o365_pipeline_tests.conftest import few
from o365_pipeline_tests.mart.conftest import CUSTOMER, DAY
from o365_pipeline_tests.mart.prepared_rows import prepared

ODD_TEXTS = ("", "\\N", "\\.", "\n\\.\n", '"', '""', '",', ",", "\t", "\r\n", "\n", "\\", "'", "%s", ":x", "?", "NULL")
KNOWN: dict[str, object] = {"person_id": "ann", "extraction_id": "x"}
SITE: dict[str, object] = {"site_id": "s", "owner_count": 1, "extraction_id": "x"}


def values_of(column: sa.Column[Any]) -> st.SearchStrategy[Any]:
    if isinstance(column.type, sa.String):
        drawn = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
        values: st.SearchStrategy[Any] = drawn | st.sampled_from(ODD_TEXTS)
    elif isinstance(column.type, sa.Boolean):
        values = st.booleans()
    elif isinstance(column.type, sa.Integer):
        # Beyond what a column holds, too.
        values = st.integers(-(2**70), 2**70) | st.integers(-2, 2)
    elif isinstance(column.type, sa.Float):
        values = st.floats()
    elif isinstance(column.type, sa.DateTime):
        values = st.datetimes()
    else:
        values = st.dates()
    return values | st.none() if column.nullable and not column.primary_key else values


def rows_for(table: sa.Table) -> st.SearchStrategy[list[dict[str, Any]]]:
    row = st.fixed_dictionaries({c.name: values_of(c) for c in table.columns if c.name not in PARTITION})
    return st.lists(row, max_size=6, unique_by=lambda row: tuple(row[name] for name in own_key(table)))


@pytest.fixture(scope="module")
def sqlite() -> Database:
    return mart_database(sa.URL.create("sqlite", database=str(Path(tempfile.mkdtemp()) / "mart.db")))


@pytest.fixture(scope="module")
def postgresql(postgres: Any) -> Database:
    return mart_database(sa.make_url(postgres.create("writing")))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest) -> Database:
    database: Database = request.getfixturevalue(request.param)
    return database


@few(8)
@given(st.sampled_from((dim_site, agg_site_storage)).flatmap(lambda table: st.tuples(st.just(table), rows_for(table))))
def test_rows_are_those_that_sqlalchemy_writes_whatever_they_hold(
    server: Database, drawn: tuple[sa.Table, list[dict[str, Any]]]
) -> None:
    table, rows = drawn
    source = prepared(table, *rows)
    # Also as the driver has them, where nobody reads a type into them.
    queries = (
        sa.select(table).order_by(*table.primary_key),
        sa.text(f"SELECT * FROM {table.name} ORDER BY 1, 2, 3, 4"),
    )

    with server.begin() as connection:
        assert load_partition(connection, table, source) == len(rows)
        loaded = [connection.execute(query).all() for query in queries]
        delete_partition(connection, table, CUSTOMER, DAY)
        ANY_DATABASE.write(connection, table, (CUSTOMER, DAY), rows_of(source, table.name))
        written = [connection.execute(query).all() for query in queries]
        delete_partition(connection, table, CUSTOMER, DAY)

    assert len(loaded[0]) == len(rows)
    assert loaded == written


def test_a_driver_that_has_no_writer_of_its_own_is_written_to_by_sqlalchemy() -> None:
    assert writer_for(sa.make_url("postgresql+psycopg://").get_dialect()()) is ANY_DATABASE
    assert writer_for(sa.make_url("postgresql+psycopg2://").get_dialect()()) is not ANY_DATABASE


def test_a_transaction_that_ends_without_commit_leaves_the_rows_before_it(server: Database) -> None:
    with server.begin() as connection:
        load_partition(connection, dim_person, prepared(dim_person, KNOWN | {"display_name": "before"}))

    with server.engine.connect() as connection:
        assert load_partition(connection, dim_person, prepared(dim_person, KNOWN, KNOWN | {"person_id": "bob"})) == 2
        connection.rollback()
        names = connection.scalars(sa.select(dim_person.c.display_name)).all()
    with server.begin() as connection:
        load_partition(connection, dim_person, prepared(dim_person))

    assert names == ["before"]


def test_postgresql_takes_rows_by_copy(postgresql: Database) -> None:
    told: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        told.append(statement)

    sa.event.listen(postgresql.engine, "before_cursor_execute", note)
    with postgresql.begin() as connection:
        load_partition(connection, dim_person, prepared(dim_person, KNOWN))
        load_partition(connection, dim_person, prepared(dim_person))
    sa.event.remove(postgresql.engine, "before_cursor_execute", note)

    assert [statement.split()[0] for statement in told] == ["DELETE", "COPY", "DELETE", "COPY"]


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("display_name", "se\0cret", "row 2, display_name: the text holds U+0000"),
        ("person_id", None, "row 2, person_id: there is no value"),
        ("person_id", "ann", "row 2, customer, day, person_id: the key is that of the row before it"),
    ],
)
def test_a_row_that_postgresql_refuses_is_named_and_nothing_of_it_told(
    postgresql: Database, column: str, value: object, reason: str
) -> None:
    source = prepared(dim_person, KNOWN, KNOWN | {"person_id": "bob", "department": "secret"} | {column: value})

    with pytest.raises(DatabaseError) as error, postgresql.begin() as connection:
        load_partition(connection, dim_person, source)

    assert reason in str(error.value)
    assert "secret" not in repr((error.value, error.value.__cause__))


def test_a_refusal_that_no_row_explains_tells_no_value(postgresql: Database) -> None:
    source = prepared(dim_person, KNOWN | {"department": "secret"})

    with postgresql.engine.connect() as connection:
        connection.exec_driver_sql("ALTER TABLE dim_person ADD CHECK (department <> 'secret')")
        with pytest.raises(DatabaseError, match="for another reason") as error:
            load_partition(connection, dim_person, source)

    assert "secret" not in str(error.value) + str(error.value.__cause__)


def test_what_goes_wrong_where_rows_are_made_is_told_as_it_is(server: Database) -> None:
    source = prepared(dim_person, KNOWN | {"display_name": "secret"})
    source.execute("ALTER TABLE dim_person RENAME TO made")
    source.execute("CREATE TEMP VIEW dim_person AS SELECT * REPLACE (display_name::INTEGER AS level) FROM made")

    with pytest.raises(DatabaseError, match="dim_person: its rows cannot be made") as error:
        server.run(lambda connection: load_partition(connection, dim_person, source))

    assert "secret" not in repr((error.value, error.value.__cause__))


@pytest.mark.parametrize("moment", ["infinity", "0044-03-15 (BC)", "10000-01-01"])
def test_a_time_of_no_year_that_databases_have_is_null(server: Database, moment: str) -> None:
    source = prepared(dim_site, SITE)
    source.execute("UPDATE dim_site SET created_at = ?::TIMESTAMP, told_on = ?::DATE", [moment, moment])

    with server.begin() as connection:
        load_partition(connection, dim_site, source)
        found = connection.execute(sa.select(dim_site.c.created_at, dim_site.c.told_on)).one()
        delete_partition(connection, dim_site, CUSTOMER, DAY)

    assert tuple(found) == (None, None)


def test_times_are_kept_to_the_microsecond(server: Database) -> None:
    moment = dt.datetime(1, 2, 3, 4, 5, 6, 7)

    with server.begin() as connection:
        load_partition(connection, dim_site, prepared(dim_site, SITE | {"created_at": moment}))
        found = connection.scalar(sa.select(dim_site.c.created_at))
        delete_partition(connection, dim_site, CUSTOMER, DAY)

    assert found == moment
