"""The migrations as a script for SQL Server: T-SQL that parses, of the types, keys and grants that are meant."""

from __future__ import annotations

import io
import re
from argparse import Namespace

import pytest
import sqlglot
from alembic import command
from sqlglot import exp

from o365_pipeline.database.database import migrations
from o365_pipeline.mart.tables import MART_TABLES

URL = "mssql+pyodbc://@server.example/mart"


def script(run: str, revisions: str) -> list[str]:
    """The batches of a script that upgrades or downgrades."""
    config, out = migrations(), io.StringIO()
    config.output_buffer = out
    config.cmd_opts = Namespace(x=[f"url={URL}"])
    getattr(command, run)(config, revisions, sql=True)
    lines = [line for line in out.getvalue().splitlines() if not line.startswith("--")]
    return [batch.strip() for batch in re.split(r"^GO$", "\n".join(lines), flags=re.MULTILINE) if batch.strip()]


@pytest.fixture(scope="module")
def batches() -> list[str]:
    return script("upgrade", "head")


@pytest.fixture(scope="module")
def text(batches: list[str]) -> str:
    return "\n".join(batches)


@pytest.mark.parametrize(("run", "revisions"), [("upgrade", "head"), ("downgrade", "head:base")])
def test_every_batch_parses_as_tsql(run: str, revisions: str) -> None:
    found = script(run, revisions)

    assert len(found) > 50
    for batch in found:
        assert sqlglot.parse(batch, dialect="tsql"), batch


def test_a_view_is_alone_in_its_batch_and_nothing_is_merged(batches: list[str], text: str) -> None:
    [view] = [batch for batch in batches if "CREATE VIEW" in batch]
    assert view.startswith("CREATE VIEW ledger_row_provenance")
    assert len([part for part in sqlglot.parse(view, dialect="tsql") if part]) == 1
    assert "MERGE" not in text.upper()


def test_text_is_nvarchar_times_are_datetime2_flags_are_bits_and_dates_are_dates(batches: list[str]) -> None:
    kinds = {
        column.sql(dialect="tsql").split(" COLLATE")[0]
        for batch in batches
        for statement in sqlglot.parse(batch, dialect="tsql")
        if statement
        for definition in statement.find_all(exp.ColumnDef)
        if (column := definition.args.get("kind"))
    }

    lengths = {int(length) for kind in kinds for length in re.findall(r"^NVARCHAR\((\d+)\)", kind)}
    assert lengths <= {50, 64, 90, 100, 200, 256, 300, 320, 400, 1000, 4000}
    others = {kind for kind in kinds if not re.match(r"N?VARCHAR\(\d+\)", kind)}
    assert others == {"NVARCHAR(MAX)", "DATETIME2(6)", "DATE", "INTEGER", "BIGINT", "BIT", "FLOAT"}


def test_keys_fit_their_indexes_and_rows_lie_by_partition(text: str) -> None:
    for table in MART_TABLES:
        assert f"CONSTRAINT pk_{table.name} PRIMARY KEY NONCLUSTERED (customer, day" in text
        assert f"CREATE CLUSTERED INDEX ix_{table.name}_partition ON {table.name} (customer, day)" in text


def test_readers_see_the_mart_its_dictionary_and_the_provenance_and_nothing_else_of_the_ledger(text: str) -> None:
    granted = re.findall(r"GRANT (\w+) ON (\w+) TO mart_reader", text)

    others = {"ledger_row_provenance", "data_dictionary"}
    assert {name for _, name in granted} == {*(table.name for table in MART_TABLES), *others}
    assert {right for right, _ in granted} == {"SELECT"}
    assert re.search(r"IF NOT EXISTS \(SELECT 1 FROM sys.database_principals .*\) CREATE ROLE mart_reader", text)


def test_a_default_is_dropped_by_whatever_name_the_server_gave_it() -> None:
    [batch] = [batch for batch in script("downgrade", "0003:0002") if "'scope'" in batch and "declare" in batch]

    assert "sys.default_constraints" in batch
    assert "drop constraint ' + @const_name" in batch
