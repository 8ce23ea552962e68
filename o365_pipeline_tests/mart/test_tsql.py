"""The schema as SQL Server is told to make it: T-SQL that parses, of the types, keys and grants that are meant."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
import sqlglot
from sqlglot import exp

from o365_pipeline.database.database import _engine
from o365_pipeline.database.sql_server import DRIVER
from o365_pipeline.mart.tables import MART_TABLES
from o365_pipeline.mart.upgrade import mart_database
from o365_pipeline.mart.views import VIEWS, readers
from o365_pipeline_tests.database import fake_pyodbc
from o365_pipeline_tests.database.fake_pyodbc import FakePyodbc

URL = "mssql+pyodbc://me:secret@server.example/mart"


@pytest.fixture
def pyodbc(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePyodbc]:
    yield fake_pyodbc.install(monkeypatch, DRIVER)
    _engine.cache_clear()


@pytest.fixture
def statements(pyodbc: FakePyodbc) -> list[str]:
    """What an empty database was told, statement by statement."""
    _ = mart_database(sa.make_url(URL)).engine
    return [statement.strip() for statement in pyodbc.executed]


def test_every_statement_parses_as_tsql(statements: list[str]) -> None:
    assert len(statements) > 50
    # The parser does not know SQLAlchemy's savepoints.
    for statement in (one for one in statements if not one.startswith("SAVE TRANSACTION")):
        assert sqlglot.parse_one(statement, dialect="tsql"), statement


def test_a_fresh_schema_alters_no_column_and_merges_nothing(statements: list[str]) -> None:
    text = "\n".join(statements).upper()

    assert "ALTER" not in text and "MERGE" not in text


def test_text_is_nvarchar_times_are_datetime2_flags_are_bits_and_dates_are_dates(statements: list[str]) -> None:
    kinds = {
        column.sql(dialect="tsql").split(" COLLATE")[0]
        for statement in statements
        if "CREATE TABLE" in statement and "alembic_version" not in statement
        for definition in sqlglot.parse_one(statement, dialect="tsql").find_all(exp.ColumnDef)
        if (column := definition.args.get("kind"))
    }

    lengths = {int(length) for kind in kinds for length in re.findall(r"^NVARCHAR\((\d+)\)", kind)}
    assert lengths <= {50, 64, 90, 100, 200, 256, 300, 320, 400, 1000, 4000}
    others = {kind for kind in kinds if not re.match(r"N?VARCHAR\(\d+\)", kind)}
    assert others == {"NVARCHAR(MAX)", "DATETIME2(6)", "DATE", "INTEGER", "BIGINT", "BIT", "FLOAT"}


def test_keys_fit_their_indexes_and_rows_lie_by_partition(statements: list[str]) -> None:
    text = "\n".join(statements)

    for table in MART_TABLES:
        assert f"CONSTRAINT pk_{table.name} PRIMARY KEY NONCLUSTERED (customer, day" in text
        assert f"CREATE CLUSTERED INDEX ix_{table.name}_partition ON {table.name} (customer, day)" in statements


def test_tables_views_and_columns_carry_their_comments(statements: list[str]) -> None:
    comments = [statement for statement in statements if "sp_addextendedproperty" in statement]

    assert len(comments) > sum(len(table.columns) + 1 for table in MART_TABLES)
    for view in VIEWS.values():
        [told] = [comment for comment in comments if f"N'view', N'{view.name}'" in comment]
        calls = sqlglot.parse(told, dialect="tsql")
        assert len(calls) == told.count("EXEC sp_addextendedproperty") == 1 + len(view.comments)


def test_readers_see_the_mart_its_dictionary_and_views_and_nothing_else_of_the_ledger(statements: list[str]) -> None:
    granted = re.findall(r"GRANT (\w+) ON (\w+) TO mart_reader\b", "\n".join(statements))

    assert {name for _, name in granted} == {*(table.name for table in MART_TABLES), "data_dictionary", *VIEWS}
    assert {right for right, _ in granted} == {"SELECT"}
    of_groups = re.findall(r"GRANT (\w+) ON (\w+) TO mart_group_reader", "\n".join(statements))
    assert of_groups == [("SELECT", name) for name, view in VIEWS.items() if view.leaves_out_small_groups]
    of_insights = re.findall(r"GRANT (\w+) ON (\w+) TO mart_insights\b", "\n".join(statements))
    assert of_insights == [("SELECT", name) for name in readers.OF_INSIGHTS]
    for name in ("mart_reader", "mart_insights", "mart_group_reader"):
        [made] = [number for number, text in enumerate(statements) if f"CREATE ROLE {name}" in text]
        assert statements[made].startswith(f"IF DATABASE_PRINCIPAL_ID('{name}') IS NULL")
        assert not [text for text in statements[:made] if f"TO {name}" in text]


def test_a_user_who_may_not_make_roles_gets_the_schema_and_one_line(
    pyodbc: FakePyodbc, caplog: pytest.LogCaptureFixture
) -> None:
    pyodbc.refused = {"CREATE ROLE": fake_pyodbc.Error("42000", "CREATE ROLE permission denied (262) (SQL)")}

    _ = mart_database(sa.make_url(URL)).engine

    assert any("CREATE VIEW department_week" in statement for statement in pyodbc.executed)
    assert not any("GRANT" in statement for statement in pyodbc.executed)
    [line] = [record.getMessage() for record in caplog.records]
    assert "`o365-pipeline mart readers`" in line and "CREATE ROLE mart_group_reader" in line


def test_views_are_made_one_by_one_and_readers_see_them(statements: list[str]) -> None:
    for name in VIEWS:
        [made] = [number for number, text in enumerate(statements) if text.startswith(f"CREATE VIEW {name} AS")]
        assert statements[made - 1] == f"DROP VIEW IF EXISTS {name}"
        assert f"GRANT SELECT ON {name} TO mart_reader" in statements[made + 1 :]


def test_a_server_that_takes_no_comments_gets_the_schema_without_them(
    pyodbc: FakePyodbc, caplog: pytest.LogCaptureFixture
) -> None:
    pyodbc.refused = {"sp_addextendedproperty": fake_pyodbc.Error("42000", "syntax error near 'dbo' (33557097) (SQL)")}

    _ = mart_database(sa.make_url(URL)).engine

    [refused] = [number for number, found in enumerate(pyodbc.executed) if "sp_addextended" in found]
    after = pyodbc.executed[refused + 1 :]
    for name in ("ledger_approval_event", "fact_message"):
        assert any(f"CREATE TABLE {name}" in statement for statement in after)
    assert any("GRANT SELECT ON ledger_row_provenance" in statement for statement in after)
    assert "without their comments" in caplog.text
