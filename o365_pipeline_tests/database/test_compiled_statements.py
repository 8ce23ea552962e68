"""SQL is compiled once for all engines of SQLite, and each runs it with its own values, in its own file."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler

from o365_pipeline.database import compiled_statements
from o365_pipeline.database.database import connectable

numbers = sa.Table("numbers", sa.MetaData(), sa.Column("number", sa.Integer))


def write_and_read(folder: Path, number: int) -> list[int]:
    """The numbers of a file of its own, by an engine of its own, as Dagster makes one for each event."""
    engine = sa.create_engine(f"sqlite:///{folder / f'{number}.db'}", poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE numbers (number INTEGER)")
        connection.execute(numbers.insert().values(number=number))
        return [*connection.scalars(sa.select(numbers.c.number).where(numbers.c.number.in_([number, -number])))]


def test_another_engine_compiles_nothing_anew_and_keeps_its_own_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert write_and_read(tmp_path, 1) == [1]
    monkeypatch.setattr(SQLiteCompiler, "visit_insert", None)
    monkeypatch.setattr(SQLiteCompiler, "visit_select", None)

    assert write_and_read(tmp_path, 2) == [2]


def test_no_more_statements_are_kept_than_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_statements, "STATEMENTS_KEPT", 3)
    with connectable(sa.make_url(f"sqlite:///{tmp_path / 'empty.db'}")).connect() as connection:
        for length in range(1, 9):
            row = tuple(range(length))
            assert connection.execute(sa.select(*map(sa.literal, row))).one() == row

    assert 1 <= len(compiled_statements._compiled) <= 3
