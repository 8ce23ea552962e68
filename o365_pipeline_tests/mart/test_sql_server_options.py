"""Steps that only some servers take: what is asked of them, and one line where they refuse."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import sqlglot

from o365_pipeline.cli import main as cli
from o365_pipeline.database.database import Database
from o365_pipeline.database.sql_server import DRIVER
from o365_pipeline.errors import OptionRefusedError
from o365_pipeline.mart.sql_server_options import (
    APPLICATION,
    GROUP,
    add_columnstore,
    admit_principal,
    grant_rows,
    reader_customer,
    restrict_rows,
)
from o365_pipeline.mart.tables import MART_TABLES
from o365_pipeline_tests.database import fake_pyodbc
from o365_pipeline_tests.database.fake_pyodbc import FakePyodbc
from o365_pipeline_tests.mart.conftest import sqlite_only

OPTIONS = [add_columnstore, restrict_rows]
REFUSAL = (
    "[Microsoft][ODBC Driver 18 for SQL Server][SQL Server]'{}' is not currently supported (33557097) (SQLExecDirectW)"
)


@pytest.fixture
def pyodbc(monkeypatch: pytest.MonkeyPatch) -> FakePyodbc:
    return fake_pyodbc.install(monkeypatch, DRIVER)


def server(pyodbc: FakePyodbc) -> sa.Engine:
    return sa.create_engine("mssql+pyodbc://me:secret@server.example/mart?driver=x", module=pyodbc)


@pytest.mark.parametrize("option", OPTIONS)
def test_what_is_asked_of_sql_server_is_tsql(pyodbc: FakePyodbc, option: Any) -> None:
    with server(pyodbc).begin() as connection:
        option(connection)

    asked = [statement for statement in pyodbc.executed if "CREATE" in statement]
    assert asked
    for statement in asked:
        if "SECURITY POLICY" not in statement:
            assert sqlglot.parse(statement, dialect="tsql"), statement


@pytest.mark.parametrize("kind", [GROUP, APPLICATION])
def test_who_is_admitted_is_told_to_the_server_by_id_and_type_and_becomes_a_member(
    pyodbc: FakePyodbc, kind: str
) -> None:
    identifier = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
    with server(pyodbc).begin() as connection:
        admit_principal(connection, "of ]us", identifier, "mart_insights", kind)

    user = f"CREATE USER [of ]]us] WITH SID = 0x33221100554477668899aabbccddeeff, TYPE = {kind}"
    assert pyodbc.executed[-2:] == [user, "ALTER ROLE mart_insights ADD MEMBER [of ]]us]"]


def test_columnstores_are_made_for_all_but_the_dimensions(pyodbc: FakePyodbc) -> None:
    with server(pyodbc).begin() as connection:
        told = add_columnstore(connection)

    made = [statement.split(" ON ")[1].split()[0] for statement in pyodbc.executed if "COLUMNSTORE INDEX" in statement]
    assert made == [table.name for table in MART_TABLES if not table.name.startswith("dim_")]
    assert told == f"columnstore indexes: {len(made)} made, 0 there already"


def test_the_policy_filters_every_table_and_lets_whoever_sets_it_see_all(pyodbc: FakePyodbc) -> None:
    with server(pyodbc).begin() as connection:
        told = restrict_rows(connection)

    [policy] = [statement for statement in pyodbc.executed if "CREATE SECURITY POLICY" in statement]
    for table in (*(table.name for table in MART_TABLES), "ledger_extraction"):
        assert f"dbo.mart_customer_is_granted(customer) ON dbo.{table}" in policy
    assert any("INSERT INTO mart_reader_customer" in statement for statement in pyodbc.executed)
    assert told.startswith("rows are restricted")


def test_what_is_there_already_is_not_made_again(pyodbc: FakePyodbc) -> None:
    pyodbc.answers["sys.security_policies"] = 1

    with server(pyodbc).begin() as connection:
        told = restrict_rows(connection)

    assert told == "rows are restricted already"
    assert not [statement for statement in pyodbc.executed if "CREATE" in statement]


@pytest.mark.parametrize(
    ("option", "words", "what"),
    [(add_columnstore, "COLUMNSTORE INDEX", "columnstore indexes"), (restrict_rows, "POLICY", "security policies")],
)
def test_a_server_that_refuses_is_quoted_in_one_line(pyodbc: FakePyodbc, option: Any, words: str, what: str) -> None:
    pyodbc.refused = {words: fake_pyodbc.Error("42000", REFUSAL.format(words))}

    with pytest.raises(OptionRefusedError) as caught, server(pyodbc).begin() as connection:
        option(connection)

    assert str(caught.value) == (
        f"this server refused {what}, nothing was changed; it says: "
        f"'{words}' is not currently supported (33557097) (SQLExecDirectW)"
    )


@pytest.mark.parametrize("option", OPTIONS)
def test_whatever_the_server_says_of_an_option_is_done_or_one_line(database: Database, option: Any) -> None:
    try:
        told = database.run(option)
    except OptionRefusedError as error:
        told = str(error)
        assert "nothing was changed" in told

    assert "\n" not in told


def test_a_reader_is_granted_a_customer_once(database: Database) -> None:
    with database.begin() as connection:
        reader_customer.create(connection)
        for _ in range(2):
            grant_rows(connection, "analyst", "contoso")

        assert connection.execute(sa.select(reader_customer)).all() == [("analyst", "contoso")]


@sqlite_only
@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["show"], 0, "fact_message"),
        (["columnstore"], 1, "sqlite has no columnstore indexes; nothing was changed"),
        (["row-security"], 1, "sqlite has no security policies; nothing was changed"),
        (["row-security", "--reader", "analyst"], 2, "--reader needs --customer"),
        (["columnstore", "--customer", "nobody"], 2, "unknown customer 'nobody'"),
    ],
)
def test_the_commands_end_with_the_status_of_what_they_did(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    status: int,
    words: str,
) -> None:
    monkeypatch.setenv("O365_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["o365-pipeline", "mart", *arguments])

    with pytest.raises(SystemExit) as ended:
        cli.main()

    out, err = capsys.readouterr()
    assert ended.value.code == status
    assert words in (err if status else out)
