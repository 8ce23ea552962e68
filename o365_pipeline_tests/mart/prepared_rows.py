"""Rows of mart tables made by hand, where the pipeline's SQL would have prepared them."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import sqlalchemy as sa

from o365_pipeline.mart.build import prepare
from o365_pipeline.mart.references import PARTITION
from o365_pipeline_tests.mart.conftest import CUSTOMER, DAY


def prepared(table: sa.Table, *rows: Mapping[str, object]) -> duckdb.DuckDBPyConnection:
    """A connection that has prepared these rows of a table for CUSTOMER and DAY; what a row does not name is null."""
    connection = duckdb.connect()
    prepare(connection, CUSTOMER, DAY, tables=())
    columns = [column for column in table.columns if column.name not in PARTITION]
    # What does not fit the mart's column has to reach it.
    kinds = ["HUGEINT" if isinstance(column.type, sa.Integer) else column.type.compile() for column in columns]
    fields = ", ".join(f"{column.name} {kind}" for column, kind in zip(columns, kinds, strict=True))
    connection.execute(f"CREATE TEMP TABLE {table.name} ({fields})")
    marks = ", ".join("?" for _ in columns)
    for row in rows:
        values = [row.get(column.name) for column in columns]
        connection.execute(f"INSERT INTO {table.name} VALUES ({marks})", values)
    return connection
