"""Transactions that are done again after an error that passes: all of them, or nothing."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from o365_pipeline.database import transient
from o365_pipeline.database.database import Database
from o365_pipeline.errors import DatabaseError, DatabaseUnavailableError
from o365_pipeline.mart.build import prepare
from o365_pipeline.mart.loading import load_partition
from o365_pipeline.mart.tables import MART_TABLES
from o365_pipeline_tests.mart.conftest import CUSTOMER, DAY, address, at

DRIVER = "[Microsoft][ODBC Driver 18 for SQL Server]"
DEADLOCK = ("40001", f"[40001] {DRIVER}[SQL Server]Transaction (Process ID 52) was deadlocked. (1205) (SQLExecDirectW)")
MOVED = ("HY000", f"[HY000] {DRIVER}[SQL Server]Database 'mart' on server 's' is not available. (40613) (SQLExecute)")
LOST = ("08S01", f"[08S01] {DRIVER}Communication link failure (0) (SQLEndTran)")
LOGIN = ("HYT00", f"[HYT00] {DRIVER}Login timeout expired (0) (SQLDriverConnect)")
RESET = ("08001", f"[08001] {DRIVER}TCP Provider: Error code 0x2746 (10054) (SQLDriverConnect)")
DUPLICATE = ("23000", f"[23000] {DRIVER}[SQL Server]Violation of PRIMARY KEY constraint 'pk'. (2627) (SQLExecute)")
TRUNCATED = ("22001", f"[22001] {DRIVER}[SQL Server]Text does not fit nvarchar(64) or (233) there (8152) (SQLExecute)")
REFUSED = ("28000", f"[28000] {DRIVER}[SQL Server]Login failed for user 'me'. (18456) (SQLDriverConnect)")

Fail = Callable[..., list[str]]


@pytest.fixture
def paused(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that would have been made."""
    pauses: list[float] = []
    monkeypatch.setattr(transient.time, "sleep", pauses.append)
    return pauses


@pytest.fixture
def fail(database: Database) -> Fail:
    """fail(words, error, ...) lets statements with these words end in one error after the other; then they work."""

    def fail(words: str, *errors: tuple[str, str]) -> list[str]:
        left, met = list(errors), []

        def raise_next(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if words in statement and left:
                met.append(statement)
                # The errors of the driver that these tests can do without carry such arguments.
                error, driver = left.pop(0), database.engine.dialect.loaded_dbapi
                raise (driver.IntegrityError if error == DUPLICATE else driver.OperationalError)(*error)

        sa.event.listen(database.engine, "before_cursor_execute", raise_next)
        return met

    return fail


@pytest.fixture
def load_day(curated: Any, fill: Any, database: Database, organization: None) -> Callable[[], int]:
    """Load a day of one mail as the assets do: rows anew for each try."""
    fill("message", {"puser": "bob", "id": "1", "from": address("ann"), "sent_date_time": at(9)})
    prepare(curated, CUSTOMER, DAY)

    def load(connection: sa.Connection) -> int:
        return sum(load_partition(connection, table, curated) for table in MART_TABLES)

    return lambda: database.run(load)


def test_a_deadlock_is_met_by_the_whole_transaction_again_after_growing_pauses(
    load_day: Callable[[], int], content: Any, fail: Fail, paused: list[float]
) -> None:
    met = fail("INSERT INTO fact_message", DEADLOCK, MOVED)

    loaded = load_day()

    assert len(met) == 2
    assert paused == [1, 3]
    assert sum(map(len, content().values())) == loaded
    assert len(content()["fact_message"]) == 1
    assert len(content()["dim_person"]) == 5


def test_an_error_that_stays_is_told_at_once_and_leaves_nothing_half(
    load_day: Callable[[], int], content: Any, fail: Fail, paused: list[float]
) -> None:
    met = fail("INSERT INTO fact_message", DUPLICATE)

    with pytest.raises(DatabaseError, match="fact_message of contoso, 2026-01-05: the database refuses rows") as raised:
        load_day()

    assert "2627" in str(raised.value.__cause__)
    assert len(met) == 1
    assert paused == []
    assert not any(content().values())


def test_after_too_many_errors_one_line_says_what_to_do_and_nothing_is_half(
    load_day: Callable[[], int], content: Any, fail: Fail, paused: list[float]
) -> None:
    met = fail("INSERT INTO fact_message", *[DEADLOCK] * 9)

    with pytest.raises(DatabaseUnavailableError, match=r"failed 5 times .* the last time 1205; .* try again later"):
        load_day()

    assert len(met) == 5
    assert paused == list(transient.PAUSES) == sorted(transient.PAUSES)
    assert not any(content().values())


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (DEADLOCK, "1205"),
        (MOVED, "40613"),
        (LOST, "08S01"),
        (LOGIN, "HYT00"),
        (RESET, "10054"),
        (DUPLICATE, None),
        (REFUSED, None),
        (TRUNCATED, None),
        (("database is locked",), None),
    ],
)
def test_errors_that_pass_are_known_by_microsofts_numbers_and_states(words: tuple[str, ...], code: str | None) -> None:
    error = sa.exc.DBAPIError("SELECT 1", None, sqlite3.OperationalError(*words))

    assert transient.transient_code(error) == code


def test_a_statement_alone_is_repeated_too(database: Database, fail: Fail, paused: list[float]) -> None:
    table = MART_TABLES[0]
    fail("INSERT INTO", LOST)
    row = {"customer": CUSTOMER, "day": dt.date(2026, 1, 5), "person_id": "ann", "extraction_id": "x"}

    assert database.execute(table.insert().values(row)) == 1
    assert paused == [1]


def test_nothing_is_begun_again_where_the_server_itself_took_the_time(
    database: Database, fail: Fail, paused: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    fail("SELECT 1", LOGIN)
    monkeypatch.setattr(transient, "PATIENCE_SECONDS", -1.0)

    with pytest.raises(DatabaseUnavailableError, match="failed 1 times with a passing error, the last time HYT00"):
        database.run(lambda connection: connection.execute(sa.text("SELECT 1")))

    assert paused == []
