"""Writing rows of the ledger so that writing them again, or at the same time as another process, changes nothing."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from o365_pipeline.database.database import Database
from o365_pipeline.database.ledger import feed, insert_new, operation, put, record_aside

NOW = dt.datetime(2026, 11, 20)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(sa.URL.create("sqlite", database=str(tmp_path / "ledger.db")))
    for table in (feed, operation, record_aside):
        table.create(database.engine)
    return database


def aside(record_id: str, customer: str = "contoso", reason: str = "unknown") -> dict[str, Any]:
    return {"customer": customer, "record_id": record_id, "reason": reason, "record": "", "recorded_at": NOW}


def counted(record_id: str, customer: str = "contoso") -> dict[str, Any]:
    row = {"customer": customer, "record_id": record_id, "dataset": "Message_v1", "status": "Succeeded"}
    return row | {"undelivered": "[]", "recorded_at": NOW}


def kept(database: Database, *columns: sa.Column[Any]) -> list[tuple[Any, ...]]:
    with database.begin() as connection:
        return [tuple(row) for row in connection.execute(sa.select(*columns).order_by(*columns))]


def test_rows_whose_keys_are_there_are_left_out_and_those_that_come_twice_are_inserted_once(database: Database) -> None:
    with database.begin() as connection:
        assert insert_new(connection, record_aside, [aside("a")]) == [aside("a")]
        new = insert_new(connection, record_aside, [aside("b"), aside("a", reason="another"), aside("b")])

    assert new == [aside("b")]
    key = record_aside.c.record_id, record_aside.c.reason
    assert kept(database, *key) == [("a", "unknown"), ("b", "unknown")]


def test_a_key_is_all_of_its_columns(database: Database) -> None:
    with database.begin() as connection:
        insert_new(connection, record_aside, [aside("a"), aside("b", "fabrikam")])
        new = insert_new(connection, record_aside, [aside("a", "fabrikam"), aside("b"), aside("a")])

    assert new == [aside("a", "fabrikam"), aside("b")]


def test_nothing_to_insert_is_no_statement(database: Database) -> None:
    with database.begin() as connection:
        assert insert_new(connection, record_aside, []) == []


def test_rows_of_an_append_only_table_take_the_next_places_in_their_order(database: Database) -> None:
    with database.begin() as connection:
        insert_new(connection, operation, [counted("z"), counted("b")])
        insert_new(connection, operation, [counted("z"), counted("y", "fabrikam"), counted("a")])

    places = operation.c.sequence, operation.c.record_id
    assert kept(database, *places) == [(1, "z"), (2, "b"), (3, "y"), (4, "a")]


def test_of_two_that_insert_the_same_row_at_the_same_time_one_does_and_the_other_finds_it(database: Database) -> None:
    looked: list[int] = []

    def work(connection: sa.Connection) -> bool:
        if not looked:
            # Whoever comes between the look and the insert has been faster.
            def insert_before(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
                if statement.startswith("INSERT") and looked == [1]:
                    looked.append(2)
                    database.execute(record_aside.insert().values(aside("a")))

            sa.event.listen(connection, "before_cursor_execute", insert_before)
        looked.append(1)
        return bool(insert_new(connection, record_aside, [aside("a")]))

    assert database.run(work) is False
    assert looked == [1, 2, 1]
    assert kept(database, record_aside.c.record_id) == [("a",)]


def test_a_row_that_can_never_be_inserted_is_tried_twice_and_then_an_error(database: Database) -> None:
    tried: list[int] = []

    def work(connection: sa.Connection) -> None:
        tried.append(1)
        connection.execute(record_aside.insert().values(aside("a") | {"reason": None}))

    with pytest.raises(sa.exc.IntegrityError):
        database.run(work)
    assert len(tried) == 2


def test_a_row_is_put_in_the_place_of_the_one_with_its_key_and_columns_that_it_does_not_name_stay(
    database: Database,
) -> None:
    with database.begin() as connection:
        put(connection, feed, {"customer": "contoso", "read_until": NOW, "told": "Approved"})
        put(connection, feed, {"customer": "fabrikam", "read_until": NOW})
        put(connection, feed, {"customer": "contoso", "read_until": NOW + dt.timedelta(days=1)})

    assert kept(database, feed.c.customer, feed.c.read_until, feed.c.told) == [
        ("contoso", NOW + dt.timedelta(days=1), "Approved"),
        ("fabrikam", NOW, None),
    ]
